// A transaction over a reading and its own write set; a snapshot is the same without writes.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "store/engine/engine.h"
#include "store/engine/prefetching.h"
#include "store/engine/reading.h"
#include "store/engine/write_set.h"

namespace kvfs {

/// The stricter one of two policies; of two of a kind the smaller number.
inline Durability stricter(const Durability& a, const Durability& b) {
  if (a.mode != b.mode) return a.mode > b.mode ? a : b;
  return a.n <= b.n ? a : b;
}

class JournaledSnapshot final : public Snapshot, public Prefetching {
 public:
  JournaledSnapshot(ReadingPool& pool, std::unique_ptr<Reading> reading) : pool_(pool), reading_(std::move(reading)) {}
  ~JournaledSnapshot() override { pool_.put_back(std::move(reading_)); }
  std::optional<std::string_view> get(std::string_view key) const override {
    return reading_->get(key, reading_->sequence());
  }
  std::unique_ptr<Cursor> cursor() const override { return reading_->cursor(nullptr, reading_->sequence()); }
  Sequence sequence() const override { return reading_->sequence(); }
  void prefetch(std::span<const std::string_view> keys) const override { reading_->prefetch(keys); }

 private:
  ReadingPool& pool_;
  std::unique_ptr<Reading> reading_;
};

class JournaledTransaction final : public Transaction, public Prefetching {
 public:
  /// Reads what was committed up to `sequence`. `writes` is empty.
  JournaledTransaction(const Reading& reading, Sequence sequence, WriteSet& writes, const Durability& durability)
      : reading_(reading), sequence_(sequence), writes_(writes), durability_(durability) {}

  std::optional<std::string_view> get(std::string_view key) const override {
    const uint64_t hash = row_hash(key);
    if (const WriteSet::Change* own = writes_.find(key, hash))
      return own->erased ? std::nullopt : std::optional(own->value);
    return reading_.get(key, hash, sequence_);
  }
  std::unique_ptr<Cursor> cursor() const override { return reading_.cursor(&writes_, sequence_); }
  Sequence sequence() const override { return sequence_; }
  void prefetch(std::span<const std::string_view> keys) const override { reading_.prefetch(keys); }
  void put(std::string_view key, std::string_view value) override { writes_.put(key, value); }
  void erase(std::string_view key) override { writes_.erase(key); }
  void require(const Durability& durability) override { durability_ = stricter(durability_, durability); }
  void use_chunk(const ChunkRef& ref) override { writes_.used.push_back(ref); }
  void release_chunk(const ChunkRef& ref) override { writes_.released.push_back(ref); }

  const Durability& durability() const { return durability_; }

 private:
  const Reading& reading_;
  const Sequence sequence_;
  WriteSet& writes_;
  Durability durability_;
};

}  // namespace kvfs
