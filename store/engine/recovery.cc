#include "store/engine/recovery.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "store/engine/batch.h"
#include "store/engine/used_chunks.h"

namespace kvfs {
namespace {

class NoteReader final : public BatchVisitor {
 public:
  void put(std::string_view, std::string_view) override {}
  void erase(std::string_view) override {}
  void release_chunk(const ChunkRef& ref) override { released.push_back(ref); }
  void note(std::string_view bytes) override {
    if (auto parsed = parse_used_chunks(bytes, used); !parsed) failed = parsed.error();
  }
  UsedChunks used;
  std::vector<ChunkRef> released;
  std::optional<Error> failed;
};

// Which commits of the journal refer to chunks that are gone. A chunk that a later commit released may be gone for good
// reason: that commit was durable and the space reclaimed.
class ChunkUses {
 public:
  void add(Sequence sequence, NoteReader& notes) {
    durable_ = std::max(durable_, notes.used.durable);
    for (const ChunkRef& ref : notes.released) releases_[key_of(ref)].push_back(sequence);
    if (!notes.used.refs.empty()) uses_.emplace_back(sequence, std::move(notes.used.refs));
  }

  // The first commit that cannot be kept; 0: none. Without it the commits behind it go, too, and with them what they
  // released: chunks which an earlier commit then needs.
  Sequence first_broken(const ChunkLog& chunks) const {
    std::vector<std::pair<Sequence, Sequence>> missing;  // user, the commit that must be kept for it to be kept
    for (const auto& [user, refs] : uses_) {
      if (user <= durable_) continue;
      for (const ChunkRef& ref : refs) {
        if (!chunks.intact(ref)) missing.emplace_back(user, released_after(user, ref));
      }
    }
    Sequence broken = kNone;
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [user, release] : missing) {
        if (release < broken || user >= broken) continue;
        broken = user;
        changed = true;
      }
    }
    return broken == kNone ? 0 : broken;
  }

 private:
  static constexpr Sequence kNone = std::numeric_limits<Sequence>::max();
  using Key = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>;
  static Key key_of(const ChunkRef& ref) { return {ref.segment, ref.page, ref.length, ref.crc32c}; }

  Sequence released_after(Sequence user, const ChunkRef& ref) const {
    const auto found = releases_.find(key_of(ref));
    if (found == releases_.end()) return kNone;
    const auto release = std::upper_bound(found->second.begin(), found->second.end(), user);
    return release == found->second.end() ? kNone : *release;
  }

  Sequence durable_ = 0;
  std::vector<std::pair<Sequence, std::vector<ChunkRef>>> uses_;
  std::map<Key, std::vector<Sequence>> releases_;  // ascending
};

// Chunks that a record gave up are found by ChunkStore::retain_only(): nothing to do for them here.
class Applier final : public BatchVisitor {
 public:
  Applier(Memtable& memtable, Sequence sequence) : memtable_(memtable), sequence_(sequence) {}
  void put(std::string_view key, std::string_view value) override { memtable_.put(sequence_, key, value); }
  void erase(std::string_view key) override { memtable_.erase(sequence_, key); }
  void release_chunk(const ChunkRef&) override {}

 private:
  Memtable& memtable_;
  const Sequence sequence_;
};

class Recovery {
 public:
  Recovery(const RecoveryOptions& options, Base& base, const ChunkLog& chunks)
      : options_(options), base_(base), chunks_(chunks) {}

  Result<Recovered> run() {
    if (auto opened = open(); !opened) return opened.error();
    recovered_.memtable = new_memtable();
    recovered_.last = base_.sequence();
    if (auto found = find_broken_commit(); !found) return found.error();
    if (auto replayed = replay(); !replayed) return replayed.error();
    if (broken_ != 0 || options_.salvage) {
      if (auto restarted = restart_journal(); !restarted) return restarted.error();
    }
    return std::move(recovered_);
  }

 private:
  void notice(const std::string& text) const {
    if (options_.notice) options_.notice(text);
  }

  std::shared_ptr<Memtable> new_memtable() const { return std::make_shared<Memtable>(options_.memtable_entries_max); }

  Result<void> open() {
    auto directory = options_.open_directory();
    if (!directory) return directory.error();
    JournalOptions journal_options;
    journal_options.segment_bytes = options_.segment_bytes;
    journal_options.salvage = options_.salvage;
    JournalOpening opening;
    auto journal = open_journal(std::move(*directory), base_.sequence(), journal_options, &opening);
    if (!journal) return journal.error();
    recovered_.journal = std::move(*journal);
    for (const auto& gap : opening.left_out) {
      notice("salvage: " + gap.file + " is damaged at offset " + std::to_string(gap.offset) + " (" + gap.reason +
             "): " +
             (gap.last_missing != 0
                  ? "commits " + std::to_string(gap.first_missing) + " to " + std::to_string(gap.last_missing)
                  : "all commits from " + std::to_string(gap.first_missing)) +
             " are left out");
    }
    if (opening.records_cut != 0)
      notice("journal: cut " + std::to_string(opening.records_cut) +
             " commits behind a torn one, lost in a power failure");
    return {};
  }

  // The first commit, if any, that refers to a chunk which a power loss took.
  Result<void> find_broken_commit() {
    if (chunks_.closed_cleanly()) return {};
    ChunkUses uses;
    auto done =
        recovered_.journal->replay(base_.sequence() + 1, [&](Sequence first, uint32_t, std::string_view payload) {
          NoteReader notes;
          if (auto decoded = decode_batch(payload, notes); !decoded) return decoded;
          if (notes.failed) return Result<void>(*notes.failed);
          uses.add(first, notes);
          return Result<void>();
        });
    if (!done) return done;
    broken_ = uses.first_broken(chunks_);
    if (broken_ != 0) {
      notice("journal: commit " + std::to_string(broken_) +
             " and later ones were lost: their data was not on the disk yet");
    }
    return {};
  }

  Result<void> replay() {
    bool reached_broken = false;
    return recovered_.journal->replay(
        base_.sequence() + 1, [&](Sequence first, uint32_t count, std::string_view payload) {
          reached_broken = reached_broken || (broken_ != 0 && first >= broken_);
          if (reached_broken) return Result<void>();
          Applier applier(*recovered_.memtable, first + count - 1);
          if (auto decoded = decode_batch(payload, applier); !decoded) return decoded;
          recovered_.last = first + count - 1;
          recovered_.memtable->forget_before(recovered_.last);  // nobody reads yet
          const Memtable& memtable = *recovered_.memtable;
          if (memtable.entries() < options_.memtable_entries_max && memtable.bytes() < options_.memtable_bytes_max)
            return Result<void>();
          return fold();
        });
  }

  Result<void> fold() {
    auto folded = base_.fold(*recovered_.memtable, recovered_.last);
    const auto full = [&] { return !folded && folded.error().code == Errc::no_space; };
    if (full() && recovered_.journal->drop_spares()) folded = base_.fold(*recovered_.memtable, recovered_.last);
    if (!folded) return folded;
    recovered_.memtable = new_memtable();
    return {};
  }

  // The base takes all that is kept, then the journal begins anew.
  Result<void> restart_journal() {
    recovered_.last = std::max(recovered_.last, options_.salvage ? recovered_.journal->last_sequence() : 0);
    if (auto folded = fold(); !folded) return folded;
    recovered_.journal.reset();
    auto directory = options_.open_directory();
    if (!directory) return directory.error();
    auto names = (*directory)->list();
    if (!names) return names.error();
    for (const std::string& name : *names) {
      if (auto unlinked = (*directory)->unlink(name); !unlinked) return unlinked;
    }
    if (auto synced = (*directory)->sync(); !synced) return synced;
    JournalOptions journal_options;
    journal_options.segment_bytes = options_.segment_bytes;
    auto journal = open_journal(std::move(*directory), recovered_.last, journal_options);
    if (!journal) return journal.error();
    recovered_.journal = std::move(*journal);
    return {};
  }

  const RecoveryOptions& options_;
  Base& base_;
  const ChunkLog& chunks_;
  Recovered recovered_;
  Sequence broken_ = 0;
};

}  // namespace

Result<Recovered> recover(const RecoveryOptions& options, Base& base, const ChunkLog& chunks) {
  return Recovery(options, base, chunks).run();
}

}  // namespace kvfs
