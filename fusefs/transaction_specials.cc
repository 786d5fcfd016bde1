// Symbolic links, FIFOs, sockets and devices within transactions.
#include "fusefs/attributes.h"
#include "fusefs/transaction_files.h"

namespace kvfs {

Result<void> TransactionFiles::make_special(const ControlPlace& place, const NewNode& node) {
  const auto target = this->target(place);
  if (!target) return target.error();
  StagedTransaction& transaction = *target->transaction;
  const std::lock_guard lock(transaction.mutex);
  if (transaction.ended) return Error{Errc::stale, "the transaction has been committed or dropped"};
  if (target->path.empty() || transaction.look(target->path)) return Errc::exists;
  const auto staged = transaction.stage(target->path);
  if (!staged) return staged.error();
  StagedFile& file = **staged;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  file.mtime_ns = to_ns(now);
  file.mode = node.mode & ~node.umask;
  file.uid = node.uid;
  file.gid = node.gid;
  if (node.kind == Kind::file) return begin_content(*target, file, true);
  file.removed = false;
  file.kind = node.kind;
  file.rdev = node.rdev;
  file.link_target = node.target;
  return {};
}

Result<void> TransactionFiles::adopt_special(const Target& target, StagedFile& file) {
  if (file.is_special()) return {};
  return store_.read([&](const ReadTxn& txn) -> Result<void> {
    const auto live = target.transaction->live(txn, target.path);
    if (!live) return live.error();
    file.kind = live->entry.kind;
    file.rdev = live->entry.rdev;
    file.link_target = live->entry.inline_value;
    return {};
  });
}

}  // namespace kvfs
