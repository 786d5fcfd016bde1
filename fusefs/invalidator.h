// Tells the kernel of changes that did not come through this mount: other doors, expiry, other mounts of the store.
#pragma once

#include <memory>
#include <string_view>

#include "fusefs/filesystem.h"
#include "store/changes.h"

namespace kvfs {

/// What the kernel remembers of the mount. Calls may wait for requests that are under way.
class KernelCache {
 public:
  virtual ~KernelCache() = default;
  /// The name, whatever it stands for or if it is known not to exist; and the listing of its directory.
  virtual void drop_entry(Inode parent, std::string_view name) = 0;
  /// Likewise, for a name that no longer exists.
  virtual void drop_removed(Inode parent, Inode child, std::string_view name) = 0;
  /// False: the kernel does not know the inode (yet: an answer that names it may be under way).
  virtual bool drop_attributes(Inode inode) = 0;
  virtual bool drop_attributes_and_data(Inode inode) = 0;
};

/// Tells on the thread that made a change, before its writer goes on: after an answer over HTTP, no program of the
/// mount sees what was before. That thread holds no lock of the store and is never one that answers requests of this
/// mount, as it must be: a notification waits for requests of the same directory, and these must go on meanwhile.
class Invalidator {
 public:
  /// Tells what is committed from now on. `filesystem`, `cache` outlive it.
  Invalidator(Filesystem& filesystem, KernelCache& cache);

 private:
  void apply(const Change& change);

  Filesystem& filesystem_;
  KernelCache& cache_;
  const std::unique_ptr<Feed::Observer> observer_;
};

}  // namespace kvfs
