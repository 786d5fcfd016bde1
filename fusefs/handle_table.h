// Handles that the kernel holds as numbers, so that those it never releases (an unmount with open files) are found.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
template <class Handle>
class HandleTable {
 public:
  HandleTable() = default;
  HandleTable(const HandleTable&) = delete;
  ~HandleTable() {
    take_all([](std::unique_ptr<Handle>) {});
  }

  /// The number to give to the kernel.
  uint64_t add(std::unique_ptr<Handle> handle) {
    Handle* const raw = handle.get();
    Shard& s = shard(raw);
    const std::lock_guard lock(s.mutex);
    s.handles.insert(raw);
    (void)handle.release();
    return reinterpret_cast<uint64_t>(raw);
  }
  /// REQUIRES: `number` came from add() and was not taken.
  static Handle& get(uint64_t number) { return *reinterpret_cast<Handle*>(number); }
  std::unique_ptr<Handle> take(uint64_t number) {
    Handle* const raw = reinterpret_cast<Handle*>(number);
    Shard& s = shard(raw);
    const std::lock_guard lock(s.mutex);
    s.handles.erase(raw);
    return std::unique_ptr<Handle>(raw);
  }
  /// REQUIRES: no request uses a handle.
  void take_all(const std::function<void(std::unique_ptr<Handle>)>& each) {
    for (Shard& s : shards_) {
      std::unordered_set<Handle*> handles;
      {
        const std::lock_guard lock(s.mutex);
        handles.swap(s.handles);
      }
      for (Handle* raw : handles) each(std::unique_ptr<Handle>(raw));
    }
  }

 private:
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_set<Handle*> handles;  // guarded by mutex
  };
  Shard& shard(const Handle* handle) { return shards_[reinterpret_cast<uintptr_t>(handle) / 64 % shards_.size()]; }
  std::array<Shard, 8> shards_;
};

}  // namespace kvfs
