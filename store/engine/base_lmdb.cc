#include "store/engine/base_lmdb.h"

#include "store/engine/coding.h"

namespace kvfs {
namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr const char* kRowsTable = "rows";
constexpr const char* kMetaTable = "meta";
constexpr std::string_view kSequenceKey = "sequence";
constexpr std::string_view kFormatKey = "format";
constexpr uint32_t kFormat = 1;
constexpr const char* kDataFile = "data.mdb";  // LMDB's name
constexpr const char* kUnfinishedDirectory = "new";

Result<void> check_format(lmdb::Env& env, lmdb::Table meta) {
  {
    const lmdb::ReadTxn txn(env);
    if (const auto format = txn.get(meta, kFormatKey)) {
      if (format->size() != sizeof kFormat || load_fixed<uint32_t>(format->data()) != kFormat)
        return Error{Errc::corrupt, "the base's format is not one that this version of kvfs knows"};
      return {};
    }
  }
  auto txn = lmdb::WriteTxn::begin(env);
  if (!txn) return txn.error();
  std::string format;
  append_fixed(format, kFormat);
  if (auto put = (*txn)->put(meta, kFormatKey, format); !put) return put;
  return (*txn)->commit();
}

}  // namespace

Result<std::unique_ptr<Base>> Base::open(const std::string& path) {
  auto directory = open_directory(path);
  if (!directory) return directory.error();
  auto present = (*directory)->open(kDataFile, Directory::Open::existing);
  if (present && (*present)->size() && *(*present)->size() == 0)
    return Error{Errc::corrupt, path + "/" + kDataFile + " is empty"};  // it gets its name when it is complete
  if (!present) {
    if (present.error().code != Errc::not_found) return present.error();
    if (auto made = make(path, **directory); !made) return made.error();
  }
  // Also when the file was there: its maker may have been killed before it came to this.
  if (auto synced = (*directory)->sync(); !synced) return synced.error();
  try {
    return open_made(path);
  } catch (const StoreException& damage) {
    return Error{damage.error().code, path + "/" + kDataFile + ": " + damage.error().detail};
  }
}

// LMDB neither initialises a new file atomically nor syncs its name: it is made elsewhere and moved when it is
// complete.
Result<void> Base::make(const std::string& path, Directory& directory) {
  const std::string unfinished = path + "/" + kUnfinishedDirectory;
  auto elsewhere = open_directory(unfinished);
  if (!elsewhere) return elsewhere.error();
  const auto empty = [&]() -> Result<void> {
    auto names = (*elsewhere)->list();
    if (!names) return names.error();
    for (const std::string& name : *names) {
      if (auto unlinked = (*elsewhere)->unlink(name); !unlinked) return unlinked;
    }
    return {};
  };
  if (auto emptied = empty(); !emptied) return emptied;
  if (auto made = open_made(unfinished); !made) return made.error();
  const std::string data = std::string(kUnfinishedDirectory) + "/" + kDataFile;
  return directory.rename(data, kDataFile);
}

Result<std::unique_ptr<Base>> Base::open_made(const std::string& path) {
  std::unique_ptr<Base> base(new Base);
  lmdb::EnvOptions options;
  options.path = path;
  auto env = lmdb::Env::open(options);
  if (!env) return env.error();
  base->env_ = std::move(*env);
  base->env_->clear_stale_readers();
  auto rows = base->env_->open_table(kRowsTable);
  if (!rows) return rows.error();
  base->rows_ = *rows;
  auto meta = base->env_->open_table(kMetaTable);
  if (!meta) return meta.error();
  base->meta_ = *meta;
  if (auto known = check_format(*base->env_, *meta); !known) return known.error();
  const lmdb::ReadTxn txn(*base->env_);
  base->sequence_ = base->sequence_in(txn);
  base->measure();
  return base;
}

Sequence Base::sequence_in(const lmdb::Txn& txn) const {
  const auto bytes = txn.get(meta_, kSequenceKey);
  return bytes && bytes->size() == sizeof(Sequence) ? load_fixed<Sequence>(bytes->data()) : 0;
}

Result<void> Base::fold(const Memtable& memtable, Sequence sequence) {
  if (auto written = write(memtable, sequence); !written) return written;
  sequence_ = sequence;
  measure();
  return {};
}

Result<void> Base::write(const Memtable& memtable, Sequence sequence) {
  auto begun = lmdb::WriteTxn::begin(*env_);
  if (!begun) return begun.error();
  lmdb::WriteTxn& txn = **begun;
  if (auto written = write_rows(txn, memtable, sequence); !written) return written;
  std::string bytes;
  append_fixed(bytes, sequence);
  if (auto put = txn.put(meta_, kSequenceKey, bytes); !put) return put;
  return txn.commit();
}

Result<void> Base::write_rows(lmdb::WriteTxn& txn, const Memtable& memtable, Sequence sequence) {
  lmdb::WriteCursor at(txn, rows_);
  Memtable::Iterator row(memtable, sequence);
  for (row.seek_to_first(); row.valid(); row.next()) {
    const auto done = row.erased() ? at.erase(row.key()) : at.put(row.key(), row.value());
    if (!done) return done;
  }
  return {};
}

void Base::measure() {
  const lmdb::Usage usage = env_->usage();
  file_bytes_ = usage.file_bytes;
  free_bytes_ = usage.free_bytes;
  map_bytes_ = usage.map_bytes;
}

lmdb::Usage Base::usage() const {
  lmdb::Usage usage;
  usage.file_bytes = file_bytes_;
  usage.free_bytes = free_bytes_;
  usage.map_bytes = map_bytes_;
  return usage;
}

}  // namespace kvfs
