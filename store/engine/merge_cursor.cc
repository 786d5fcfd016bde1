#include "store/engine/merge_cursor.h"

namespace kvfs {
namespace {

template <class Iterator>
bool erased_at(const Iterator& iterator) {
  return iterator.erased();
}
bool erased_at(const Base::RowCursor&) { return false; }

}  // namespace

MergeCursor::MergeCursor(const WriteSet* own, const Layers& layers, const Base::View& base, Sequence sequence)
    : base_(base.cursor()) {
  if (own != nullptr) own_.emplace(*own);
  if (layers.active->entries() != 0) active_.emplace(*layers.active, sequence);
  if (layers.frozen != nullptr) frozen_.emplace(*layers.frozen, sequence);
}

template <class Iterator>
MergeCursor::Head MergeCursor::moved(Iterator& iterator, Move how, std::string_view key) {
  switch (how) {
    case Move::seek:
      iterator.seek(key);
      break;
    case Move::seek_before:
      iterator.seek_before(key);
      break;
    case Move::next:
      iterator.next();
      break;
    case Move::prev:
      iterator.prev();
      break;
  }
  if (!iterator.valid()) return {};
  return {true, erased_at(iterator), iterator.key(), iterator.value()};
}

void MergeCursor::move(size_t layer, Move how, std::string_view key) {
  Head& head = heads_[layer];
  switch (layer) {
    case kOwn:
      head = own_ ? moved(*own_, how, key) : Head{};
      break;
    case kActive:
      head = active_ ? moved(*active_, how, key) : Head{};
      break;
    case kFrozen:
      head = frozen_ ? moved(*frozen_, how, key) : Head{};
      break;
    default:
      head = moved(base_, how, key);
      break;
  }
}

void MergeCursor::move_all(Move how, std::string_view key) {
  for (size_t layer = 0; layer < kLayers; ++layer) move(layer, how, key);
}

void MergeCursor::leave(std::string_view key, Move how) {
  for (size_t layer = 0; layer < kLayers; ++layer) {
    if (heads_[layer].valid && heads_[layer].key == key) move(layer, how, {});
  }
}

void MergeCursor::settle_forward() {
  for (;;) {
    current_ = kNone;
    for (size_t layer = 0; layer < kLayers; ++layer) {
      if (heads_[layer].valid && (current_ == kNone || heads_[layer].key < heads_[current_].key)) current_ = layer;
    }
    if (current_ == kNone || !heads_[current_].erased) break;
    if (!keeps_to(heads_[current_].key)) {
      current_ = kNone;
      break;
    }
    leave(heads_[current_].key, Move::next);
  }
  only_base_ = current_ == kBase && !heads_[kOwn].valid && !heads_[kActive].valid && !heads_[kFrozen].valid;
  stand_at_current();
}

void MergeCursor::settle_backward() {
  for (;;) {
    current_ = kNone;
    for (size_t layer = 0; layer < kLayers; ++layer) {
      if (heads_[layer].valid && (current_ == kNone || heads_[layer].key > heads_[current_].key)) current_ = layer;
    }
    if (current_ == kNone || !heads_[current_].erased) break;
    if (!keeps_to(heads_[current_].key)) {
      current_ = kNone;
      break;
    }
    leave(heads_[current_].key, Move::prev);
  }
  stand_at_current();
}

void MergeCursor::stand_at_current() {
  current_ == kNone ? stand_nowhere() : stand_at(heads_[current_].key, heads_[current_].value);
}

void MergeCursor::seek(std::string_view key) {
  forward_ = true;
  move_all(Move::seek, key);
  settle_forward();
}

void MergeCursor::seek_before(std::string_view key) {
  forward_ = only_base_ = false;
  move_all(Move::seek_before, key);
  settle_backward();
}

void MergeCursor::next() {
  if (only_base_) {
    base_.next();
    return base_.valid() ? stand_at(base_.key(), base_.value()) : stand_nowhere();
  }
  const std::string_view here = key();
  if (!forward_) {
    forward_ = true;
    move_all(Move::seek, here);
  }
  leave(here, Move::next);
  settle_forward();
}

void MergeCursor::prev() {
  const std::string_view here = key();
  if (forward_) {
    forward_ = only_base_ = false;
    move_all(Move::seek_before, here);
  } else {
    leave(here, Move::prev);
  }
  settle_backward();
}

}  // namespace kvfs
