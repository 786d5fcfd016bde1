// The memory of a memtable's versions: taken from an arena, and used again when nobody can see a version any more, so
// that a key which is written over and over does not fill the memtable.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>

#include "store/engine/arena.h"
#include "store/engine/engine.h"

namespace kvfs {

/// Thread safety: none; a memtable's writer alone calls it. Versions may be read from any thread.
class VersionPool {
 public:
  struct Version {
    Sequence sequence;
    const Version* older;  // of the same key
    uint32_t value_bytes;
    bool erased;

    std::string_view value() const { return {reinterpret_cast<const char*>(this + 1), value_bytes}; }
  };

  explicit VersionPool(Arena& arena) : arena_(arena) {}

  /// Uses the memory of versions that were retired at or before `horizon`.
  Version* make(Sequence sequence, std::string_view value, bool erased, Sequence horizon);
  /// The version was replaced by one of sequence `at`. REQUIRES: `at` does not go back.
  void retire(const Version* version, Sequence at) {
    retired_.push_back({const_cast<Version*>(version), at});
    ++retired_count_;
  }
  uint64_t retired() const { return retired_count_; }  // in all

 private:
  // Pieces of alike sizes share a list: in steps of 32 bytes, and beyond 1 KiB of 1 KiB; larger ones are not reused.
  static constexpr size_t kSmallStep = 32;
  static constexpr size_t kSmallClasses = 32;
  static constexpr size_t kLargeStep = 1024;
  static constexpr size_t kLargeClasses = 16;
  static constexpr size_t kClasses = kSmallClasses + kLargeClasses;

  struct Retired {
    Version* version;
    Sequence at;
  };
  struct Size {
    size_t bytes;
    size_t list;  // kClasses: none
  };
  static Size size_of(size_t value_bytes);
  void reuse_until(Sequence horizon);

  Arena& arena_;
  std::deque<Retired> retired_;  // by ascending sequences
  uint64_t retired_count_ = 0;
  std::array<Version*, kClasses> free_{};
};

}  // namespace kvfs
