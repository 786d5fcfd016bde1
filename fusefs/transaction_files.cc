// Transactions as a table: begun, found, committed, dropped. What is in one of them is in transaction_names.cc.
#include "fusefs/transaction_files.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

constexpr uint64_t kLeasePollMs = 1000;

Error ended() { return {Errc::stale, "the transaction has been committed or dropped"}; }

}  // namespace

TransactionFiles::TransactionFiles(Store& store, const OverlayLimits& limits, const TransactionOptions& options,
                                   std::function<void()> before_commit)
    : store_(store),
      limits_(limits),
      options_(options),
      before_commit_(std::move(before_commit)),
      origin_(store.new_origin()),
      watcher_(std::make_unique<BackgroundTask>([this] {
        drop_ended();
        return count() == 0 ? BackgroundTask::kNever : kLeasePollMs;
      })) {}

TransactionFiles::~TransactionFiles() {
  watcher_.reset();
  for (const auto& [key, transaction] : transactions_)
    spdlog::warn("mount: transaction {} was not committed and is dropped", key.second);
}

Result<TransactionFiles::Target> TransactionFiles::target(const ControlPlace& place) const {
  std::string_view path = place.below_root();
  const size_t slash = std::min(path.find('/'), path.size());
  const std::lock_guard lock(mutex_);
  const auto found = transactions_.find({place.tenant, std::string(path.substr(0, slash))});
  if (found == transactions_.end() || place.root() != "tx") return Errc::not_found;
  path.remove_prefix(std::min(slash + 1, path.size()));
  if (!path.empty()) found->second->used_ms = store_.now_ms();  // who only lists it does not use it
  return Target{found->second, std::string(path)};
}

Result<void> TransactionFiles::begin(const ControlPlace& place, Caller caller) {
  if (place.root() != "tx")
    return Error{Errc::not_permitted, ".kvfs/commit takes transactions: mv .kvfs/tx/ID .kvfs/commit/"};
  drop_ended();
  Key key{place.tenant, std::string(place.below_root())};
  if (auto named = check_name(key.second, "transaction"); !named) return named;
  const std::lock_guard lock(mutex_);
  if (transactions_.contains(key)) return Errc::exists;
  if (transactions_.size() >= options_.count_max)
    return Error{Errc::limit_reached,
                 fmt::format("there are {} transactions (transactions_max): commit or drop one", transactions_.size())};
  const auto begun = std::make_shared<StagedTransaction>(store_, place.tenant, caller.uid, caller.gid, options_);
  begun->used_ms = store_.now_ms();
  transactions_.emplace(std::move(key), begun);
  watcher_->wake();
  return {};
}

Result<void> TransactionFiles::commit(const ControlPlace& place) {
  const auto target = this->target(place);
  if (!target) return target.error();
  if (before_commit_) before_commit_();
  {
    const std::lock_guard lock(target->transaction->mutex);
    if (target->transaction->ended) return ended();
    if (auto done = target->transaction->commit({.origin = origin_, .durability = {}}); !done) return done;
  }
  const std::lock_guard lock(mutex_);
  transactions_.erase({place.tenant, std::string(place.below_root())});
  return {};
}

Result<void> TransactionFiles::end(const ControlPlace& place) {
  const auto target = this->target(place);
  if (!target) return target.error();
  {
    const std::lock_guard lock(mutex_);
    transactions_.erase({place.tenant, std::string(place.below_root())});
  }
  const std::lock_guard lock(target->transaction->mutex);
  target->transaction->ended = true;
  target->transaction->files.clear();
  return {};
}

size_t TransactionFiles::drop_ended() {
  std::vector<std::pair<std::string, Ptr>> dropped;
  {
    const uint64_t now_ms = store_.now_ms();
    const std::lock_guard lock(mutex_);
    for (auto at = transactions_.begin(); at != transactions_.end();) {
      if (at->second->used_ms + options_.lease_ms > now_ms) {
        ++at;
        continue;
      }
      dropped.emplace_back(at->first.second, at->second);
      at = transactions_.erase(at);
    }
  }
  for (const auto& [name, transaction] : dropped) {
    spdlog::warn("mount: transaction {} was not used for {} s and is dropped", name, options_.lease_ms / 1000);
    const std::lock_guard lock(transaction->mutex);
    transaction->ended = true;
    transaction->files.clear();
  }
  return dropped.size();
}

size_t TransactionFiles::count() const {
  const std::lock_guard lock(mutex_);
  return transactions_.size();
}

}  // namespace kvfs
