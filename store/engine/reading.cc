#include "store/engine/reading.h"

#include <utility>

namespace kvfs {

std::optional<std::string_view> Reading::get(std::string_view key, uint64_t key_hash, Sequence sequence) const {
  for (const Memtable* memtable : {static_cast<const Memtable*>(layers_->active.get()), layers_->frozen.get()}) {
    if (memtable == nullptr || memtable->entries() == 0) continue;
    if (const auto version = memtable->get(key, key_hash, sequence)) {
      if (version->erased) return std::nullopt;
      return version->value;
    }
  }
  return base_.get(key);
}

void Reading::prefetch(std::span<const std::string_view> keys) const {
  for (const Memtable* memtable : {static_cast<const Memtable*>(layers_->active.get()), layers_->frozen.get()})
    if (memtable != nullptr && memtable->entries() != 0) memtable->prefetch(keys);
}

ReadingPool::~ReadingPool() {
  for (Shelf& shelf : shelves_) delete shelf.reading.load();
}

std::shared_ptr<const Layers> ReadingPool::layers() const {
  const std::lock_guard lock(mutex_);
  return layers_;
}

ReadingPool::Shelf& ReadingPool::own_shelf() {
  static std::atomic<size_t> threads{0};
  thread_local const size_t number = threads.fetch_add(1) % kShelves;
  return shelves_[number];
}

void ReadingPool::let_go(Reading& reading) {
  if (reading.layers_ == nullptr) return;
  reading.base_.reset();
  reading.layers_.reset();
}

std::unique_ptr<Reading> ReadingPool::take_idle() {
  if (Reading* idle = own_shelf().reading.exchange(nullptr, std::memory_order_acquire))
    return std::unique_ptr<Reading>(idle);
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      std::unique_ptr<Reading> reading = std::move(spare_.back());
      spare_.pop_back();
      return reading;
    }
  }
  return std::make_unique<Reading>(readers_, base_);
}

void ReadingPool::refresh(Reading& reading) const {
  for (;;) {
    let_go(reading);
    std::shared_ptr<const Layers> current = layers();
    reading.base_.renew();
    const uint64_t id = reading.base_.id();
    reading.layers_ = std::move(current);
    // A fold commits to the base first and replaces the layers then. In between the frozen memtable is in both, which
    // does no harm: it was all visible before it was folded, so no reader from now on is older than it.
    if (id == reading.layers_->base_id || (reading.layers_->frozen != nullptr && id == reading.layers_->base_id + 1))
      return;
  }
}

std::unique_ptr<Reading> ReadingPool::take() {
  std::unique_ptr<Reading> reading = take_idle();
  for (;;) {
    if (reading->layers_ == nullptr || reading->layers_->number != number_.load()) refresh(*reading);
    reading->sequence_ = reading->slot_->enter(visible_);
    // Commits after a freeze are in a memtable that older layers do not have: if the layers are still the same, all
    // that was visible is in them.
    if (reading->layers_->number == number_.load()) return reading;
  }
}

std::unique_ptr<Reading> ReadingPool::take_same(const Reading& other) {
  std::unique_ptr<Reading> reading = take();
  if (reading->layers_->number != other.layers_->number) {
    put_back(std::move(reading));
    return nullptr;
  }
  reading->slot_->enter_at(other.sequence_);
  reading->sequence_ = other.sequence_;
  return reading;
}

void ReadingPool::put_back(std::unique_ptr<Reading> reading) {
  reading->slot_->leave();
  if (reading->layers_ != nullptr && reading->layers_->number == number_.load()) {
    const uint64_t number = reading->layers_->number;
    Shelf& shelf = own_shelf();
    Reading* expected = nullptr;
    if (shelf.reading.compare_exchange_strong(expected, reading.get(), std::memory_order_acq_rel)) {
      (void)reading.release();  // it may be another thread's by now
      if (number_.load() == number) return;
      // The layers were replaced after the first look, and the shelves perhaps cleared before the reading stood there.
      reading.reset(shelf.reading.exchange(nullptr, std::memory_order_acq_rel));
      if (reading == nullptr) return;
    }
  }
  keep_spare(std::move(reading));
}

void ReadingPool::keep_spare(std::unique_ptr<Reading> reading) {
  let_go(*reading);
  const std::lock_guard lock(mutex_);
  if (spare_.size() < kSpareReadingsMax) spare_.push_back(std::move(reading));
}

void ReadingPool::install(Layers layers) {
  auto next = std::make_shared<Layers>(std::move(layers));
  std::shared_ptr<const Layers> replaced;
  {
    const std::lock_guard lock(mutex_);
    next->number = number_.load() + 1;
    replaced = std::exchange(layers_, std::move(next));
    number_.store(layers_->number);
  }
  for (Shelf& shelf : shelves_) {
    std::unique_ptr<Reading> idle(shelf.reading.exchange(nullptr, std::memory_order_acq_rel));
    if (idle != nullptr) keep_spare(std::move(idle));
  }
}

}  // namespace kvfs
