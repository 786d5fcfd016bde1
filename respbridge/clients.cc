#include "respbridge/clients.h"

#include <fmt/format.h>

#include <algorithm>

#include "respbridge/command.h"

namespace kvfs::resp {

void Clients::add(const std::shared_ptr<ClientCard>& card) {
  const std::lock_guard lock(mutex_);
  cards_[card->id] = card;
  count_.store(cards_.size());
}

void Clients::remove(uint64_t id) {
  const std::lock_guard lock(mutex_);
  cards_.erase(id);
  count_.store(cards_.size());
}

std::shared_ptr<ClientCard> Clients::find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto card = cards_.find(id);
  return card != cards_.end() ? card->second : nullptr;
}

std::vector<std::shared_ptr<ClientCard>> Clients::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<ClientCard>> out;
  out.reserve(cards_.size());
  for (const auto& [id, card] : cards_) out.push_back(card);
  return out;
}

void Clients::add_monitor(const std::string& tenant, const std::shared_ptr<Outbox>& outbox) {
  const std::lock_guard lock(mutex_);
  monitors_.emplace_back(tenant, outbox);
  monitors_count_.store(monitors_.size());
}

size_t Clients::evict(uint64_t bytes_max) {
  uint64_t sum = 0;
  std::vector<std::pair<size_t, std::shared_ptr<ClientCard>>> holders;
  for (const std::shared_ptr<ClientCard>& card : all()) {
    const size_t bytes = held_bytes(*card);
    if (card->no_evict || bytes == 0) continue;
    sum += bytes;
    holders.emplace_back(bytes, card);
  }
  if (sum <= bytes_max) return 0;
  std::sort(holders.begin(), holders.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  size_t count = 0;
  for (const auto& [bytes, card] : holders) {
    if (sum <= bytes_max) break;
    sum -= bytes;
    if (!card->kill) continue;
    card->kill();
    ++count;
  }
  return count;
}

void Clients::remove_monitor(const Outbox* outbox) {
  const std::lock_guard lock(mutex_);
  std::erase_if(monitors_, [&](const auto& each) { return each.second.get() == outbox; });
  monitors_count_.store(monitors_.size());
}

void Clients::tell_monitors(std::string_view tenant, std::string_view line) {
  const std::lock_guard lock(mutex_);
  for (const auto& [of, outbox] : monitors_)
    if (of == tenant) outbox->push(line);
}

bool is_visible(const Client& client, ClientCard& card) {
  if (client.identity.all_tenants) return true;
  const std::lock_guard lock(card.mutex);
  return card.tenant == client.identity.tenant;
}

std::string describe(ClientCard& card, uint64_t now_ms) {
  const CommandSpec* command = card.last_command.load();
  const uint64_t active_ms = card.active_ms.load();
  const size_t input_bytes = card.input_bytes.load(std::memory_order_relaxed);
  const size_t output_bytes =
      card.pushed_bytes.load(std::memory_order_relaxed) + card.unsent_bytes.load(std::memory_order_relaxed);
  const std::lock_guard lock(card.mutex);
  std::string flags;
  if (card.monitor) flags += 'O';
  if (card.channels + card.patterns + card.shard_channels > 0) flags += 'P';
  if (card.queued >= 0) flags += 'x';
  if (card.tracking) flags += 't';
  if (card.tracking && card.tracking->broadcast) flags += 'B';
  if (card.no_evict) flags += 'e';
  if (card.local_address.ends_with(":0")) flags += 'U';  // a Unix socket
  if (flags.empty()) flags = "N";
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} qbuf={} "
      "qbuf-free=0 argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll=0 omem={} tot-mem={} events=r cmd={} user={} "
      "redir={} resp={} lib-name={} lib-ver={}",
      card.id, card.address, card.local_address, card.fd, card.name,
      now_ms > card.created_ms ? (now_ms - card.created_ms) / 1000 : 0,
      now_ms > active_ms ? (now_ms - active_ms) / 1000 : 0, flags, card.database, card.channels, card.patterns,
      card.shard_channels, card.queued, input_bytes, card.queued_bytes.load(std::memory_order_relaxed), output_bytes,
      held_bytes(card), command != nullptr ? command->name : "NULL", card.user,
      card.tracking ? static_cast<int64_t>(card.tracking->redirect) : -1, card.protocol, card.library_name,
      card.library_version);
}

}  // namespace kvfs::resp
