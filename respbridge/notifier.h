// Keyspace notifications: turns the store's feed of changes, made at whatever door, into messages on the channels
// __keyspace@N__:KEY and __keyevent@N__:EVENT.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "respbridge/service.h"
#include "store/store.h"

namespace kvfs::resp {

/// What FLUSHDB and FLUSHALL call the removals that they consist of.
inline constexpr std::string_view kFlushEvent = "flush";

/// The messages (channel, payload) that tell of an event, by the channels that `classes` wants.
std::vector<std::pair<std::string, std::string>> event_messages(uint32_t classes, uint32_t database,
                                                                std::string_view key, std::string_view event);

class Notifier {
 public:
  Notifier(Store& store, Service& service) : store_(store), service_(service) {}
  ~Notifier() { stop(); }
  void start();
  void stop();

 private:
  void run(uint64_t after);
  /// Tells the changes behind `after`, which moves with them. False: of the rest there is no memory to tell now.
  bool tell_news(uint64_t& after);
  void publish(const Change& change);
  void tell(const Change& change, std::string_view collection, std::string_view key, std::string_view event);

  Store& store_;
  Service& service_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool pending_ = false;   // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::shared_ptr<Feed::Listener> listener_;
  std::thread thread_;
};

}  // namespace kvfs::resp
