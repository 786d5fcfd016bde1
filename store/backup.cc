#include "store/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "store/check.h"
#include "store/engine/file.h"
#include "store/engine/store_lock.h"
#include "store/entry.h"
#include "store/store.h"

namespace kvfs {

namespace {

namespace fs = std::filesystem;

constexpr size_t kCommitBytes = 4 * 1024 * 1024;
constexpr size_t kCommitRows = 10'000;

/// Thrown through whatever is under way when nobody wants the copy any more.
struct GivenUp {};

/// Tells how far it is, and gives up where that is wanted. Throws GivenUp.
void tell(const BackupOptions& options, const Progress& at) {
  if (options.cancelled && options.cancelled()) throw GivenUp();
  if (options.progress) options.progress(at);
}

/// Writes rows to a new store in commits of a moderate size.
class Copier {
 public:
  Copier(const ChunkStore& from, Engine& to) : from_(from), to_(to) {}

  Result<void> add(std::string_view key, std::string_view value) {
    if (key == meta_row("replica")) return {};  // a copy is a replica of its own
    report_.rows += 1;
    report_.bytes += key.size() + value.size();
    pending_bytes_ += key.size() + value.size();
    if (key.front() == static_cast<char>(Table::chunk)) {
      Result<ChunkRef> copied = copy_chunk(value);
      if (!copied) return copied.error();
      rows_.emplace_back(key, encode_chunk_row(*copied));
      used_.push_back(*copied);
    } else {
      rows_.emplace_back(key, value);
    }
    return rows_.size() >= kCommitRows || pending_bytes_ >= kCommitBytes ? commit() : Result<void>();
  }

  Result<void> commit() {
    const Result<Sequence> done = to_.transact([&](Transaction& txn) -> Result<void> {
      for (const ChunkRef& ref : used_) txn.use_chunk(ref);
      for (const auto& [key, value] : rows_) txn.put(key, value);
      return {};
    });
    if (!done) return done.error();
    rows_.clear();
    used_.clear();
    pending_bytes_ = 0;
    return {};
  }

  const BackupReport& report() const { return report_; }

 private:
  Result<ChunkRef> copy_chunk(std::string_view row) {
    const Result<ChunkRef> ref = decode_chunk_row(row);
    if (!ref) return ref.error();
    chunk_.resize(ref->length);
    if (Result<void> ok = from_.read(*ref, 0, ref->length, chunk_.data()); !ok) return ok.error();
    report_.chunks += 1;
    report_.bytes += ref->length;
    pending_bytes_ += ref->length;
    return to_.chunks().append(chunk_);
  }

  const ChunkStore& from_;
  Engine& to_;
  BackupReport report_;
  std::vector<std::pair<std::string, std::string>> rows_;
  std::vector<ChunkRef> used_;
  std::string chunk_;
  size_t pending_bytes_ = 0;
};

Result<BackupReport> copy_rows(Engine& from, Engine& to, const BackupOptions& options) {
  constexpr uint64_t kRowsPerProgress = 256;
  const uint64_t total = rows_about(from);
  const std::unique_ptr<Snapshot> rows = from.snapshot();
  Copier copier(from.chunks(), to);
  const auto cursor = rows->cursor();
  for (cursor->seek(""); cursor->valid(); cursor->next()) {
    if (Result<void> ok = copier.add(cursor->key(), cursor->value()); !ok)
      return {ok.error().code, ok.error().message() + (ok.error().code == Errc::corrupt ? "; see kvfs check" : "")};
    if (copier.report().rows % kRowsPerProgress == 0)
      tell(options, {"copy", copier.report().rows, total, copier.report().bytes});
  }
  if (Result<void> ok = copier.commit(); !ok) return ok.error();
  if (Result<void> ok = to.checkpoint(); !ok) return ok.error();
  if (Result<void> ok = to.sync(); !ok) return ok.error();
  BackupReport report = copier.report();
  report.sequence = rows->sequence();
  return report;
}

Result<void> verify(Engine& copy, const BackupOptions& options) {
  CheckOptions check;
  check.findings_max = 1;
  check.progress = [&](const Progress& at) { tell(options, {"verify", at.done, at.total, at.bytes}); };
  const CheckReport report = check_engine(copy, check);
  if (report.sound()) return {};
  const CheckFinding& first = report.findings.front();
  return {Errc::corrupt,
          fmt::format("{} problems, the first is {}: {}; see kvfs check", report.found, first.where, first.what)};
}

bool is_absent_or_empty(const std::string& directory) {
  std::error_code error;
  return !fs::exists(directory, error) || (fs::is_directory(directory, error) && fs::is_empty(directory, error));
}

/// Nothing else is ever removed: it may be all that somebody has.
bool holds_only_a_store(const std::string& directory) {
  static constexpr std::string_view kParts[] = {"LOCK",         "base",    "base.compact", "chunks",
                                                "control.sock", "journal", "RESERVE"};
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (std::ranges::find(kParts, it->path().filename().string()) == std::end(kParts)) return false;
  }
  return !error;
}

/// Removes what an earlier copy left. Errors: busy (it is still under way), exists (it is something else).
Result<void> clear_partial(const std::string& partial) {
  std::error_code error;
  if (!fs::exists(partial, error)) return {};
  if (!holds_only_a_store(partial))
    return {Errc::exists, partial + " is in the way, and is no unfinished copy of a store"};
  const auto lock = StoreLock::acquire(partial);
  if (!lock) return lock.error();
  fs::remove_all(partial, error);
  if (error) return {Errc::io, "cannot remove " + partial + ": " + error.message()};
  return {};
}

/// Makes the directory's content, and its name in the directory above, survive power loss.
Result<void> sync_name(const std::string& directory) {
  const std::string above = fs::absolute(directory).parent_path().string();
  const int fd = open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("open", above, errno);
  const bool synced = fsync(fd) == 0;
  const int code = errno;
  close(fd);
  if (!synced) return io_error("fsync", above, code);
  return {};
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

/// Copies into a new directory; removes it again if that fails.
Result<BackupReport> copy_into(Engine& source, const EngineOptions& target, const BackupOptions& options) {
  const auto run = [&]() -> Result<BackupReport> {
    try {
      Result<std::unique_ptr<Engine>> copy = open_engine(target);
      if (!copy) return copy.error();
      Result<BackupReport> report = copy_rows(source, **copy, options);
      if (!report || !options.verify) return report;
      if (Result<void> ok = verify(**copy, options); !ok) return ok.error();
      return report;
    } catch (const StoreException& damage) {
      return damage.error();
    } catch (const GivenUp&) {
      return {Errc::busy, "given up half-way: whoever asked for it has gone, or the daemon is stopping"};
    }
  };
  Result<BackupReport> report = run();
  std::error_code ignored;
  if (!report) fs::remove_all(target.path, ignored);
  return report;
}

}  // namespace

Result<BackupReport> backup(Engine& source, const std::string& directory, const BackupOptions& options) {
  const std::string path = without_slash(directory);
  if (!is_absent_or_empty(path)) return {Errc::exists, path + " exists and is not empty"};
  EngineOptions target;
  target.path = path + ".partial";
  if (Result<void> ok = clear_partial(target.path); !ok) return ok.error();
  Result<BackupReport> report = copy_into(source, target, options);
  if (!report) return report;
  if (::rename(target.path.c_str(), path.c_str()) != 0) return io_error("rename", target.path, errno);
  if (Result<void> ok = sync_name(path); !ok) return ok.error();
  return report;
}

Result<BackupReport> backup(Store& source, const std::string& directory, const BackupOptions& options) {
  return backup(source.engine(), directory, options);
}

Result<BackupReport> restore(const std::string& backup_directory, const EngineOptions& target, bool replace,
                             const BackupOptions& options) {
  const std::string path = without_slash(target.path);
  std::error_code ignored;
  if (!fs::exists(backup_directory, ignored)) return {Errc::not_found, backup_directory + " does not exist"};
  const bool is_free = is_absent_or_empty(path);
  if (!is_free && !replace) return {Errc::exists, path + " exists; it is replaced only if you say so (--replace)"};
  if (!is_free && !holds_only_a_store(path))
    return {Errc::exists, path + " holds something that is not of a store, which is not replaced"};
  std::unique_ptr<StoreLock> old_lock;  // nobody uses what is being replaced
  if (!is_free) {
    Result<std::unique_ptr<StoreLock>> lock = StoreLock::acquire(path);
    if (!lock) return lock.error();
    old_lock = std::move(*lock);
  }
  EngineOptions from = target;
  from.path = backup_directory;
  const Result<std::unique_ptr<Engine>> source = open_engine(from);
  if (!source) return source.error();
  EngineOptions to = target;
  to.path = path + ".partial";
  if (Result<void> ok = clear_partial(to.path); !ok) return ok.error();
  Result<BackupReport> report = copy_into(**source, to, options);
  if (!report) return report;
  const unsigned how = is_free ? 0U : unsigned{RENAME_EXCHANGE};
  if (renameat2(AT_FDCWD, to.path.c_str(), AT_FDCWD, path.c_str(), how) != 0) return io_error("rename", to.path, errno);
  if (Result<void> ok = sync_name(path); !ok) return ok.error();
  old_lock.reset();
  fs::remove_all(to.path, ignored);  // the old store
  return report;
}

}  // namespace kvfs
