// CLIENT TRACKING: which clients may have which keys in a cache of their own, and telling them when a key changes, at
// whatever door.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "respbridge/client.h"
#include "respbridge/clients.h"
#include "store/changes.h"

namespace kvfs::resp {

/// Keys are told apart by tenant and name; as in Redis, one key name stands for that key in all databases.
/// The changes of a commit are told on the thread that made it, before the writer gets its reply: who reads a key after
/// that reply has been told that his copy is old, or gets to know before anything else that is sent to him. Broadcasts
/// are one message for each prefix and transaction.
/// Thread safety: all functions may be called from any thread.
class Tracking {
 public:
  /// `is_database` tells whether SELECT reaches a collection.
  Tracking(Feed& feed, Clients& clients, std::function<bool(std::string_view)> is_database);

  /// From now on, or with other options.
  void enable(const std::shared_ptr<ClientCard>& card, std::string tenant, const TrackingOptions& options);
  void disable(uint64_t client);
  /// The client is about to read the key: call it before the snapshot that is read.
  void remember(uint64_t client, std::string_view key, size_t keys_max);
  /// Remembers no more keys than that from now on; 0: any number.
  void limit(size_t keys_max);
  /// All databases of a tenant may have been emptied.
  void flushed(const std::string& tenant);
  /// Whether the client that messages are redirected to has gone.
  bool is_broken(uint64_t client) const;

  struct Use {
    size_t clients = 0;
    size_t keys = 0;
    size_t items = 0;  // keys, counted once for each client
    size_t prefixes = 0;
  };
  Use use() const;

  /// What the present thread commits meanwhile is the doing of this client, which NOLOOP spares its own changes.
  class Writing {
   public:
    /// `flushes`: it tells flushed() afterwards, rather than each key.
    explicit Writing(uint64_t client, bool flushes = false);
    ~Writing();
    Writing(const Writing&) = delete;

   private:
    const uint64_t client_before_;
    const bool flushes_before_;
  };

 private:
  struct Tracked {
    std::shared_ptr<ClientCard> card;
    std::string tenant;
    TrackingOptions options;
    bool broken = false;
  };
  void tell(const Change& change);
  void broadcast();
  void invalidate(std::string_view tenant, std::string_view key);
  void invalidate_below(std::string_view tenant, std::string_view directory);
  void drop_one();
  void tell_readers(std::string_view tenant, std::string_view key);
  /// nullopt: all keys.
  void send(Tracked& to, std::optional<std::span<const std::string_view>> keys);

  Feed& feed_;
  Clients& clients_;
  const std::function<bool(std::string_view)> is_database_;
  std::atomic<size_t> count_{0};  // of tracked_
  std::once_flag observed_;
  mutable std::mutex mutex_;                                     // after the feed's
  std::map<uint64_t, Tracked> tracked_;                          // guarded by mutex_
  std::unordered_map<std::string, std::vector<uint64_t>> keys_;  // guarded by mutex_; by tenant and key: who read it
  size_t items_ = 0;                                             // guarded by mutex_; readers in keys_
  std::unique_ptr<Feed::Observer> observer_;                     // ends first: it uses what is above
};

}  // namespace kvfs::resp
