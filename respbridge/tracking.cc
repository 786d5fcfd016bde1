#include "respbridge/tracking.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "respbridge/reply.h"

namespace kvfs::resp {

namespace {

constexpr std::string_view kInvalidateChannel = "__redis__:invalidate";

struct Doing {
  uint64_t client = 0;  // 0: nobody that NOLOOP could mean
  bool flushes = false;
};
thread_local Doing doing;

/// By client and prefix, what the transaction whose changes the present thread tells of has changed so far.
thread_local std::map<std::pair<uint64_t, std::string>, std::set<std::string>> broadcasts;

std::string name_of(std::string_view tenant, std::string_view key) {
  std::string name(tenant);
  name.push_back('\0');  // which no tenant's name has
  return name.append(key);
}

std::string_view tenant_of(std::string_view name) { return name.substr(0, name.find('\0')); }
/// Whether the client is not told of changes of `changed`'s keys that are made now.
bool is_spared(uint64_t client, const TrackingOptions& options, std::string_view tenant, std::string_view changed) {
  return tenant != changed || (options.no_loop && client == doing.client);
}
std::string_view key_of(std::string_view name) { return name.substr(name.find('\0') + 1); }

}  // namespace

Tracking::Writing::Writing(uint64_t client, bool flushes)
    : client_before_(std::exchange(doing.client, client)), flushes_before_(std::exchange(doing.flushes, flushes)) {}

Tracking::Writing::~Writing() { doing = {client_before_, flushes_before_}; }

Tracking::Tracking(Feed& feed, Clients& clients, std::function<bool(std::string_view)> is_database)
    : feed_(feed), clients_(clients), is_database_(std::move(is_database)) {}

void Tracking::enable(const std::shared_ptr<ClientCard>& card, std::string tenant, const TrackingOptions& options) {
  std::call_once(observed_, [this] {
    observer_ = feed_.observe([this](const Change& change) { tell(change); }, kNoOrigin, [this] { broadcast(); });
  });
  const std::lock_guard lock(mutex_);
  tracked_[card->id] = {card, std::move(tenant), options};
  count_.store(tracked_.size());
}

void Tracking::disable(uint64_t client) {
  const std::lock_guard lock(mutex_);
  tracked_.erase(client);
  count_.store(tracked_.size());
  if (!tracked_.empty()) return;
  keys_.clear();
  items_ = 0;
}

void Tracking::remember(uint64_t client, std::string_view key, size_t keys_max) {
  const std::lock_guard lock(mutex_);
  const auto tracked = tracked_.find(client);
  if (tracked == tracked_.end()) return;
  std::vector<uint64_t>& readers = keys_[name_of(tracked->second.tenant, key)];
  items_ -= readers.size();
  // Those of a key that nobody changes would pile up as clients come and go.
  if (readers.size() == readers.capacity())
    std::erase_if(readers, [&](uint64_t each) { return !tracked_.contains(each); });
  if (std::find(readers.begin(), readers.end(), client) == readers.end()) readers.push_back(client);
  items_ += readers.size();
  while (keys_max != 0 && keys_.size() > keys_max) drop_one();
}

void Tracking::limit(size_t keys_max) {
  const std::lock_guard lock(mutex_);
  while (keys_max != 0 && keys_.size() > keys_max) drop_one();
}

/// Makes room by saying of some key that it changed.
void Tracking::drop_one() {
  const std::string name = keys_.begin()->first;
  tell_readers(tenant_of(name), key_of(name));
}

void Tracking::flushed(const std::string& tenant) {
  if (count_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(keys_, [&](const auto& each) {
    const bool gone = tenant_of(each.first) == tenant;
    if (gone) items_ -= each.second.size();
    return gone;
  });
  for (auto& [id, tracked] : tracked_)
    if (tracked.tenant == tenant) send(tracked, std::nullopt);
}

bool Tracking::is_broken(uint64_t client) const {
  const std::lock_guard lock(mutex_);
  const auto tracked = tracked_.find(client);
  return tracked != tracked_.end() && tracked->second.broken;
}

Tracking::Use Tracking::use() const {
  const std::lock_guard lock(mutex_);
  Use use{tracked_.size(), keys_.size(), items_, 0};
  for (const auto& [id, tracked] : tracked_) use.prefixes += tracked.options.prefixes.size();
  return use;
}

void Tracking::tell(const Change& change) {
  if (count_.load(std::memory_order_relaxed) == 0 || doing.flushes) return;
  if (change.collection.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto one = [&](std::string_view collection, std::string_view key) {
    if (!is_database_(collection)) return;
    if (change.node == Kind::directory)
      invalidate_below(change.tenant, key);
    else
      invalidate(change.tenant, key);
  };
  // A directory's own changes change no key, but with it move those below.
  if (change.node == Kind::directory && change.kind != ChangeKind::rename) return;
  one(change.collection, change.key);
  if (!change.to_collection.empty()) one(change.to_collection, change.to_key);
}

/// Sends what tell() has gathered for broadcasts.
void Tracking::broadcast() {
  if (broadcasts.empty()) return;
  const auto gathered = std::exchange(broadcasts, {});
  const std::lock_guard lock(mutex_);
  for (const auto& [whom, names] : gathered) {
    const auto tracked = tracked_.find(whom.first);
    if (tracked == tracked_.end()) continue;
    const std::vector<std::string_view> keys(names.begin(), names.end());
    send(tracked->second, keys);
  }
}

void Tracking::invalidate(std::string_view tenant, std::string_view key) {
  for (auto& [id, tracked] : tracked_) {
    if (!tracked.options.broadcast || is_spared(id, tracked.options, tracked.tenant, tenant)) continue;
    const auto& prefixes = tracked.options.prefixes;
    const auto prefix =
        std::find_if(prefixes.begin(), prefixes.end(), [&](const auto& each) { return key.starts_with(each); });
    if (prefix != prefixes.end()) broadcasts[{id, *prefix}].emplace(key);
  }
  tell_readers(tenant, key);
}

void Tracking::tell_readers(std::string_view tenant, std::string_view key) {
  const auto found = keys_.extract(name_of(tenant, key));
  if (found.empty()) return;
  items_ -= found.mapped().size();
  for (const uint64_t id : found.mapped()) {
    const auto reader = tracked_.find(id);
    if (reader == tracked_.end() || reader->second.options.broadcast) continue;
    if (!is_spared(id, reader->second.options, reader->second.tenant, tenant))
      send(reader->second, std::span<const std::string_view>(&key, 1));
  }
}

void Tracking::invalidate_below(std::string_view tenant, std::string_view directory) {
  const std::string prefix = name_of(tenant, directory) + "/";
  std::vector<std::string> names;
  for (const auto& [name, readers] : keys_)
    if (name.starts_with(prefix)) names.push_back(name);
  for (const std::string& name : names) invalidate(tenant, key_of(name));
}

void Tracking::send(Tracked& to, std::optional<std::span<const std::string_view>> keys) {
  std::shared_ptr<ClientCard> receiver = to.card;
  std::string text;
  if (to.options.redirect != 0) {
    receiver = clients_.find(to.options.redirect);
    if (!receiver) {
      to.broken = true;
      const auto outbox = to.card->outbox.lock();
      if (!outbox || outbox->protocol() < 3) return;
      Reply reply(text, 3);
      reply.push(2);
      reply.bulk("tracking-redir-broken");
      reply.integer(static_cast<int64_t>(to.options.redirect));
      return outbox->push(text);
    }
  }
  const auto outbox = receiver->outbox.lock();
  if (!outbox) return;
  const int protocol = outbox->protocol();
  Reply reply(text, protocol);
  if (protocol >= 3) {
    reply.push(2);
    reply.bulk("invalidate");
  } else if (to.options.redirect != 0 && outbox->subscribes()) {
    reply.array(3);
    reply.bulk("message");
    reply.bulk(kInvalidateChannel);
  } else {
    return;  // there is no way to tell
  }
  if (keys) {
    reply.array(keys->size());
    for (const std::string_view key : *keys) reply.bulk(key);
  } else {
    reply.null();
  }
  outbox->push(text);
}

}  // namespace kvfs::resp
