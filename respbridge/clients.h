// The connections of the door, as CLIENT LIST and CLIENT KILL see them, and those that MONITOR.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "respbridge/client.h"

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class Clients {
 public:
  uint64_t next_id() { return next_id_.fetch_add(1); }
  void add(const std::shared_ptr<ClientCard>& card);
  void remove(uint64_t id);
  std::shared_ptr<ClientCard> find(uint64_t id) const;
  /// By id, i.e. oldest first.
  std::vector<std::shared_ptr<ClientCard>> all() const;
  size_t count() const { return count_.load(std::memory_order_relaxed); }
  uint64_t accepted() const { return next_id_.load(std::memory_order_relaxed) - 1; }

  /// Where more than `bytes_max` is held for all together, ends those that hold most, but for those that are not to be
  /// evicted, until the others hold less. Returns how many.
  size_t evict(uint64_t bytes_max);

  void add_monitor(const std::string& tenant, const std::shared_ptr<Outbox>& outbox);
  void remove_monitor(const Outbox* outbox);
  bool monitored() const { return monitors_count_.load(std::memory_order_relaxed) != 0; }
  /// To the monitors of the tenant.
  void tell_monitors(std::string_view tenant, std::string_view line);

 private:
  std::atomic<uint64_t> next_id_{1};
  std::atomic<size_t> count_{0};
  std::atomic<size_t> monitors_count_{0};
  mutable std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<ClientCard>> cards_;                  // guarded by mutex_
  std::vector<std::pair<std::string, std::shared_ptr<Outbox>>> monitors_;  // guarded by mutex_
};

/// Whether the client may know of the other: of its tenant, or it may reach all.
bool is_visible(const Client& client, ClientCard& card);
/// One line of CLIENT LIST, without its end. `now_ms` is of the store's clock.
std::string describe(ClientCard& card, uint64_t now_ms);

}  // namespace kvfs::resp
