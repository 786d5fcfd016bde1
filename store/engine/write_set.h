// The changes of one transaction before it commits, readable in order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "store/engine/chunk_store.h"
#include "store/engine/row_hash.h"

namespace kvfs {

/// Found by a hash; order is made when somebody asks for it, since most transactions read nothing in order.
/// Reused from transaction to transaction: no allocation for small ones. Not thread-safe.
class WriteSet {
 public:
  struct Change {
    bool erased = false;
    std::string_view value;
  };
  struct Item {
    std::string_view key;
    Change change;
    uint64_t hash = 0;  // row_hash(key)
  };
  using Ordered = std::pmr::map<std::string_view, size_t>;  // key -> place in changes()

  WriteSet();
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;

  /// Bytes are copied; all views handed out stay valid until clear().
  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void clear();

  /// One for each key, in the order in which they were first changed.
  const std::vector<Item>& changes() const { return items_; }
  /// Null: the key was not changed. Valid until the next change.
  const Change* find(std::string_view key) const { return items_.empty() ? nullptr : find(key, row_hash(key)); }
  /// `hash` is row_hash(key).
  const Change* find(std::string_view key, uint64_t hash) const;
  /// Of all changes, those to come included, until clear().
  const Ordered& ordered() const;
  bool empty() const { return items_.empty() && released.empty(); }

  std::vector<ChunkRef> used;
  std::vector<ChunkRef> released;

 private:
  std::string_view copy(std::string_view bytes);
  Change& at(std::string_view key);
  /// Where the key is in slots_, or the empty place where it belongs.
  size_t slot_of(std::string_view key, uint64_t hash) const;
  void grow();

  std::array<std::byte, 16 * 1024> first_block_;
  mutable std::pmr::monotonic_buffer_resource arena_{first_block_.data(), first_block_.size()};
  std::vector<Item> items_;
  std::vector<uint32_t> slots_;  // places in items_ plus one, by hash; 0: empty; at least half of them are
  mutable bool is_ordered_ = false;
  mutable Ordered ordered_{&arena_};
};

/// Moves over the changes, erased keys included. Sought again after every change of the set.
class WriteSetIterator {
 public:
  explicit WriteSetIterator(const WriteSet& set) : set_(set), ordered_(set.ordered()), at_(ordered_.end()) {}
  void seek(std::string_view key) { at_ = ordered_.lower_bound(key); }
  void seek_before(std::string_view key) {
    at_ = ordered_.lower_bound(key);
    prev();
  }
  void next() { ++at_; }
  void prev() { at_ = at_ == ordered_.begin() ? ordered_.end() : std::prev(at_); }
  bool valid() const { return at_ != ordered_.end(); }
  std::string_view key() const { return at_->first; }
  std::string_view value() const { return change().value; }
  bool erased() const { return change().erased; }

 private:
  const WriteSet::Change& change() const { return set_.changes()[at_->second].change; }

  const WriteSet& set_;
  const WriteSet::Ordered& ordered_;
  WriteSet::Ordered::const_iterator at_;
};

}  // namespace kvfs
