// The mount's own control files: statistics, last errors, and what comes and goes.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "fusefs/channel_files.h"
#include "fusefs/event_files.h"
#include "fusefs/filesystem.h"
#include "fusefs/transaction_files.h"
#include "fusefs/trash_files.h"

namespace kvfs {
namespace {

using Numbers = std::vector<std::pair<std::string, uint64_t>>;

}  // namespace

std::vector<std::pair<std::string, uint64_t>> Filesystem::statistics_of(DirId tenant) const {
  Numbers numbers;
  const Store::Usage usage = store_.usage(tenant);
  if (tenant != 0) {
    numbers = {{"keys", usage.keys},
               {"value_bytes", usage.bytes},
               {"quota_keys", usage.quota_keys},
               {"quota_bytes", usage.quota_bytes},
               {"keys_evicted", usage.evicted},
               {"keys_expired", usage.expired},
               {"key_hits", usage.hits},
               {"key_misses", usage.misses},
               {"trash_keys", usage.trash_keys},
               {"trash_bytes", usage.trash_bytes}};
    return numbers;
  }
  numbers = store_.stats();
  const OverlayGauge& gauge = open_files_.gauge();
  numbers.emplace_back("mount_dirty_bytes", gauge.dirty_bytes.load());
  numbers.emplace_back("mount_dirty_files", gauge.dirty_files.load());
  numbers.emplace_back("mount_staged_memory_bytes", gauge.memory_bytes.load());
  numbers.emplace_back("mount_known_inodes", nodes_.size());
  numbers.emplace_back("mount_transactions", transactions().count());
  numbers.emplace_back("mount_transaction_bytes", transactions().staged_bytes());
  return numbers;
}

std::vector<ControlFile> Filesystem::own_control_files() {
  const auto text = [this](DirId tenant, const Caller&) {
    std::string lines;
    for (const auto& [name, value] : statistics_of(tenant)) lines += fmt::format("{}: {}\n", name, value);
    return lines;
  };
  const auto json = [this](DirId tenant, const Caller&) {
    boost::json::object object;
    for (const auto& [name, value] : statistics_of(tenant)) object[name] = value;
    return boost::json::serialize(object) + "\n";
  };
  const auto errors = [this](DirId tenant, const Caller& reader) { return last_errors_for(tenant, reader); };
  return {{"stats", true, text}, {"stats.json", true, json}, {"last_error", true, errors}};
}

std::vector<std::unique_ptr<ControlSubtree>> Filesystem::control_subtrees() {
  std::vector<std::unique_ptr<ControlSubtree>> subtrees;
  subtrees.push_back(std::make_unique<CommandFile>(options_.commands, options_.before_blocking));
  subtrees.push_back(std::make_unique<EventFiles>(store_, options_.events_bytes_max));
  subtrees.push_back(std::make_unique<ChannelFiles>(store_, options_.channel_bytes_max));
  subtrees.push_back(std::make_unique<TrashFiles>(store_));
  auto transactions =
      std::make_unique<TransactionFiles>(store_, options_.staging, options_.transactions, options_.before_notifying);
  transactions_ = transactions.get();
  subtrees.push_back(std::move(transactions));
  return subtrees;
}

}  // namespace kvfs
