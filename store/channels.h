// Messages on named channels, by exact name and by pattern: what PUBLISH, HTTP and .kvfs subscribers meet at. Messages
// are not stored: who is not subscribed when one is published never sees it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace kvfs {

/// Thread safety: all functions may be called from any thread, but not from within Subscriber::deliver().
class Channels {
 public:
  struct Message {
    std::string_view channel;
    std::string_view pattern;  // the one that matched; data() is null for a subscription by exact name
    std::string_view payload;
  };

  /// Takes messages. deliver() runs on the publisher's thread under a lock of the hub: it copies what it needs into a
  /// buffer of its own, whose size it bounds, and returns; it must not throw.
  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    virtual void deliver(const Message& message) noexcept = 0;
  };
  using SubscriberPtr = std::shared_ptr<Subscriber>;

  /// Idempotent. Channels of different tenants are different, whatever their names.
  void subscribe(std::string_view tenant, std::string_view channel, const SubscriberPtr& subscriber);
  void unsubscribe(std::string_view tenant, std::string_view channel, const Subscriber* subscriber);
  void subscribe_pattern(std::string_view tenant, std::string_view pattern, const SubscriberPtr& subscriber);
  void unsubscribe_pattern(std::string_view tenant, std::string_view pattern, const Subscriber* subscriber);

  /// Returns to how many subscriptions it went. A subscriber gets a message once for each of its subscriptions that
  /// match, those by name first.
  size_t publish(std::string_view tenant, std::string_view channel, std::string_view payload);
  /// To how many it would go now.
  size_t receivers(std::string_view tenant, std::string_view channel) const;

  /// Channels that have subscribers by name and match `pattern`; empty pattern: all.
  std::vector<std::string> active(std::string_view tenant, std::string_view pattern) const;
  /// Subscribers by name.
  size_t subscribers(std::string_view tenant, std::string_view channel) const;
  /// Distinct patterns.
  size_t patterns(std::string_view tenant) const;

 private:
  using ByName = std::map<std::string, std::vector<SubscriberPtr>, std::less<>>;
  struct Tenant {
    ByName channels;
    ByName patterns;
  };
  static void add(ByName& names, std::string_view name, const SubscriberPtr& subscriber);
  static void remove(ByName& names, std::string_view name, const Subscriber* subscriber);
  void forget_if_empty(std::string_view tenant);

  mutable std::shared_mutex mutex_;
  std::map<std::string, Tenant, std::less<>> tenants_;  // guarded by mutex_
};

}  // namespace kvfs
