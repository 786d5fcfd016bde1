// `.kvfs/tx/ID` and `.kvfs/commit`: transactions as directories. mkdir begins one, what is written below it is staged
// over the live tree, mv into `commit` publishes it, rmdir drops it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fusefs/control_subtree.h"
#include "fusefs/staged_transaction.h"
#include "store/engine/background_task.h"

namespace kvfs {

/// Staged values take memory and chunks within the limits of open files, and do not outlive the mount.
/// Thread safety: all functions may be called from any thread.
class TransactionFiles final : public ControlSubtree {
 public:
  /// `before_commit` is called without a lock before a commit, which tells the kernel of all that it changes.
  TransactionFiles(Store& store, const OverlayLimits& limits, const TransactionOptions& options,
                   std::function<void()> before_commit);
  ~TransactionFiles() override;

  std::vector<Root> roots() const override { return {{"tx"}, {"commit"}}; }
  bool has_owners() const override { return true; }
  Result<struct stat> attributes(const ControlPlace& place) override;
  Result<std::unique_ptr<ControlHandle>> open(const ControlPlace& place, int flags, Caller caller) override;
  Result<void> list(const ControlPlace& directory, std::string_view after, const Sink& sink) override;
  Result<std::unique_ptr<ControlHandle>> create(const ControlPlace& place, mode_t mode, int flags,
                                                Caller caller) override;
  Result<void> make_directory(const ControlPlace& place, mode_t mode, Caller caller) override;
  Result<void> make_special(const ControlPlace& place, const NewNode& node) override;
  Result<void> unlink(const ControlPlace& place) override;
  Result<void> remove_directory(const ControlPlace& place) override;
  Result<bool> rename(const ControlPlace& from, const ControlPlace& to, bool no_replace) override;
  Result<void> set_attributes(const ControlPlace& place, const AttributeRequest& request) override;
  Result<std::string> get_xattr(const ControlPlace& place, std::string_view name) override;
  Result<std::string> xattrs(const ControlPlace& place) override;
  Result<void> set_xattr(const ControlPlace& place, std::string_view name, std::string_view value, int flags) override;
  Result<void> remove_xattr(const ControlPlace& place, std::string_view name) override;
  Result<std::string> read_symlink(const ControlPlace& place) override;

  /// Drops those whose lease has ended; also done in the background. Returns how many.
  size_t drop_ended();
  size_t count() const;
  uint64_t staged_bytes() const { return gauge_.dirty_bytes.load(); }

 private:
  class Handle;
  using Ptr = std::shared_ptr<StagedTransaction>;
  struct Target {
    Ptr transaction;
    std::string path;  // within it; empty: the transaction's directory
  };
  /// Errors: not_found.
  Result<Target> target(const ControlPlace& place) const;
  Result<void> begin(const ControlPlace& place, Caller caller);
  Result<void> commit(const ControlPlace& place);
  Result<void> end(const ControlPlace& place);
  /// The names of a directory after `after`, at most so many.
  std::vector<std::string> names_after(const Target& target, std::string_view after, size_t count_max) const;
  /// REQUIRES: the transaction's mutex.
  Result<void> begin_content(const Target& target, StagedFile& file, bool empty);
  Result<void> complete(const Target& target, StagedFile& file);
  Result<void> resize(const Target& target, StagedFile& file, uint64_t size);
  /// Stages what is there live and is no value, so that it can have another name. REQUIRES: the transaction's mutex.
  Result<void> adopt_special(const Target& target, StagedFile& file);
  Result<void> rename_directory(const Target& from, const Target& to, bool no_replace);
  Result<void> rename_file(const Target& from, const Target& to, bool no_replace);
  Result<void> set_virtual_xattr(const Target& target, std::string_view name, std::string_view value);
  /// Lets `change(mode, encoded attributes)` change both.
  using XattrChange = std::function<Result<void>(uint32_t& mode, std::string& xattrs, bool directory)>;
  Result<void> change_xattrs(const ControlPlace& place, const XattrChange& change);
  Result<std::unique_ptr<ControlHandle>> opened(const Target& target, int flags);

  Store& store_;
  const OverlayLimits limits_;
  const TransactionOptions options_;
  const std::function<void()> before_commit_;
  const Origin origin_;  // not the mount's: its kernel must be told
  OverlayGauge gauge_;

  using Key = std::pair<DirId, std::string>;
  mutable std::mutex mutex_;                 // before those of the transactions
  std::map<Key, Ptr> transactions_;          // guarded by mutex_
  std::unique_ptr<BackgroundTask> watcher_;  // of leases
};

}  // namespace kvfs
