#include "respbridge/slowlog.h"

#include <fmt/format.h>

#include "respbridge/secrets.h"

namespace kvfs::resp {

namespace {

std::vector<std::string> shortened(Args args) {
  std::vector<std::string> out;
  size_t secrets = 0;
  for (size_t i = 0; i < args.size(); ++i) {
    if (i + 1 == Slowlog::kArgumentsMax && args.size() > Slowlog::kArgumentsMax) {
      out.push_back(fmt::format("... ({} more arguments)", args.size() - i));
      break;
    }
    const std::string_view arg = args[i];
    if (secrets > 0) {
      --secrets;
      out.emplace_back(kRedacted);
      continue;
    }
    secrets = secrets_after(args, i);
    out.emplace_back(arg.substr(0, Slowlog::kArgumentBytesMax));
    if (arg.size() > Slowlog::kArgumentBytesMax)
      out.back() += fmt::format("... ({} more bytes)", arg.size() - Slowlog::kArgumentBytesMax);
  }
  return out;
}

}  // namespace

void Slowlog::add(Args args, uint64_t at_s, uint64_t took_us, const Client& client, size_t entries_max) {
  Record record{0, at_s, took_us, shortened(args), client.identity.tenant, client.card->address, {}};
  {
    const std::lock_guard lock(client.card->mutex);
    record.client_name = client.card->name;
  }
  const std::lock_guard lock(mutex_);
  record.id = next_id_++;
  records_.push_front(std::move(record));
  while (records_.size() > entries_max) records_.pop_back();
}

std::vector<Slowlog::Record> Slowlog::of(std::string_view tenant, size_t count_max) const {
  const std::lock_guard lock(mutex_);
  std::vector<Record> out;
  for (const Record& record : records_) {
    if (out.size() == count_max) break;
    if (record.tenant == tenant) out.push_back(record);
  }
  return out;
}

size_t Slowlog::length(std::string_view tenant) const { return of(tenant, SIZE_MAX).size(); }

void Slowlog::reset(std::string_view tenant) {
  const std::lock_guard lock(mutex_);
  std::erase_if(records_, [&](const Record& record) { return record.tenant == tenant; });
}

}  // namespace kvfs::resp
