#include "fusefs/invalidator.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "fusefs/file_name.h"

namespace kvfs {
namespace {

constexpr size_t kBatch = 1000;
// The mount's own changes do not wake the thread; this often it passes over them, before they fill the feed.
constexpr std::chrono::milliseconds kOwnChangesInterval{200};

/// The directory of the same name as a value, in which the value is the file "%:value". 0: there is none.
Inode directory_beside(Filesystem& filesystem, DirId dir, std::string_view name) {
  return filesystem.store().read([&](const ReadTxn& txn) -> Inode {
    const auto entry = find_entry(txn, {dir, name, true});
    return entry ? entry->inode : 0;
  });
}

class Teller {
 public:
  Teller(Filesystem& filesystem, KernelCache& cache) : filesystem_(filesystem), cache_(cache) {}

  void name(DirId dir, std::string_view component) {
    if (known(dir)) cache_.drop_entry(dir, to_file_name(component));
  }
  void removed(DirId dir, std::string_view component, Inode inode) {
    if (!known(dir)) return;
    if (known(inode))
      cache_.drop_removed(dir, inode, to_file_name(component));
    else
      cache_.drop_entry(dir, to_file_name(component));
  }
  void own_value(DirId dir, std::string_view component) {
    const Inode beside = directory_beside(filesystem_, dir, component);
    if (beside != 0 && known(beside)) cache_.drop_entry(beside, kOwnValueName);
  }
  void attributes(Inode inode) {
    if (known(inode)) cache_.drop_attributes(inode);
  }
  void data(Inode inode) {
    if (known(inode)) cache_.drop_attributes_and_data(inode);
  }

 private:
  bool known(Inode inode) const { return inode == kRootDir || filesystem_.nodes().knows(inode); }
  Filesystem& filesystem_;
  KernelCache& cache_;
};

}  // namespace

void Invalidator::apply(const Change& change, Filesystem& filesystem, KernelCache& cache) {
  Teller tell(filesystem, cache);
  switch (change.kind) {
    case ChangeKind::put:
      tell.data(change.inode);
      if (change.created) {
        tell.name(change.dir, change.name);
        tell.own_value(change.dir, change.name);
      }
      return;
    case ChangeKind::remove:
    case ChangeKind::expire:
      tell.removed(change.dir, change.name, change.inode);
      tell.own_value(change.dir, change.name);
      tell.attributes(change.inode);
      return;
    case ChangeKind::attributes:
      tell.attributes(change.inode);
      // How long a name may be remembered follows from its expiry.
      if (change.node == Kind::file) tell.name(change.dir, change.name);
      return;
    case ChangeKind::make: tell.name(change.dir, change.name); return;
    case ChangeKind::remove_dir:
      tell.removed(change.dir, change.name, change.inode);
      // A value of this name is a file of its own again.
      return;
    case ChangeKind::rename:
      filesystem.nodes().move(change.inode, {change.to_dir, change.to_name, change.node == Kind::directory});
      tell.name(change.dir, change.name);
      tell.name(change.to_dir, change.to_name);
      tell.own_value(change.dir, change.name);
      tell.own_value(change.to_dir, change.to_name);
      tell.attributes(change.inode);
      tell.attributes(change.replaced_inode);
      return;
    case ChangeKind::link:
      tell.name(change.dir, change.name);
      tell.attributes(change.inode);
      return;
  }
}

void Invalidator::drop_all(Filesystem& filesystem, KernelCache& cache) {
  // Names that are known not to exist cannot be enumerated; dropping a directory's own name drops them with it.
  std::vector<std::pair<Inode, Place>> known;
  filesystem.nodes().for_each([&](Inode inode, const Place& place) { known.emplace_back(inode, place); });
  for (const auto& [inode, place] : known) {
    if (is_control(inode)) continue;
    cache.drop_attributes_and_data(inode);
    cache.drop_entry(place.dir, to_file_name(place.name));
  }
  cache.drop_attributes_and_data(kRootDir);
}

Invalidator::Invalidator(Filesystem& filesystem, KernelCache& cache)
    : filesystem_(filesystem),
      cache_(cache),
      after_(filesystem.store().feed().last()),
      signals_(std::make_shared<Signals>()) {
  signals_->told = after_;
  const auto wake = [signals = signals_] {
    const std::lock_guard lock(signals->mutex);
    signals->woken = true;
    signals->wake.notify_one();
  };
  listener_ = filesystem.store().feed().listen(wake, filesystem.origin());
  thread_ = std::thread([this] { run(); });
}

Invalidator::~Invalidator() {
  listener_.reset();
  {
    const std::lock_guard lock(signals_->mutex);
    signals_->stopping = true;
    signals_->wake.notify_one();
  }
  thread_.join();
}

void Invalidator::drain() {
  const uint64_t last = filesystem_.store().feed().last();
  std::unique_lock lock(signals_->mutex);
  signals_->woken = true;
  signals_->wake.notify_one();
  signals_->told_changed.wait(lock, [&] { return signals_->told >= last || signals_->stopping; });
}

void Invalidator::run() {
  for (;;) {
    {
      std::unique_lock lock(signals_->mutex);
      signals_->told = after_;
      signals_->told_changed.notify_all();
      signals_->wake.wait_for(lock, kOwnChangesInterval, [&] { return signals_->woken || signals_->stopping; });
      if (signals_->stopping) return;
      signals_->woken = false;
    }
    for (bool more = true; more;) {
      const Feed::Batch batch = filesystem_.store().feed().read(after_, kBatch);
      more = batch.changes.size() == kBatch;
      try {
        if (batch.missed) drop_all(filesystem_, cache_);
        for (const ChangePtr& change : batch.changes)
          if (change->origin != filesystem_.origin()) apply(*change, filesystem_, cache_);
      } catch (const std::exception& failure) {
        spdlog::error("mount: invalidation failed: {}", failure.what());
      }
      after_ = batch.next;
    }
  }
}

}  // namespace kvfs
