// The changes of one transaction before it commits, readable in order.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "store/engine/chunk_store.h"

namespace kvfs {

/// Reused from transaction to transaction: no allocation for small ones. Not thread-safe.
class WriteSet {
 public:
  struct Change {
    bool erased = false;
    std::string_view value;
  };
  using Changes = std::pmr::map<std::string_view, Change>;

  WriteSet() = default;
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;

  /// Bytes are copied; all views handed out stay valid until clear().
  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void clear();

  const Changes& changes() const { return changes_; }
  bool empty() const { return changes_.empty() && released.empty(); }

  std::vector<ChunkRef> used;
  std::vector<ChunkRef> released;

 private:
  std::string_view copy(std::string_view bytes);
  Change& at(std::string_view key);

  std::array<std::byte, 16 * 1024> first_block_;
  std::pmr::monotonic_buffer_resource arena_{first_block_.data(), first_block_.size()};
  Changes changes_{&arena_};
};

/// Moves over the changes, erased keys included. Sought again after every change of the set.
class WriteSetIterator {
 public:
  explicit WriteSetIterator(const WriteSet& set) : changes_(set.changes()), at_(changes_.end()) {}
  void seek(std::string_view key) { at_ = changes_.lower_bound(key); }
  void seek_before(std::string_view key) {
    at_ = changes_.lower_bound(key);
    prev();
  }
  void next() { ++at_; }
  void prev() { at_ = at_ == changes_.begin() ? changes_.end() : std::prev(at_); }
  bool valid() const { return at_ != changes_.end(); }
  std::string_view key() const { return at_->first; }
  std::string_view value() const { return at_->second.value; }
  bool erased() const { return at_->second.erased; }

 private:
  const WriteSet::Changes& changes_;
  WriteSet::Changes::const_iterator at_;
};

}  // namespace kvfs
