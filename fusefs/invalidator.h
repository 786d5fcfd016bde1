// Tells the kernel of changes that did not come through this mount: other doors, expiry, other mounts of the store.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

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
  virtual void drop_attributes(Inode inode) = 0;
  virtual void drop_attributes_and_data(Inode inode) = 0;
};

/// A thread that reads the store's feed and holds no lock while it talks to the kernel: a notification waits for
/// requests of the same directory, and these must go on meanwhile.
class Invalidator {
 public:
  /// Reads what is published from now on. `filesystem`, `cache` outlive it.
  Invalidator(Filesystem& filesystem, KernelCache& cache);
  /// Ends the thread.
  ~Invalidator();

  /// Translates one change (for tests, and used by the thread).
  static void apply(const Change& change, Filesystem& filesystem, KernelCache& cache);
  /// Forgets everything the kernel may know: changes were missed.
  static void drop_all(Filesystem& filesystem, KernelCache& cache);
  /// For tests: returns when everything published before the call has been told.
  void drain();

 private:
  void run();

  /// Shared with the feed's listener, which may be running while this ends.
  struct Signals {
    std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable told_changed;
    bool woken = false;     // guarded by mutex
    bool stopping = false;  // guarded by mutex
    uint64_t told = 0;      // guarded by mutex: changes up to this id are told
  };

  Filesystem& filesystem_;
  KernelCache& cache_;
  uint64_t after_;  // of the thread alone
  const std::shared_ptr<Signals> signals_;
  std::shared_ptr<Feed::Listener> listener_;
  std::thread thread_;
};

}  // namespace kvfs
