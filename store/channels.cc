#include "store/channels.h"

#include <algorithm>
#include <mutex>

#include "store/glob.h"

namespace kvfs {

void Channels::add(ByName& names, std::string_view name, const SubscriberPtr& subscriber) {
  auto at = names.find(name);
  if (at == names.end()) at = names.emplace(std::string(name), std::vector<SubscriberPtr>()).first;
  if (std::find(at->second.begin(), at->second.end(), subscriber) == at->second.end()) at->second.push_back(subscriber);
}

void Channels::remove(ByName& names, std::string_view name, const Subscriber* subscriber) {
  const auto at = names.find(name);
  if (at == names.end()) return;
  std::erase_if(at->second, [&](const SubscriberPtr& each) { return each.get() == subscriber; });
  if (at->second.empty()) names.erase(at);
}

void Channels::forget_if_empty(std::string_view tenant) {
  const auto at = tenants_.find(tenant);
  if (at != tenants_.end() && at->second.channels.empty() && at->second.patterns.empty()) tenants_.erase(at);
}

void Channels::subscribe(std::string_view tenant, std::string_view channel, const SubscriberPtr& subscriber) {
  const std::unique_lock lock(mutex_);
  add(tenants_[std::string(tenant)].channels, channel, subscriber);
}

void Channels::unsubscribe(std::string_view tenant, std::string_view channel, const Subscriber* subscriber) {
  const std::unique_lock lock(mutex_);
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return;
  remove(at->second.channels, channel, subscriber);
  forget_if_empty(tenant);
}

void Channels::subscribe_pattern(std::string_view tenant, std::string_view pattern, const SubscriberPtr& subscriber) {
  const std::unique_lock lock(mutex_);
  add(tenants_[std::string(tenant)].patterns, pattern, subscriber);
}

void Channels::unsubscribe_pattern(std::string_view tenant, std::string_view pattern, const Subscriber* subscriber) {
  const std::unique_lock lock(mutex_);
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return;
  remove(at->second.patterns, pattern, subscriber);
  forget_if_empty(tenant);
}

size_t Channels::publish(std::string_view tenant, std::string_view channel, std::string_view payload) {
  const std::shared_lock lock(mutex_);
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return 0;
  size_t count = 0;
  if (const auto named = at->second.channels.find(channel); named != at->second.channels.end())
    for (const SubscriberPtr& subscriber : named->second) {
      subscriber->deliver({channel, {}, payload});
      ++count;
    }
  for (const auto& [pattern, subscribers] : at->second.patterns) {
    if (!glob_matches(pattern, channel)) continue;
    for (const SubscriberPtr& subscriber : subscribers) {
      subscriber->deliver({channel, pattern, payload});
      ++count;
    }
  }
  return count;
}

size_t Channels::receivers(std::string_view tenant, std::string_view channel) const {
  const std::shared_lock lock(mutex_);
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return 0;
  size_t count = 0;
  if (const auto named = at->second.channels.find(channel); named != at->second.channels.end())
    count += named->second.size();
  for (const auto& [pattern, subscribers] : at->second.patterns)
    if (glob_matches(pattern, channel)) count += subscribers.size();
  return count;
}

std::vector<std::string> Channels::active(std::string_view tenant, std::string_view pattern) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::string> out;
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return out;
  for (const auto& [channel, subscribers] : at->second.channels)
    if (pattern.empty() || glob_matches(pattern, channel)) out.push_back(channel);
  return out;
}

size_t Channels::subscribers(std::string_view tenant, std::string_view channel) const {
  const std::shared_lock lock(mutex_);
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return 0;
  const auto named = at->second.channels.find(channel);
  return named == at->second.channels.end() ? 0 : named->second.size();
}

size_t Channels::patterns(std::string_view tenant) const {
  const std::shared_lock lock(mutex_);
  const auto at = tenants_.find(tenant);
  return at == tenants_.end() ? 0 : at->second.patterns.size();
}

}  // namespace kvfs
