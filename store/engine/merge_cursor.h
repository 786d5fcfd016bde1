// One ordered view over layers of which the upper ones hide the lower: own writes, memtables, base.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "store/engine/base_lmdb.h"
#include "store/engine/engine.h"
#include "store/engine/layers.h"
#include "store/engine/write_set.h"

namespace kvfs {

/// Views it hands out live as long as the view of the base and the layers.
class MergeCursor final : public Cursor {
 public:
  /// `own` may be null. Must not outlive its arguments.
  MergeCursor(const WriteSet* own, const Layers& layers, const Base::View& base, Sequence sequence);

  void seek(std::string_view key) override;
  void seek_before(std::string_view key) override;
  void next() override;
  void prev() override;

 private:
  // Upper layers first: of equal keys the first counts.
  enum Layer : size_t { kOwn, kActive, kFrozen, kBase, kLayers, kNone = kLayers };
  enum class Move { seek, seek_before, next, prev };
  struct Head {
    bool valid = false;
    bool erased = false;
    std::string_view key;
    std::string_view value;
  };

  void move(size_t layer, Move how, std::string_view key);
  template <class Iterator>
  static Head moved(Iterator& iterator, Move how, std::string_view key);
  void move_all(Move how, std::string_view key);
  /// Moves the layers that stand at `key`.
  void leave(std::string_view key, Move how);
  void settle_forward();
  void settle_backward();
  void stand_at_current();

  std::optional<WriteSetIterator> own_;
  std::optional<Memtable::Iterator> active_;
  std::optional<Memtable::Iterator> frozen_;
  Base::RowCursor base_;
  std::array<Head, kLayers> heads_;
  size_t current_ = kNone;
  bool only_base_ = false;  // forwards, nothing but the base has rows any more: the heads do not count
  bool forward_ = true;     // the heads are at or after the current key; else at or before it
};

}  // namespace kvfs
