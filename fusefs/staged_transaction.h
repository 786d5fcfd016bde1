// What one transaction of the mount has staged: keys of a tenant that are changed together or not at all. Knows the
// live tree below it; nothing of nodes, handles or other transactions.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "fusefs/overlay.h"
#include "store/store.h"

namespace kvfs {

struct TransactionOptions {
  size_t count_max = 64;               // transactions at a time
  size_t keys_max = 10'000;            // changes that one stages
  uint64_t bytes_max = 1 << 30;        // of values that one stages
  uint64_t lease_ms = 10 * 60 * 1000;  // one that is not used for so long is dropped
};

/// A value, symbolic link or special file, as it will be. With neither content, `kind` nor `removed`, only attributes
/// or a condition are staged.
struct StagedFile {
  std::unique_ptr<Overlay> content;
  Kind kind = Kind::file;    // another one is made anew, in place of whatever there is
  std::string link_target;   // of a symlink
  uint32_t rdev = 0;         // of a device
  Version base_version = 0;  // of the live value that the content lies over; 0: there was none
  bool removed = false;
  std::optional<Version> if_match;  // commit only over this version; 0: only where there is no value
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<int64_t> mtime_ns;
  std::optional<uint64_t> expires_ms;
  std::optional<std::string> content_type;
  std::optional<std::string> xattrs;  // encoded; in place of all that there are

  bool is_special() const { return kind != Kind::file; }
  /// Whether it puts something in its place.
  bool makes() const { return content != nullptr || is_special(); }
  bool changes_attributes() const { return mode || uid || gid || mtime_ns || expires_ms || content_type || xattrs; }
  bool changes() const { return makes() || changes_attributes(); }
};

struct StagedDirectory {
  bool removed = false;
  uint32_t mode = 0755;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::optional<std::string> xattrs = {};  // encoded; nullopt: those it inherits
};

/// What the live store has at a path.
struct LiveName {
  Slot slot;  // its name is a view into `component`
  std::string component;
  Entry entry;  // views into the transaction that it was read in
};

/// Paths are file names joined by '/', below the tenant's directory or, of the root's transactions, below the root.
class StagedTransaction {
 public:
  StagedTransaction(Store& store, DirId tenant, uid_t uid, gid_t gid, const TransactionOptions& options)
      : store_(store), tenant_(tenant), uid_(uid), gid_(gid), options_(options) {}

  DirId root() const { return tenant_ == 0 ? kRootDir : tenant_; }
  uid_t uid() const { return uid_; }
  gid_t gid() const { return gid_; }
  /// How many components name a collection.
  size_t collection_depth() const { return tenant_ == 0 ? 2 : 1; }

  std::mutex mutex;  // before any lock of the store
  std::atomic<uint64_t> used_ms{0};

  // All below REQUIRE mutex.
  bool ended = false;
  std::map<std::string, std::shared_ptr<StagedFile>, std::less<>> files;
  std::map<std::string, StagedDirectory, std::less<>> directories;
  uint64_t bytes = 0;  // of all contents

  /// Errors: not_found.
  Result<DirId> live_directory(const ReadTxn& txn, std::string_view path) const;
  Result<LiveName> live(const ReadTxn& txn, std::string_view path) const;
  bool has_live_file(std::string_view path) const;

  /// The attributes of what the transaction shows at a path, st_ino left 0. Errors: not_found.
  Result<struct stat> look(const ReadTxn& txn, std::string_view path) const;
  Result<struct stat> look(std::string_view path) const;
  bool is_empty_directory(std::string_view path) const;
  /// Encoded extended attributes of it; empty where there is nothing (transaction_xattrs.cc).
  std::string xattrs(const ReadTxn& txn, std::string_view path) const;
  std::string xattrs(std::string_view path) const;

  /// The staged state of a file, made where there is none. Errors: limit_reached, cross_tenant.
  Result<std::shared_ptr<StagedFile>> stage(std::string_view path);
  Result<void> stage_directory(std::string_view path, const StagedDirectory& directory);
  /// Over the live value, or over nothing.
  Result<void> begin_content(StagedFile& file, std::string_view path, bool empty, ChunkStore& chunks,
                             const OverlayLimits& limits, OverlayGauge& gauge);
  Overlay::BaseReader base_reader(std::string_view path) const;
  /// Calls `change` and counts the bytes that it stages. Errors: limit_reached; of `change`.
  Result<void> count_bytes(Overlay& content, uint64_t more, const std::function<Result<void>()>& change);
  /// Nothing is staged for the file any more.
  void unstage(std::string_view path);

  /// Publishes everything by one transaction of the store, or nothing. Errors: precondition_failed, stale (naming the
  /// key); of the store.
  Result<void> commit(const WriteOptions& options);

 private:
  /// What something new gets from the directory it is made in.
  std::string inherited_xattrs(const ReadTxn& txn, std::string_view path, bool directory, uint32_t mode) const;
  Result<void> admit(std::string_view path);
  Result<void> check_conditions(const WriteTxn& txn) const;
  Result<void> remove_names(WriteTxn& txn) const;
  Result<void> make_directories(WriteTxn& txn) const;
  Result<DirId> ensure_directory(WriteTxn& txn, std::string_view path) const;
  Result<void> put_file(WriteTxn& txn, const std::string& path, const StagedFile& file, const StagedValue* value) const;
  Result<void> make_special(WriteTxn& txn, std::string_view path, const StagedFile& file) const;

  Store& store_;
  const DirId tenant_;
  const uid_t uid_;
  const gid_t gid_;
  const TransactionOptions& options_;
  std::string named_tenant_;  // of the root's transactions: the one whose keys it changes
};

/// The path without its last component, and that. Both views.
std::pair<std::string_view, std::string_view> split_path(std::string_view path);

}  // namespace kvfs
