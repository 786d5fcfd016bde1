#include "fusefs/invalidator.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <string>

#include "fusefs/file_name.h"
#include "store/patience.h"

namespace kvfs {
namespace {

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
  void data(Inode inode, DirId dir, std::string_view component) {
    if (!known(inode)) return;
    // An answer to a lookup that is under way makes the inode known with what it was: dropping the name waits for it.
    if (!cache_.drop_attributes_and_data(inode)) name(dir, component);
  }

 private:
  bool known(Inode inode) const { return inode == kRootDir || filesystem_.nodes().knows(inode); }
  Filesystem& filesystem_;
  KernelCache& cache_;
};

}  // namespace

void Invalidator::apply(const Change& change) {
  Teller tell(filesystem_, cache_);
  switch (change.kind) {
    case ChangeKind::put:
      filesystem_.note_changed_elsewhere(change.inode);
      tell.data(change.inode, change.dir, change.name);
      if (change.created) {
        tell.name(change.dir, change.name);
        tell.own_value(change.dir, change.name);
      }
      return;
    case ChangeKind::remove:
    case ChangeKind::expire:
    case ChangeKind::evict:
      tell.removed(change.dir, change.name, change.inode);
      tell.own_value(change.dir, change.name);
      tell.attributes(change.inode);
      return;
    case ChangeKind::attributes:
      tell.attributes(change.inode);
      // How long a name may be remembered follows from its expiry.
      if (change.node == Kind::file) tell.name(change.dir, change.name);
      return;
    case ChangeKind::make:
      tell.name(change.dir, change.name);
      return;
    case ChangeKind::remove_dir:
      tell.removed(change.dir, change.name, change.inode);
      // A value of this name is a file of its own again.
      return;
    case ChangeKind::rename:
      filesystem_.nodes().move(change.inode, {change.to_dir, change.to_name, change.node == Kind::directory});
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

Invalidator::Invalidator(Filesystem& filesystem, KernelCache& cache)
    : filesystem_(filesystem),
      cache_(cache),
      observer_(filesystem.store().feed().observe(
          [this](const Change& change) {
            try {
              with_patience([&] { apply(change); });
            } catch (const std::exception& failure) {
              spdlog::error("mount: invalidation failed: {}", failure.what());
            }
          },
          filesystem.origin())) {}

}  // namespace kvfs
