#include "store/lmdb.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "store/descriptor.h"
#include "store/fault_guard.h"

namespace kvfs::lmdb {
namespace {

constexpr uint64_t kMapBytesDefault = uint64_t{1} << 40;
constexpr uint64_t kMapBytesMin = uint64_t{1} << 30;
constexpr unsigned kTablesMax = 4;
constexpr uint64_t kBlockBytes = 512;  // the unit of st_blocks, see inode(7)

Errc to_errc(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
      return Errc::no_space;
    case EACCES:
    case EPERM:
      return Errc::access_denied;
    case EROFS:
      return Errc::read_only;
    case ENOENT:
    case MDB_NOTFOUND:
      return Errc::not_found;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return Errc::corrupt;
    case ENOMEM:
    case MDB_READERS_FULL:
      return Errc::limit_reached;
    case MDB_BAD_VALSIZE:
      return Errc::invalid;
    default:
      return Errc::io;
  }
}

Error to_error(const char* what, int code) {
  return Error{to_errc(code), std::string("lmdb: ") + what + ": " + mdb_strerror(code)};
}

/// What LMDB's `call` returns, which reads pages. Throws StoreException where they cannot be read: LMDB's frames own
/// nothing that is not its transaction's.
template <class Call>
int guarded(const Call& call) {
  int rc = 0;
  if (!survives_faults([&] { rc = call(); }))
    throw StoreException(Error{Errc::corrupt, "lmdb: the file is damaged, or the disk cannot read it"});
  return rc;
}

/// Zeros where the file cannot be read: who reads or writes it is told.
std::pair<MDB_envinfo, MDB_stat> described(MDB_env* env) {
  std::pair<MDB_envinfo, MDB_stat> out{};
  (void)survives_faults([&] {
    mdb_env_info(env, &out.first);
    mdb_env_stat(env, &out.second);
  });
  return out;
}

/// Of `call`, which may write pages. LMDB answers EIO also where a full disk cut a write short, which sets no errno.
/// The file is as it was before the transaction: nothing that its last commit refers to has been written over, so all
/// can be tried again in a new one.
template <class Call>
Result<void> written(const char* what, const Call& call) {
  errno = 0;
  int rc = 0;
  try {
    rc = guarded(call);
  } catch (const StoreException& damage) {
    return damage.error();
  }
  if (rc == 0) return {};
  if (rc == EIO && errno != EIO)
    return Error{Errc::no_space, std::string("lmdb: ") + what + ": the disk is full: a write was cut short"};
  return to_error(what, rc);
}

[[noreturn]] void raise(const char* what, int code) { throw StoreException(to_error(what, code)); }

/// LMDB's own end of the process where a page is not what it should be; through its frames, which own nothing.
[[noreturn]] void raise_damage(MDB_env*, const char* said) {
  throw StoreException(Error{Errc::corrupt, std::string("lmdb: the file is damaged: ") + said});
}

/// Throws StoreException.
MDB_stat stat_of(MDB_txn* txn, Table table) {
  MDB_stat stat{};
  if (int rc = guarded([&] { return mdb_stat(txn, table, &stat); })) raise("stat", rc);
  return stat;
}

/// Throws StoreException.
MDB_cursor* open_cursor(MDB_txn* txn, Table table) {
  (void)stat_of(txn, table);  // reads what opening a cursor would read, without memory that would be lost on damage
  MDB_cursor* cursor = nullptr;
  if (int rc = mdb_cursor_open(txn, table, &cursor)) raise("cursor", rc);
  return cursor;
}

MDB_val to_val(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view to_view(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

}  // namespace

// LMDB maps its table of readers, and makes its file without blocks: on a full disk the first access would be a fault.
Result<void> Env::make_room_for_readers(const EnvOptions& options) {
  constexpr off_t kReaderBytes = 64;  // a line of the processor's cache
  const std::string path = options.path + "/lock.mdb";
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return to_error(("open " + path).c_str(), errno);
  struct stat now {};
  const bool is_new = ::fstat(file.get(), &now) == 0 && now.st_size == 0;
  const int failed = ::posix_fallocate(file.get(), 0, (off_t{options.readers_max} + 2) * kReaderBytes);
  if (failed == ENOSPC && is_new) {
    (void)::unlink(path.c_str());
    return to_error(("make " + path).c_str(), failed);
  }
  return {};
}

Result<std::unique_ptr<Env>> Env::open(const EnvOptions& options) {
  if (!options.read_only) {
    if (mkdir(options.path.c_str(), 0700) != 0 && errno != EEXIST)
      return to_error(("mkdir " + options.path).c_str(), errno);
    if (auto made = make_room_for_readers(options); !made) return made.error();
  }
  struct stat data {};
  uint64_t map_bytes = options.map_bytes != 0 ? options.map_bytes : kMapBytesDefault;
  if (stat((options.path + "/data.mdb").c_str(), &data) == 0)
    map_bytes = std::max(map_bytes, 4 * static_cast<uint64_t>(data.st_size));
  for (;; map_bytes /= 2) {
    std::unique_ptr<Env> env(new Env);
    if (int rc = mdb_env_create(&env->env_)) return to_error("create", rc);
    mdb_env_set_mapsize(env->env_, map_bytes);
    mdb_env_set_maxreaders(env->env_, options.readers_max);
    mdb_env_set_maxdbs(env->env_, kTablesMax);
    const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (options.read_only ? MDB_RDONLY : 0U);
    catch_faults();
    int rc = MDB_CORRUPTED;
    (void)survives_faults([&] { rc = mdb_env_open(env->env_, options.path.c_str(), flags, 0600); });
    if (rc == 0) {
      mdb_env_set_assert(env->env_, raise_damage);
      if (auto whole = env->check_length(options.path + "/data.mdb"); !whole) return whole.error();
      return env;
    }
    // Address space may be scarce (a container's limit): take less.
    if (rc != ENOMEM || map_bytes / 2 < kMapBytesMin) return to_error(("open " + options.path).c_str(), rc);
  }
}

Env::~Env() {
  if (env_ != nullptr) mdb_env_close(env_);
}

Result<Table> Env::open_table(const char* name) {
  unsigned env_flags = 0;
  mdb_env_get_flags(env_, &env_flags);
  const bool read_only = (env_flags & MDB_RDONLY) != 0;
  MDB_txn* txn = nullptr;
  if (int rc = mdb_txn_begin(env_, nullptr, read_only ? MDB_RDONLY : 0, &txn)) return to_error("begin", rc);
  MDB_dbi table = 0;
  int rc = MDB_CORRUPTED;
  (void)survives_faults([&] { rc = mdb_dbi_open(txn, name, 0, &table); });
  if (rc == MDB_NOTFOUND && !read_only) rc = mdb_dbi_open(txn, name, MDB_CREATE, &table);
  if (rc != 0) {
    mdb_txn_abort(txn);
    return to_error("open table", rc);
  }
  if (auto committed = written("commit", [&] { return mdb_txn_commit(txn); }); !committed) return committed.error();
  return table;
}

int Env::clear_stale_readers() {
  int cleared = 0;
  mdb_reader_check(env_, &cleared);
  return cleared;
}

uint64_t Env::preallocated_bytes() const {
  mdb_filehandle_t fd = -1;
  struct stat data {};
  if (mdb_env_get_fd(env_, &fd) != 0 || fstat(fd, &data) != 0) return 0;
  const uint64_t allocated = static_cast<uint64_t>(data.st_blocks) * kBlockBytes;
  return allocated - std::min(allocated, static_cast<uint64_t>(data.st_size));
}

bool Env::preallocate(uint64_t bytes) {
  mdb_filehandle_t fd = -1;
  struct stat data {};
  if (mdb_env_get_fd(env_, &fd) != 0 || fstat(fd, &data) != 0) return false;
  return fallocate(fd, FALLOC_FL_KEEP_SIZE, data.st_size, static_cast<off_t>(bytes)) == 0;
}

/// Reading a page that is not in the file would be a bus error. A file may be shorter than its pages only where the
/// last ones were free when it was written.
Result<void> Env::check_length(const std::string& file) const {
  mdb_filehandle_t fd = -1;
  struct stat data {};
  if (mdb_env_get_fd(env_, &fd) != 0 || fstat(fd, &data) != 0) return {};
  const auto [info, stat] = described(env_);
  const uint64_t pages = info.me_last_pgno + 1;
  const uint64_t present = stat.ms_psize == 0 ? 0 : static_cast<uint64_t>(data.st_size) / stat.ms_psize;
  if (present >= pages) return {};
  // As long as it takes to look at the list of free pages, which may be among the missing ones, those are zeros.
  bool whole = false;
  if (ftruncate(fd, static_cast<off_t>(pages * stat.ms_psize)) == 0) {
    try {
      whole = free_pages_from(present) == pages - present;
    } catch (const StoreException&) {
      whole = false;
    }
    if (ftruncate(fd, data.st_size) != 0) return to_error(("ftruncate " + file).c_str(), errno);
  }
  if (whole) return {};
  return Error{Errc::corrupt, file + " has been cut: it has " + std::to_string(data.st_size) +
                                  " bytes, its last commit " + std::to_string(pages * stat.ms_psize)};
}

/// How many pages are free from page `first` on. Throws StoreException.
uint64_t Env::free_pages_from(uint64_t first) const {
  const ReadTxn txn(*this);
  Cursor cursor(txn, 0);  // table 0 is LMDB's list of free pages: count, then page numbers
  uint64_t free = 0;
  for (cursor.seek(""); cursor.valid(); cursor.next()) {
    const std::string_view list = cursor.value();
    guarded([&] {
      for (size_t at = sizeof(size_t); at + sizeof(size_t) <= list.size(); at += sizeof(size_t)) {
        size_t page = 0;
        std::memcpy(&page, list.data() + at, sizeof page);
        free += page >= first ? 1 : 0;
      }
      return 0;
    });
  }
  return free;
}

Usage Env::usage() const {
  Usage usage;
  const auto [info, stat] = described(env_);
  usage.map_bytes = info.me_mapsize;
  usage.file_bytes = (info.me_last_pgno + 1) * uint64_t{stat.ms_psize};
  try {
    usage.free_bytes = free_pages_from(0) * stat.ms_psize;
  } catch (const StoreException&) {  // whoever reads or writes these pages is told
  }
  return usage;
}

Result<void> Env::copy(const std::string& path, bool compact) const {
  if (int rc = mdb_env_copy2(env_, path.c_str(), compact ? MDB_CP_COMPACT : 0U)) return to_error("copy", rc);
  return {};
}

Txn::~Txn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

std::optional<std::string_view> Txn::get(Table table, std::string_view key) const {
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = guarded([&] { return mdb_get(txn_, table, &k, &v); });
  if (rc == MDB_NOTFOUND) return std::nullopt;
  if (rc != 0) raise("get", rc);
  return to_view(v);
}

uint64_t Txn::rows(Table table) const { return stat_of(txn_, table).ms_entries; }

uint64_t Txn::id() const { return mdb_txn_id(txn_); }

ReadTxn::ReadTxn(const Env& env) {
  if (int rc = guarded([&] { return mdb_txn_begin(env.env_, nullptr, MDB_RDONLY, &txn_); })) raise("begin", rc);
}

void ReadTxn::reset() { mdb_txn_reset(txn_); }

void ReadTxn::renew() {
  if (int rc = guarded([&] { return mdb_txn_renew(txn_); })) raise("renew", rc);
}

Result<std::unique_ptr<WriteTxn>> WriteTxn::begin(Env& env) {
  // It must not fail on the pages that it begins with while it holds the lock.
  MDB_envinfo info{};
  if (auto readable = written("begin", [&] { return mdb_env_info(env.env_, &info); }); !readable)
    return readable.error();
  std::unique_ptr<WriteTxn> txn(new WriteTxn);
  if (int rc = mdb_txn_begin(env.env_, nullptr, 0, &txn->txn_)) return to_error("begin", rc);
  return txn;
}

Result<void> WriteTxn::put(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key);
  MDB_val v = to_val(value);
  return written("put", [&] { return mdb_put(txn_, table, &k, &v, 0); });
}

Result<void> WriteTxn::append(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key);
  MDB_val v = to_val(value);
  return written("append", [&] { return mdb_put(txn_, table, &k, &v, MDB_APPEND); });
}

Result<void> WriteTxn::erase(Table table, std::string_view key) {
  MDB_val k = to_val(key);
  return written("delete", [&] {
    const int rc = mdb_del(txn_, table, &k, nullptr);
    return rc == MDB_NOTFOUND ? 0 : rc;
  });
}

Result<void> WriteTxn::commit() {
  return written("commit", [&] {
    const int rc = mdb_txn_commit(txn_);
    txn_ = nullptr;  // where it came to an end, and not upon damage
    return rc;
  });
}

WriteCursor::~WriteCursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

MDB_cursor* WriteCursor::cursor() {
  if (cursor_ == nullptr) cursor_ = open_cursor(txn_, table_);
  return cursor_;
}

Result<void> WriteCursor::put(std::string_view key, std::string_view value) {
  MDB_val k = to_val(key);
  MDB_val v = to_val(value);
  return written("put", [&] { return mdb_cursor_put(cursor(), &k, &v, 0); });
}

Result<void> WriteCursor::erase(std::string_view key) {
  MDB_val k = to_val(key);
  return written("delete", [&] {
    const int rc = mdb_cursor_get(cursor(), &k, nullptr, MDB_SET);
    return rc == 0 ? mdb_cursor_del(cursor_, 0) : rc == MDB_NOTFOUND ? 0 : rc;
  });
}

Result<void> WriteCursor::erase_if(const std::function<bool(std::string_view, std::string_view)>& condemned) {
  return written("delete", [&] {
    MDB_val k{};
    MDB_val v{};
    int rc = mdb_cursor_get(cursor(), &k, &v, MDB_FIRST);
    while (rc == 0) {
      if (condemned(to_view(k), to_view(v))) rc = mdb_cursor_del(cursor_, 0);
      if (rc == 0) rc = mdb_cursor_get(cursor_, &k, &v, MDB_NEXT);  // after a deletion the row that took the place
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
  });
}

Cursor::Cursor(const Txn& txn, Table table) : cursor_(open_cursor(txn.txn_, table)) {}

Cursor::~Cursor() { mdb_cursor_close(cursor_); }

void Cursor::move(int op) {
  MDB_val k{};
  MDB_val v{};
  const int rc = guarded([&] { return mdb_cursor_get(cursor_, &k, &v, static_cast<MDB_cursor_op>(op)); });
  valid_ = rc == 0;
  if (rc != 0 && rc != MDB_NOTFOUND) raise("scan", rc);
  if (!valid_) return;
  key_ = to_view(k);
  value_ = to_view(v);
}

void Cursor::seek(std::string_view key) {
  if (key.empty()) return move(MDB_FIRST);  // LMDB has no empty keys
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = guarded([&] { return mdb_cursor_get(cursor_, &k, &v, MDB_SET_RANGE); });
  valid_ = rc == 0;
  if (rc != 0 && rc != MDB_NOTFOUND) raise("seek", rc);
  if (!valid_) return;
  key_ = to_view(k);
  value_ = to_view(v);
}

void Cursor::seek_before(std::string_view key) {
  seek(key);
  move(valid_ ? MDB_PREV : MDB_LAST);
}

void Cursor::seek_last() { move(MDB_LAST); }
void Cursor::next() { move(MDB_NEXT); }
void Cursor::prev() { move(MDB_PREV); }

}  // namespace kvfs::lmdb
