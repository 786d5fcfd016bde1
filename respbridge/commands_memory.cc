// MEMORY: what keys and the process occupy.
#include <fmt/format.h>

#include <algorithm>

#include "respbridge/commands.h"
#include "respbridge/memory_config.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/process_memory.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

double ratio(uint64_t part, uint64_t of) { return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of); }

uint64_t held_by_clients(Call& call) {
  uint64_t sum = 0;
  for (const auto& card : call.service.clients().all()) sum += held_bytes(*card);
  return sum;
}

}  // namespace

void memory_usage(Call& call) {
  OptionsReader words(call.args, 3);
  while (const auto samples = words.take_value("samples")) {
    const std::optional<int64_t> count = parse_integer(*samples);
    if (!count) return call.not_an_integer();
    if (*count < 0) return call.syntax_error();
  }
  if (!words.at_end()) return call.syntax_error();
  const std::optional<Entry> entry = call.find(call.args[2]);
  if (!entry) return call.reply.null();
  constexpr uint64_t kRowBytes = 128;  // what an entry's row takes beside its key and value
  const uint64_t bytes = kRowBytes + call.args[2].size() + entry->bytes_charged() + entry->xattrs.size();
  call.reply.integer(static_cast<int64_t>(bytes));
}

void memory_doctor(Call& call) { call.reply.verbatim("Sam, I can't find any memory issue in your instance."); }
void memory_purge(Call& call) {
  if (call.client.identity.admin) release_free_memory();  // it takes a while, at the cost of all
  call.reply.ok();
}

// Redis's fields; those that stand for what kvfs does not have are 0.
void memory_stats(Call& call) {
  const Store::Usage usage = tenant_usage(call);
  const uint64_t resident = resident_bytes();
  const uint64_t peak = resident_bytes_peak();
  const uint64_t dataset = std::min(resident, usage.bytes);
  const AllocatorUse allocator = allocator_use();
  const std::pair<std::string_view, uint64_t> before[] = {
      {"peak.allocated", peak},
      {"total.allocated", resident},
      {"startup.allocated", 0},
      {"replication.backlog", 0},
      {"clients.slaves", 0},
      {"clients.normal", held_by_clients(call)},
      {"cluster.links", 0},
      {"aof.buffer", 0},
      {"lua.caches", 0},
      {"functions.caches", 0},
      {"overhead.total", resident - dataset},
      {"keys.count", usage.keys},
      {"keys.bytes-per-key", usage.keys == 0 ? 0 : usage.bytes / usage.keys},
      {"dataset.bytes", dataset},
  };
  const auto bytes = [&](std::string_view name, uint64_t value) {
    call.reply.bulk(name);
    call.reply.integer(static_cast<int64_t>(value));
  };
  const auto number = [&](std::string_view name, double value) {
    call.reply.bulk(name);
    call.reply.number(value);
  };
  const auto beyond = [](uint64_t all, uint64_t part) { return all > part ? all - part : 0; };
  call.reply.map(std::size(before) + 13);
  for (const auto& [name, value] : before) bytes(name, value);
  number("dataset.percentage", ratio(dataset, resident) * 100);
  number("peak.percentage", ratio(resident, peak) * 100);
  bytes("allocator.allocated", allocator.allocated);
  bytes("allocator.active", allocator.active);
  bytes("allocator.resident", resident);
  number("allocator-fragmentation.ratio", ratio(allocator.active, allocator.allocated));
  bytes("allocator-fragmentation.bytes", beyond(allocator.active, allocator.allocated));
  number("allocator-rss.ratio", ratio(resident, allocator.active));
  bytes("allocator-rss.bytes", beyond(resident, allocator.active));
  number("rss-overhead.ratio", 1);
  bytes("rss-overhead.bytes", 0);
  number("fragmentation", 1);
  bytes("fragmentation.bytes", 0);
}

void memory_malloc_stats(Call& call) {
  const AllocatorUse use = allocator_use();
  call.reply.verbatim(
      fmt::format("___ Begin malloc statistics ___\nallocated: {}\nactive: {}\nresident: {}\n"
                  "--- End malloc statistics ---\n",
                  use.allocated, use.active, resident_bytes()));
}

}  // namespace kvfs::resp::commands
