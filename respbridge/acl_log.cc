#include "respbridge/acl_log.h"

#include <algorithm>

#include "respbridge/clients.h"

namespace kvfs::resp {

namespace {

bool may_see(const Client& client, const AclLog::Record& record) {
  return client.identity.all_tenants || record.tenant == client.identity.tenant;
}

std::string_view context_of(const Client& client, bool in_exec) {
  return in_exec || client.in_transaction ? "multi" : "toplevel";
}

}  // namespace

void AclLog::refused_key(const Client& client, std::string_view command, std::string_view user, bool in_exec,
                         uint64_t now_ms) {
  const std::string name(user.substr(0, kNameBytesMax));
  add({1, "auth", context_of(client, in_exec), std::string(command), name, client.identity.tenant, {}, now_ms}, client);
}

void AclLog::refused_command(const Client& client, std::string_view command, bool in_exec, uint64_t now_ms) {
  add({1,
       "command",
       context_of(client, in_exec),
       std::string(command),
       client.identity.name,
       client.identity.tenant,
       {},
       now_ms},
      client);
}

void AclLog::add(Record record, const Client& client) {
  record.client = describe(*client.card, record.at_ms);
  const std::lock_guard lock(mutex_);
  const auto same = std::find_if(records_.begin(), records_.end(), [&](const Record& each) {
    return each.reason == record.reason && each.context == record.context && each.object == record.object &&
           each.user == record.user && each.tenant == record.tenant && each.at_ms + kSameMs >= record.at_ms;
  });
  if (same != records_.end()) {
    record.count += same->count;
    records_.erase(same);
  }
  records_.push_front(std::move(record));
  if (records_.size() > kRecordsMax) records_.pop_back();
}

std::vector<AclLog::Record> AclLog::visible_to(const Client& client, size_t count_max) const {
  const std::lock_guard lock(mutex_);
  std::vector<Record> out;
  for (const Record& record : records_) {
    if (out.size() == count_max) break;
    if (may_see(client, record)) out.push_back(record);
  }
  return out;
}

void AclLog::reset(const Client& client) {
  const std::lock_guard lock(mutex_);
  std::erase_if(records_, [&](const Record& record) { return may_see(client, record); });
}

}  // namespace kvfs::resp
