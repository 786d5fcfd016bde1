// The pin of a chunk store: a registered reader without a snapshot.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>

#include "store/engine/chunk_store.h"
#include "store/engine/reader_registry.h"

namespace kvfs {

class ReaderPin final : public ChunkStore::Pin {
 public:
  /// Protects all that any reader of this moment can see, so also what the caller's own older snapshot sees.
  ReaderPin(ReaderRegistry& readers, const std::atomic<Sequence>& visible)
      : readers_(readers), slot_(readers.acquire()) {
    const Sequence oldest = readers.oldest();
    const Sequence entered = slot_->enter(visible);
    slot_->enter_at(std::min(oldest, entered));
  }
  ~ReaderPin() override { readers_.release(slot_); }
  ReaderPin(const ReaderPin&) = delete;
  ReaderPin& operator=(const ReaderPin&) = delete;

 private:
  ReaderRegistry& readers_;
  ReaderRegistry::Slot* const slot_;
};

}  // namespace kvfs
