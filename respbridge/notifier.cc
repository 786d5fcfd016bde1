#include "respbridge/notifier.h"

#include <algorithm>
#include <chrono>

namespace kvfs::resp {

namespace {

constexpr size_t kChangesAtOnceMax = 1000;
constexpr std::chrono::milliseconds kAfterFailure{100};

EventClass class_of(const Change& change, std::string_view event) {
  if (event == "expired") return kExpiredEvents;
  if (event == "evicted") return kEvictedEvents;
  if (event == "new") return kNewKeyEvents;
  for (const std::string_view generic :
       {"del", "expire", "persist", "rename_from", "rename_to", "move_from", "move_to", "copy_to", "restore"})
    if (event == generic) return kGenericEvents;
  return change.type == ValueType::set ? kSetEvents : kStringEvents;
}

/// What a change is called that no client's command names.
std::string_view default_event(const Change& change) {
  switch (change.kind) {
    case ChangeKind::put:
      return change.type == ValueType::set ? "sadd" : "set";
    case ChangeKind::remove:
      return "del";
    case ChangeKind::expire:
      return "expired";
    case ChangeKind::evict:
      return "evicted";
    case ChangeKind::attributes:
      return "expire";
    case ChangeKind::make:
    case ChangeKind::remove_dir:
    case ChangeKind::rename:
    case ChangeKind::link:
      return {};
  }
  return {};
}

}  // namespace

void Notifier::start() {
  const uint64_t from = store_.feed().last();  // what comes before the thread runs is told, too
  listener_ = store_.feed().listen([this] {
    if (service_.config().event_classes() == 0) return;
    const std::lock_guard lock(mutex_);
    pending_ = true;
    wake_.notify_one();
  });
  thread_ = std::thread([this, from] { run(from); });
}

void Notifier::stop() {
  listener_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Notifier::run(uint64_t after) {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || pending_; });
    if (stopping_) return;
    pending_ = false;
    lock.unlock();
    const bool told = tell_news(after);
    lock.lock();
    if (!told) {
      wake_.wait_for(lock, kAfterFailure, [&] { return stopping_; });
      pending_ = true;
    }
  }
}

bool Notifier::tell_news(uint64_t& after) {
  try {
    after = std::max(after, service_.events_after());
    while (true) {
      const Feed::Batch batch = store_.feed().read(after, kChangesAtOnceMax);
      for (const ChangePtr& change : batch.changes) {
        publish(*change);
        after = change->id;
      }
      after = batch.next;
      if (batch.changes.empty()) return true;
    }
  } catch (const std::exception&) {
    return false;
  }
}

void Notifier::publish(const Change& change) {
  if (change.node != Kind::file || change.collection.empty()) return;
  if (change.kind == ChangeKind::rename) {
    const bool moved = change.collection != change.to_collection;
    tell(change, change.to_collection, change.to_key, "new");
    tell(change, change.collection, change.key, moved ? "move_from" : "rename_from");
    tell(change, change.to_collection, change.to_key, moved ? "move_to" : "rename_to");
    return;
  }
  if (change.event == kFlushEvent) return;  // Redis does not tell what FLUSHDB removes, and it may be very much
  const bool replaces_key = change.event == "copy_to" || change.event == "restore";  // and does not go on with it
  if (change.kind == ChangeKind::put && (change.created || replaces_key))
    tell(change, change.collection, change.key, "new");
  std::string_view events = change.event;
  if (events.empty() || change.kind == ChangeKind::expire) events = default_event(change);
  while (!events.empty()) {
    const size_t space = events.find(' ');
    tell(change, change.collection, change.key, events.substr(0, space));
    events = space == events.npos ? std::string_view() : events.substr(space + 1);
  }
  // A command that takes away the last member of a set removes the key.
  if (change.kind == ChangeKind::remove && !change.event.empty() && change.event != "del")
    tell(change, change.collection, change.key, "del");
}

void Notifier::tell(const Change& change, std::string_view collection, std::string_view key, std::string_view event) {
  const uint32_t classes = service_.config().event_classes();
  if ((classes & class_of(change, event)) == 0) return;
  const std::optional<uint32_t> database = service_.database_of(collection);
  if (!database) return;
  for (const auto& [channel, payload] : event_messages(classes, *database, key, event))
    store_.channels().publish(change.tenant, channel, payload);
}

std::vector<std::pair<std::string, std::string>> event_messages(uint32_t classes, uint32_t database,
                                                                std::string_view key, std::string_view event) {
  std::vector<std::pair<std::string, std::string>> out;
  const std::string at = "@" + std::to_string(database) + "__:";
  if ((classes & kKeyspaceChannel) != 0) out.emplace_back("__keyspace" + at + std::string(key), event);
  if ((classes & kKeyeventChannel) != 0) out.emplace_back("__keyevent" + at + std::string(event), key);
  return out;
}

}  // namespace kvfs::resp
