#include "store/engine/recovery.h"

#include <algorithm>
#include <optional>
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
  void release_chunk(const ChunkRef&) override {}
  void note(std::string_view bytes) override {
    if (auto parsed = parse_used_chunks(bytes, used); !parsed) failed = parsed.error();
  }
  UsedChunks used;
  std::optional<Error> failed;
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
    auto directory = open_directory(options_.journal_path);
    if (!directory) return directory.error();
    JournalOptions journal_options;
    journal_options.salvage = options_.salvage;
    JournalOpening opening;
    auto journal = open_journal(std::move(*directory), base_.sequence(), journal_options, &opening);
    if (!journal) return journal.error();
    recovered_.journal = std::move(*journal);
    for (const auto& gap : opening.left_out) {
      notice("salvage: " + gap.file + " is damaged at offset " + std::to_string(gap.offset) + " (" + gap.reason + "): " +
             (gap.last_missing != 0 ? "commits " + std::to_string(gap.first_missing) + " to " + std::to_string(gap.last_missing)
                                    : "all commits from " + std::to_string(gap.first_missing)) +
             " are left out");
    }
    if (opening.records_cut != 0)
      notice("journal: cut " + std::to_string(opening.records_cut) + " commits behind a torn one, lost in a power failure");
    return {};
  }

  // The first commit, if any, that refers to a chunk which a power loss took.
  Result<void> find_broken_commit() {
    if (!chunks_.unclean()) return {};
    Sequence durable = base_.sequence();
    std::vector<std::pair<Sequence, std::vector<ChunkRef>>> unproven;
    auto done = recovered_.journal->replay(base_.sequence() + 1, [&](Sequence first, uint32_t, std::string_view payload) {
      NoteReader notes;
      if (auto decoded = decode_batch(payload, notes); !decoded) return decoded;
      if (notes.failed) return Result<void>(*notes.failed);
      durable = std::max(durable, notes.used.durable);
      if (!notes.used.refs.empty()) unproven.emplace_back(first, std::move(notes.used.refs));
      return Result<void>();
    });
    if (!done) return done;
    for (const auto& [sequence, refs] : unproven) {
      if (sequence <= durable) continue;
      if (std::all_of(refs.begin(), refs.end(), [&](const ChunkRef& ref) { return chunks_.intact(ref); })) continue;
      broken_ = sequence;
      notice("journal: commit " + std::to_string(sequence) + " and later ones were lost: their data was not on the disk yet");
      return {};
    }
    return {};
  }

  Result<void> replay() {
    bool reached_broken = false;
    return recovered_.journal->replay(base_.sequence() + 1, [&](Sequence first, uint32_t count, std::string_view payload) {
      reached_broken = reached_broken || (broken_ != 0 && first >= broken_);
      if (reached_broken) return Result<void>();
      Applier applier(*recovered_.memtable, first + count - 1);
      if (auto decoded = decode_batch(payload, applier); !decoded) return decoded;
      recovered_.last = first + count - 1;
      const Memtable& memtable = *recovered_.memtable;
      if (memtable.entries() < options_.memtable_entries_max && memtable.bytes() < options_.memtable_bytes_max)
        return Result<void>();
      return fold();
    });
  }

  Result<void> fold() {
    if (auto folded = base_.fold(*recovered_.memtable, recovered_.last); !folded) return folded;
    recovered_.memtable = new_memtable();
    return {};
  }

  // The base takes all that is kept, then the journal begins anew.
  Result<void> restart_journal() {
    recovered_.last = std::max(recovered_.last, options_.salvage ? recovered_.journal->last_sequence() : 0);
    if (auto folded = fold(); !folded) return folded;
    recovered_.journal.reset();
    auto directory = open_directory(options_.journal_path);
    if (!directory) return directory.error();
    auto names = (*directory)->list();
    if (!names) return names.error();
    for (const std::string& name : *names) {
      if (auto unlinked = (*directory)->unlink(name); !unlinked) return unlinked;
    }
    if (auto synced = (*directory)->sync(); !synced) return synced;
    auto journal = open_journal(std::move(*directory), recovered_.last);
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
