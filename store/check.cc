#include "store/check.h"

#include <fmt/format.h>

#include <set>

#include "store/byte_order.h"
#include "store/check_scan.h"
#include "store/store.h"

namespace kvfs {

namespace {

constexpr size_t kRoundsMax = 100;  // of a repair; each mends something
constexpr size_t kFixesPerCommit = 1000;

Result<void> write_rows(Engine& engine, const RowFixes& fixes) {
  for (auto next = fixes.begin(); next != fixes.end();) {
    auto end = next;
    const Result<Sequence> done = engine.transact([&](Transaction& rows) -> Result<void> {
      size_t count = 0;
      for (end = next; end != fixes.end() && count < kFixesPerCommit; ++end, ++count) {
        if (end->second)
          rows.put(end->first, *end->second);
        else
          rows.erase(end->first);
      }
      return {};
    });
    if (!done) return done.error();
    next = end;
  }
  return {};
}

/// The writes that give lost directories and files a name in lost+found/recovered.
class Rescue {
 public:
  explicit Rescue(const Snapshot& rows) : rows_(rows), next_inode_(number("inodes")), version_(number("clock")) {}

  void add_directory(DirId dir) { attach(dir, recovered(), fmt::format("directory-{}", dir), Kind::directory); }
  void add_inode(Inode inode) {
    const DirId dir = recovered();
    Entry name;
    name.kind = Kind::link;
    name.inode = inode;
    writes_[dirent_row({dir, fmt::format("file-{}", inode), false})] = encode_entry(name);
  }

  /// All of it; the counters of the directories are left to the next round.
  RowFixes finish() {
    put_number("inodes", next_inode_ + 1);
    put_number("clock", version_ + 1);
    return std::move(writes_);
  }

 private:
  uint64_t number(std::string_view name) const {
    const auto row = rows_.get(meta_row(name));
    FieldReader in(row.value_or(std::string_view()));
    return in.take<uint64_t>();
  }
  void put_number(std::string_view name, uint64_t value) {
    std::string bytes;
    append_le(bytes, value);
    writes_[meta_row(name)] = bytes;
  }
  DirId recovered() {
    if (recovered_ == 0) recovered_ = directory(directory(kRootDir, "lost+found"), "recovered");
    return recovered_;
  }
  DirId directory(DirId parent, std::string_view name) {
    if (const auto row = rows_.get(dirent_row({parent, name, true})))
      if (const Result<Entry> present = decode_entry(*row); present) return present->inode;
    const DirId made = next_inode_++;
    attach(made, parent, name, Kind::directory);
    return made;
  }
  void attach(DirId dir, DirId parent, std::string_view name, Kind kind) {
    Entry entry;
    entry.kind = kind;
    entry.mode = 0700;
    entry.nlink = 2;
    entry.inode = dir;
    entry.version = version_++;
    std::string place;
    append_be64(place, parent);
    place.append(name);
    writes_[dirent_row({parent, name, true})] = encode_entry(entry);
    writes_[parent_row(dir)] = place;
  }

  const Snapshot& rows_;
  Inode next_inode_;
  Version version_;
  DirId recovered_ = 0;
  RowFixes writes_;
};

class Check {
 public:
  Check(Engine& engine, const CheckOptions& options) : engine_(engine), options_(options) {}

  CheckReport run() {
    bool more = true;
    for (round_ = 1; more && round_ <= kRoundsMax; ++round_) more = guarded([&] { return run_round(); });
    if (options_.repair || options_.exclusive) guarded([&] { return check_space(); });
    return finish();
  }

 private:
  /// Damage below the rows, and errors of a repair, are findings as well; they end the check.
  template <class Step>
  bool guarded(Step&& step) {
    try {
      const Result<bool> more = step();
      if (more) return *more;
      add({"store", more.error().message(), false, false}, Fate::stays);
    } catch (const StoreException& damage) {
      add({"store", damage.what(), false, false}, Fate::stays);
    }
    return false;
  }

  /// True: it wrote something, so another round is due.
  Result<bool> run_round() {
    left_.clear();
    left_count_ = 0;
    const std::unique_ptr<Snapshot> rows = engine_.snapshot();
    CheckScan::Hooks hooks;
    hooks.found = [this](CheckFinding finding) { add(std::move(finding), Fate::checked_again); };
    hooks.found_for_good = [this](CheckFinding finding) { add(std::move(finding), Fate::stays); };
    hooks.progress = options_.progress;
    CheckScan scan(*rows, engine_.chunks(), round_ == 1 && options_.read_chunks, rows_about(engine_), std::move(hooks));
    scan.run();
    chunk_pages_ = scan.chunk_pages();
    if (round_ == 1) scan.count_into(report_);
    if (!options_.repair) return false;
    const RowFixes fixes = next_fixes(scan, *rows);
    if (fixes.empty()) return false;
    if (Result<void> ok = write_rows(engine_, fixes); !ok) return ok.error();
    wrote_ = true;
    return true;
  }

  /// What other rows say comes first: it may lead to what seems lost.
  static RowFixes next_fixes(const CheckScan& scan, const Snapshot& rows) {
    if (!scan.fixes().empty()) return scan.fixes();
    if (scan.lost_directories().empty() && scan.lost_inodes().empty()) return scan.last_fixes();
    Rescue rescue(rows);
    // One directory at a time where they are a ring: the others hang below it then.
    for (const DirId dir : scan.lost_directories()) {
      rescue.add_directory(dir);
      if (rows.get(parent_row(dir))) break;
    }
    for (const Inode inode : scan.lost_inodes()) rescue.add_inode(inode);
    return rescue.finish();
  }

  Result<bool> check_space() {
    ChunkStore& chunks = engine_.chunks();
    if (Result<void> ok = engine_.sync(); !ok) return ok.error();
    const std::unique_ptr<Snapshot> rows = engine_.snapshot();
    const uint64_t used = chunks.bytes_used();
    const uint64_t owned = chunk_pages_ * kChunkPageBytes;
    const bool leak = !chunks.unclean() && used > owned;
    // Chunks whose rows were mended away are a leak of the repair's own making.
    if (leak && !wrote_)
      add({"chunk space", fmt::format("{} bytes belong to no value", used - owned), true, false},
          options_.repair ? Fate::mended : Fate::checked_again);
    if (!options_.repair) return false;
    const Result<void> done = chunks.retain_only([&](const ChunkStore::Keep& keep) -> Result<void> {
      const std::string prefix(1, static_cast<char>(Table::chunk));
      const auto cursor = rows->cursor();
      for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next())
        if (const Result<ChunkRef> ref = decode_chunk_row(cursor->value()); ref) keep(*ref);
      return {};
    });
    if (!done) return done.error();
    return false;
  }

  static std::string key_of(const CheckFinding& finding) { return finding.where + '\0' + finding.what; }

  enum class Fate {
    checked_again,  // by the next round
    stays,          // later rounds do not look for it
    mended,
  };
  void add(CheckFinding finding, Fate fate) {
    std::string key = key_of(finding);
    if (fate == Fate::stays) {
      stays_.insert(key);
      stays_count_ += 1;
    } else if (fate == Fate::checked_again) {
      left_count_ += 1;
      if (left_.size() < options_.findings_max) left_.insert(key);
    }
    if (round_ > 1 && (known_.size() >= options_.findings_max || known_.contains(key))) return;
    if (known_.size() < options_.findings_max) known_.insert(std::move(key));
    report_.found += 1;
    if (options_.on_finding) options_.on_finding(finding);
    if (report_.findings.size() < options_.findings_max) report_.findings.push_back(std::move(finding));
  }

  CheckReport finish() {
    if (!options_.repair) return std::move(report_);
    const uint64_t left = left_count_ + stays_count_;
    report_.mended = report_.found > left ? report_.found - left : 0;
    for (CheckFinding& finding : report_.findings) {
      const std::string key = key_of(finding);
      finding.mended = !left_.contains(key) && !stays_.contains(key);
    }
    return std::move(report_);
  }

  Engine& engine_;
  const CheckOptions& options_;
  CheckReport report_;
  size_t round_ = 1;
  bool wrote_ = false;
  uint64_t chunk_pages_ = 0;
  std::set<std::string> known_;  // of all rounds, at most findings_max
  std::set<std::string> left_;   // of the last round, likewise
  std::set<std::string> stays_;
  uint64_t left_count_ = 0;
  uint64_t stays_count_ = 0;
};

}  // namespace

CheckReport check_engine(Engine& engine, const CheckOptions& options) { return Check(engine, options).run(); }

CheckReport check_store(Store& store, CheckOptions options) {
  options.repair = false;
  return check_engine(store.engine(), options);
}

}  // namespace kvfs
