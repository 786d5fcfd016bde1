#include "store/engine/base_lmdb.h"

#include <algorithm>
#include <cstring>

#include "store/engine/coding.h"
#include "store/engine/crc32c.h"
#include "store/fault_guard.h"
#include "store/text.h"

namespace kvfs {
namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr const char* kRowsTable = "rows";
constexpr const char* kMetaTable = "meta";
constexpr std::string_view kSequenceKey = "sequence";
constexpr std::string_view kFormatKey = "format";
constexpr uint32_t kFormat = 2;
constexpr uint32_t kFormatWithoutChecksums = 1;
constexpr const char* kDataFile = "data.mdb";  // LMDB's name
constexpr const char* kUnfinishedDirectory = "new";
constexpr size_t kLmdbKeyBytesMax = 511;

using Checksum = uint32_t;  // CRC-32C of key and value, behind the value

Checksum checksum_of(std::string_view key, std::string_view value) { return crc32c_extend(crc32c(key), value); }

/// Nullopt: the row is damaged, or the disk cannot read it.
std::optional<std::string_view> checked_value(std::string_view key, std::string_view stored) {
  if (stored.size() < sizeof(Checksum)) return std::nullopt;
  const std::string_view value = stored.substr(0, stored.size() - sizeof(Checksum));
  bool intact = false;
  (void)survives_faults(
      [&] { intact = load_fixed<Checksum>(stored.data() + value.size()) == checksum_of(key, value); });
  return intact ? std::optional(value) : std::nullopt;
}

/// The key of a damaged row, as far as it can be read.
std::string damaged_key(std::string_view key) {
  std::string copy(std::min(key.size(), kLmdbKeyBytesMax), '?');
  (void)survives_faults([&] { std::memcpy(copy.data(), key.data(), copy.size()); });
  return copy;
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
  if (auto loaded = base->load_format(); !loaded) return loaded.error();
  const lmdb::ReadTxn txn(*base->env_);
  base->sequence_ = base->sequence_in(txn);
  base->measure();
  return base;
}

Result<void> Base::load_format() {
  {
    const lmdb::ReadTxn txn(*env_);
    if (const auto bytes = txn.get(meta_, kFormatKey)) {
      const uint32_t format = bytes->size() == sizeof kFormat ? load_fixed<uint32_t>(bytes->data()) : 0;
      if (format != kFormat && format != kFormatWithoutChecksums)
        return Error{Errc::corrupt, "the base's format is not one that this version of kvfs knows"};
      has_checksums_ = format == kFormat;
      return {};
    }
  }
  auto txn = lmdb::WriteTxn::begin(*env_);
  if (!txn) return txn.error();
  std::string format;
  append_fixed(format, kFormat);
  if (auto put = (*txn)->put(meta_, kFormatKey, format); !put) return put;
  return (*txn)->commit();
}

std::optional<std::string_view> Base::View::get(std::string_view key) const {
  const auto stored = txn_.get(base_.rows_, key);
  if (!stored) return std::nullopt;
  return base_.verified(key, *stored);
}

void Base::seal(std::string_view key, std::string& value) const {
  if (has_checksums_) append_fixed(value, checksum_of(key, value));
}

std::string_view Base::verified(std::string_view key, std::string_view stored) const {
  if (!has_checksums_) return stored;
  if (const auto value = checked_value(key, stored)) return *value;
  throw StoreException(Error{Errc::corrupt, "the base: row " + printable(damaged_key(key)) + " is damaged"});
}

Result<Base::RowsCheck> Base::check_rows() const {
  RowsCheck out;
  try {
    const lmdb::ReadTxn txn(*env_);
    lmdb::Cursor row(txn, rows_);
    uint64_t present = 0;
    for (row.seek({}); row.valid(); row.next(), ++present)
      if (has_checksums_ && !checked_value(row.key(), row.value())) out.damaged.push_back(damaged_key(row.key()));
    out.missing = txn.rows(rows_) - std::min(present, txn.rows(rows_));
  } catch (const StoreException& damage) {
    return damage.error();
  }
  return out;
}

Result<void> Base::remove_damaged_rows() {
  auto begun = lmdb::WriteTxn::begin(*env_);
  if (!begun) return begun.error();
  lmdb::WriteTxn& txn = **begun;
  const auto damaged = [](std::string_view key, std::string_view stored) { return !checked_value(key, stored); };
  if (auto erased = lmdb::WriteCursor(txn, rows_).erase_if(damaged); !erased) return erased;
  return txn.commit();
}

Sequence Base::sequence_in(const lmdb::Txn& txn) const {
  const auto stored = txn.get(meta_, kSequenceKey);
  if (!stored) return 0;
  const std::string_view bytes = verified(kSequenceKey, *stored);
  if (bytes.size() != sizeof(Sequence)) throw StoreException(Error{Errc::corrupt, "the base: its sequence is damaged"});
  return load_fixed<Sequence>(bytes.data());
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
  seal(kSequenceKey, bytes);
  if (auto put = txn.put(meta_, kSequenceKey, bytes); !put) return put;
  return txn.commit();
}

Result<void> Base::write_rows(lmdb::WriteTxn& txn, const Memtable& memtable, Sequence sequence) {
  lmdb::WriteCursor at(txn, rows_);
  Memtable::Iterator row(memtable, sequence);
  std::string stored;
  for (row.seek_to_first(); row.valid(); row.next()) {
    stored = row.value();
    seal(row.key(), stored);
    const auto done = row.erased() ? at.erase(row.key()) : at.put(row.key(), stored);
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
