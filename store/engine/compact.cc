#include "store/engine/compact.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "store/engine/file.h"
#include "store/engine/store_lock.h"
#include "store/lmdb.h"

namespace kvfs {

namespace {

namespace fs = std::filesystem;

Result<void> sync_path(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error("open", path, errno);
  const bool synced = fsync(fd) == 0;
  const int code = errno;
  close(fd);
  if (!synced) return io_error("fsync", path, code);
  return {};
}

uint64_t file_bytes(const std::string& path) {
  struct stat data {};
  return stat(path.c_str(), &data) == 0 ? static_cast<uint64_t>(data.st_size) : 0;
}

Result<void> fold_journal(const EngineOptions& options) {
  const Result<std::unique_ptr<Engine>> engine = open_engine(options);
  if (!engine) return engine.error();
  return (*engine)->checkpoint();
}

/// A compact copy of the base in `base` at `copy`/data.mdb, durable.
Result<void> copy_base(const std::string& base, const std::string& copy) {
  if (mkdir(copy.c_str(), 0700) != 0) return io_error("mkdir", copy, errno);
  lmdb::EnvOptions env_options;
  env_options.path = base;
  const auto env = lmdb::Env::open(env_options);
  if (!env) return env.error();
  if (Result<void> ok = (*env)->copy(copy, true); !ok) return ok;
  return sync_path(copy + "/data.mdb");
}

}  // namespace

Result<CompactReport> compact(const EngineOptions& options) {
  if (options.kind != "lmdb") return {Errc::unsupported, "the engine \"" + options.kind + "\" keeps nothing on disk"};
  if (Result<void> ok = fold_journal(options); !ok) return ok.error();
  const auto lock = StoreLock::acquire(options.path);
  if (!lock) return lock.error();
  const std::string base = options.path + "/base";
  const std::string copy = options.path + "/base.compact";
  const std::string file = base + "/data.mdb";
  std::error_code error;
  fs::remove_all(copy, error);  // of an interrupted compaction
  CompactReport report;
  report.bytes_before = file_bytes(file);
  if (Result<void> ok = copy_base(base, copy); !ok) {
    fs::remove_all(copy, error);
    return ok.error();
  }
  // LMDB's lock file describes the old file to processes that have it open; there are none.
  (void)unlink((base + "/lock.mdb").c_str());
  if (rename((copy + "/data.mdb").c_str(), file.c_str()) != 0) return io_error("rename", copy + "/data.mdb", errno);
  if (Result<void> ok = sync_path(base); !ok) return ok.error();
  fs::remove_all(copy, error);
  // With the lock file of the new one, for which there may be no room later.
  lmdb::EnvOptions compacted;
  compacted.path = base;
  if (auto opened = lmdb::Env::open(compacted); !opened) return opened.error();
  report.bytes_after = file_bytes(file);
  return report;
}

}  // namespace kvfs
