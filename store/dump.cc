#include "store/dump.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "store/dump_line.h"
#include "store/inode_set.h"
#include "store/set_rows.h"
#include "store/store.h"
#include "store/text.h"
#include "store/tree_rows.h"
#include "store/type_state.h"

namespace kvfs {

namespace {

using What = DumpLine::What;

/// Walks directories depth-first and gives their lines.
class Dumper {
 public:
  Dumper(const ReadTxn& txn, const DumpSink& sink, const DumpOptions& options)
      : txn_(txn), sink_(sink), options_(options), cursor_(txn.rows().cursor()) {}

  Result<uint64_t> run() {
    DumpLine header;
    header.what = What::header;
    if (Result<void> ok = give(header); !ok) return ok.error();
    if (options_.tenant.empty())
      if (Result<void> ok = give_root(); !ok) return ok.error();
    if (Result<void> ok = walk(); !ok) return ok.error();
    DumpLine end;
    end.what = What::end;
    end.entries = entries_;
    if (Result<void> ok = give(end); !ok) return ok.error();
    return entries_;
  }

 private:
  /// A directory that is being walked.
  struct Level {
    DirId dir;
    std::string row;    // its own, to go on behind it
    size_t name_bytes;  // of it in key_, with the '/'
  };

  Result<void> give(const DumpLine& line) { return sink_(write_dump_line(line)); }

  Result<void> give_root() {
    DumpLine line;
    line.what = What::root;
    line.entry = root_entry(txn_);
    return give(line);
  }

  Result<void> walk() {
    levels_.push_back({kRootDir, {}, 0});
    std::string prefix = dirent_prefix(kRootDir);
    cursor_->seek(prefix);
    while (true) {
      if (!cursor_->valid() || !cursor_->key().starts_with(prefix)) {
        const Level left = std::move(levels_.back());
        levels_.pop_back();
        if (levels_.empty()) break;
        if (levels_.size() > 2) key_.resize(key_.size() - left.name_bytes);
        prefix = dirent_prefix(levels_.back().dir);
        cursor_->seek(left.row + '\0');
        continue;
      }
      progress();
      const std::string row(cursor_->key());
      const Slot slot = *checked(parse_dirent_row(row), row);
      const Entry entry = *checked(decode_entry(cursor_->value()), row);
      if (!slot.directory) {
        if (Result<void> ok = give_node(slot, entry); !ok) return ok;
        cursor_->next();
        continue;
      }
      if (levels_.size() == 1 && !options_.tenant.empty() && slot.name != options_.tenant) {
        cursor_->next();
        continue;
      }
      if (Result<void> ok = give_directory(slot, entry); !ok) return ok;
      if (levels_.size() > 2) key_.append(slot.name).push_back('/');
      levels_.push_back({entry.inode, row, slot.name.size() + 1});
      prefix = dirent_prefix(entry.inode);
      cursor_->seek(prefix);
    }
    return {};
  }

  template <class T>
  static Result<T> checked(Result<T> result, const std::string& row) {
    if (!result)
      throw StoreException(
          {Errc::corrupt, fmt::format("row {}: {}; see kvfs check", printable(row), result.error().message())});
    return result;
  }

  Result<void> give_directory(const Slot& slot, const Entry& entry) {
    DumpLine line;
    if (levels_.size() == 1) tenant_ = slot.name;
    if (levels_.size() == 2) collection_ = slot.name;
    line.what = levels_.size() == 1 ? What::tenant : levels_.size() == 2 ? What::collection : What::directory;
    line.tenant = tenant_;
    if (levels_.size() >= 2) line.collection = collection_;
    if (levels_.size() >= 3) line.key = key_ + std::string(slot.name) + "/";
    line.entry = entry;
    if (levels_.size() <= 2 && txn_.rows().get(settings_row(entry.inode)))
      line.settings = settings_of(txn_, entry.inode);
    entries_ += 1;
    return give(line);
  }

  Result<void> give_node(const Slot& slot, const Entry& row) {
    DumpLine line;
    line.tenant = tenant_;
    line.collection = collection_;
    line.key = key_ + std::string(slot.name);
    line.entry = row;
    if (row.kind == Kind::link) {
      line.entry = *rows::load(txn_.rows(), slot);
      if (line.entry.nlink > 1) line.link_id = row.inode;
    }
    if (line.entry.expired(txn_.now_ms())) return {};
    entries_ += 1;
    if (line.link_id != 0 && !linked_.insert(line.link_id)) {
      line.what = What::name;
      return give(line);
    }
    if (!line.entry.chunked) line.bytes = std::string(line.entry.inline_value);
    if (Result<void> ok = give(line); !ok || !line.entry.chunked) return ok;
    return line.entry.elements ? give_members(line.entry) : give_parts(line.entry);
  }

  Result<void> give_members(const Entry& entry) {
    constexpr size_t kMembersBytesPerLine = 64 * 1024;
    const TypeState head = *checked(decode_set_head(entry.state), "of a set");
    DumpLine batch;
    batch.what = What::members;
    batch.bytes.emplace();
    Result<void> done;
    SetRows(head.owner, head.seed).walk(txn_.rows(), 0, [&](const SetRows::Item& item) {
      append_item(*batch.bytes, item);
      if (batch.bytes->size() < kMembersBytesPerLine) return true;
      done = give(batch);
      bytes_ += batch.bytes->size();
      batch.bytes->clear();
      return done.has_value();
    });
    if (done && !batch.bytes->empty()) done = give(batch);
    return done;
  }

  /// The chunks as they are: holes stay holes.
  Result<void> give_parts(const Entry& entry) {
    const std::string prefix = chunk_prefix(entry.inode);
    const auto chunks = txn_.rows().cursor();
    for (chunks->seek(prefix); chunks->valid() && chunks->key().starts_with(prefix); chunks->next()) {
      const std::string row(chunks->key());
      const ChunkRef ref = *checked(decode_chunk_row(chunks->value()), row);
      DumpLine part;
      part.what = What::part;
      part.offset = uint64_t{chunk_index(row)} * kChunkBytes;
      part.bytes = std::string(ref.length, '\0');
      if (Result<void> ok = txn_.runtime().chunks().read(ref, 0, ref.length, part.bytes->data()); !ok) return ok;
      if (Result<void> ok = give(part); !ok) return ok;
      bytes_ += ref.length;
    }
    return {};
  }

  static uint32_t chunk_index(std::string_view row) {
    if (row.size() != 13) throw StoreException({Errc::corrupt, "a malformed chunk row key; see kvfs check"});
    uint32_t index = 0;
    for (const char byte : row.substr(9)) index = index << 8 | static_cast<unsigned char>(byte);
    return index;
  }

  void progress() {
    constexpr uint64_t kRowsPerProgress = 1024;
    if (++rows_ % kRowsPerProgress == 0 && options_.progress) options_.progress({"dump", rows_, 0, bytes_});
  }

  const ReadTxn& txn_;
  const DumpSink& sink_;
  const DumpOptions& options_;
  std::unique_ptr<Cursor> cursor_;
  std::vector<Level> levels_;
  std::string tenant_;
  std::string collection_;
  std::string key_;  // of the directory being walked, with '/' at its end
  InodeSet linked_;
  uint64_t entries_ = 0;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<uint64_t> dump(const ReadTxn& txn, const DumpSink& sink, const DumpOptions& options) {
  try {
    if (!options.tenant.empty())
      if (const Result<DirId> tenant = find_tenant(txn, options.tenant); !tenant)
        return {tenant.error().code, fmt::format("there is no tenant {}", options.tenant)};
    return Dumper(txn, sink, options).run();
  } catch (const StoreException& damage) {
    return damage.error();
  }
}

Result<uint64_t> dump(Store& store, const DumpSink& sink, const DumpOptions& options) {
  return store.read([&](const ReadTxn& txn) { return dump(txn, sink, options); });
}

}  // namespace kvfs
