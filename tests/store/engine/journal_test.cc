#include "store/engine/journal.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store/engine/crc32c.h"
#include "store/engine/journal_scan.h"
#include "store/engine/journal_segment.h"
#include "tests/store/engine/fake_directory.h"

namespace kvfs {
namespace {

constexpr uint64_t kSegmentBytes = kSegmentHeaderBytes + 1024;

struct Record {
  Sequence first = 0;
  uint32_t count = 0;
  std::string key;
  bool operator==(const Record&) const = default;
};
void PrintTo(const Record& record, std::ostream* out) {
  *out << record.first << "+" << record.count << " " << record.key.size() << " bytes";
}

// A journal on a fake disk.
class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    options_.segment_bytes = kSegmentBytes;
    options_.spare_segments_max = 2;
  }

  Result<std::unique_ptr<Journal>> try_open(Sequence base = 0) {
    return open_journal(fake_directory(disk_), base, options_, &opening_);
  }
  void open(Sequence base = 0) {
    journal_.reset();
    auto opened = try_open(base);
    ASSERT_TRUE(opened) << opened.error().message();
    journal_ = std::move(*opened);
  }

  Result<Sequence> append(const std::string& key, uint32_t count = 1) {
    Batch batch;
    batch.put(key, "");
    auto appended = journal_->append(batch.record(), count, journal_->last_sequence() + 1);
    if (appended) history_.push_back({*appended - count + 1, count, key});
    return appended;
  }
  void append_many(int records, size_t key_bytes = 100) {
    for (int i = 0; i < records; ++i) {
      ASSERT_TRUE(append(std::string(key_bytes, static_cast<char>('a' + history_.size() % 26))));
    }
  }

  static std::vector<Record> replay(Journal& journal, Sequence from = 0) {
    struct Keys : BatchVisitor {
      std::string key;
      void put(std::string_view k, std::string_view) override { key = k; }
      void erase(std::string_view) override {}
      void release_chunk(const ChunkRef&) override {}
    };
    std::vector<Record> records;
    auto replayed = journal.replay(from, [&](Sequence first, uint32_t count, std::string_view payload) -> Result<void> {
      Keys keys;
      if (auto decoded = decode_batch(payload, keys); !decoded) return decoded;
      records.push_back({first, count, keys.key});
      return {};
    });
    EXPECT_TRUE(replayed) << replayed.error().message();
    return records;
  }

  std::vector<std::string> files() { return disk_->model.names("/d"); }
  void flip(const std::string& name, uint64_t offset, int bit = 0) {
    const auto file = disk_->model.find("/d/" + name).value();
    std::string byte = disk_->model.read(file, offset, 1);
    byte[0] = static_cast<char>(byte[0] ^ (1 << bit));
    disk_->model.write(file, offset, byte);
  }

  std::shared_ptr<FakeDisk> disk_ = std::make_shared<FakeDisk>();
  JournalOptions options_;
  JournalOpening opening_;
  std::unique_ptr<Journal> journal_;
  std::vector<Record> history_;
};

TEST_F(JournalTest, ANewJournalIsEmptyAndHasNoFiles) {
  open();
  EXPECT_EQ(journal_->last_sequence(), 0u);
  EXPECT_EQ(journal_->bytes_on_disk(), 0u);
  EXPECT_TRUE(replay(*journal_).empty());
  EXPECT_TRUE(files().empty());
}

TEST_F(JournalTest, ReplaysWhatWasAppendedAcrossSegmentsAndReopenings) {
  for (int round = 0; round < 4; ++round) {
    open();
    EXPECT_EQ(replay(*journal_), history_);
    append_many(12);
    ASSERT_TRUE(append("several", 7));
    if (round == 1) {
      ASSERT_TRUE(journal_->close());
    }
  }
  EXPECT_GT(files().size(), 4u);
}

TEST_F(JournalTest, ReplayBeginsWithTheRecordThatHoldsTheSequence) {
  open();
  ASSERT_TRUE(append("a", 5));
  ASSERT_TRUE(append("b", 5));
  ASSERT_TRUE(append("c", 5));
  open();
  EXPECT_EQ(replay(*journal_, 11).size(), 1u);
  EXPECT_EQ(replay(*journal_, 10).size(), 2u);
  EXPECT_EQ(replay(*journal_, 6).size(), 2u);
  EXPECT_EQ(replay(*journal_, 5).size(), 3u);
}

TEST_F(JournalTest, ReplayStopsAtTheVisitorsError) {
  open();
  append_many(3);
  open();
  int calls = 0;
  auto replayed = journal_->replay(0, [&](Sequence, uint32_t, std::string_view) -> Result<void> {
    return ++calls == 2 ? Result<void>(Errc::timeout) : Result<void>();
  });
  EXPECT_EQ(replayed.error().code, Errc::timeout);
  EXPECT_EQ(calls, 2);
}

TEST_F(JournalTest, RefusesASequenceThatDoesNotFollowAndARecordBeyondTheLimit) {
  options_.record_bytes_max = 500;
  open();
  Batch batch;
  batch.put("k", "v");
  EXPECT_EQ(journal_->append(batch.record(), 1, 2).error().code, Errc::invalid);
  ASSERT_TRUE(journal_->append(batch.record(), 3, 1));
  EXPECT_EQ(journal_->append(batch.record(), 1, 3).error().code, Errc::invalid);
  batch.put("k", std::string(500, 'v'));
  EXPECT_EQ(journal_->append(batch.record(), 1, 4).error().code, Errc::value_too_large);
  EXPECT_EQ(journal_->last_sequence(), 3u);
}

TEST_F(JournalTest, ARecordLargerThanASegmentGetsALargerSegment) {
  open();
  append_many(1);
  Batch large;
  large.put("large", std::string(10 * kSegmentBytes, 'x'));
  ASSERT_TRUE(journal_->append(large.record(), 1, 2));
  history_.push_back({2, 1, "large"});
  append_many(1);
  open();
  EXPECT_EQ(replay(*journal_), history_);
}

TEST_F(JournalTest, SyncMakesDurableWhatWasAppendedBefore) {
  open();
  append_many(20);
  EXPECT_EQ(journal_->durable_sequence(), 0u);
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(journal_->durable_sequence(), 20u);
  const uint64_t syncs = journal_->syncs();
  ASSERT_TRUE(journal_->sync());  // nothing new: nothing to do
  EXPECT_EQ(journal_->syncs(), syncs);
  append_many(1);
  EXPECT_EQ(journal_->durable_sequence(), 20u);
}

TEST_F(JournalTest, WhatWasFoundAtOpeningIsDurable) {
  open();
  append_many(20);
  open();  // the process was killed, the power did not fail
  EXPECT_EQ(journal_->durable_sequence(), 20u);
  crash::Random random(1);
  for (int i = 0; i < 50; ++i) {
    auto image = std::make_shared<FakeDisk>();
    image->model = crash::DiskModel(disk_->model.crash(random));
    auto reopened = open_journal(fake_directory(image), 0, options_);
    ASSERT_TRUE(reopened) << reopened.error().message();
    EXPECT_EQ(replay(**reopened), history_);
  }
}

TEST_F(JournalTest, ReleaseGivesUpWholeSegmentsAndRecyclesSome) {
  open();
  append_many(40);
  const size_t before = files().size();
  ASSERT_GT(before, 5u);
  const uint64_t live_before = journal_->bytes_live();
  ASSERT_TRUE(journal_->release(21));
  EXPECT_LT(files().size(), before);
  EXPECT_LT(journal_->bytes_live(), live_before);
  size_t spares = 0;
  for (const auto& name : files()) spares += parse_spare_name(name).has_value();
  EXPECT_EQ(spares, options_.spare_segments_max);
  append_many(20);
  open(21);
  auto records = replay(*journal_, 22);
  EXPECT_EQ(records, std::vector<Record>(history_.begin() + 21, history_.end()));
  // The segment in use stays, unless it is to be left anyway.
  append_many(1);
  ASSERT_TRUE(journal_->release(61));
  EXPECT_GT(journal_->bytes_live(), 0u);
  journal_->rotate();
  ASSERT_TRUE(journal_->release(61));
  EXPECT_EQ(journal_->bytes_live(), 0u);
  append_many(1);
  open(61);
  EXPECT_EQ(replay(*journal_, 62).size(), 1u);
}

TEST_F(JournalTest, ABaseBeyondTheJournalsEndStartsBehindIt) {
  open();
  append_many(5);
  open(9);  // the base was checkpointed further than the journal was synced
  EXPECT_EQ(journal_->last_sequence(), 9u);
  ASSERT_TRUE(append("next"));
  open(9);
  EXPECT_EQ(replay(*journal_, 10), (std::vector<Record>{{10, 1, "next"}}));
}

TEST_F(JournalTest, RecordsOfARecycledSegmentsFormerLifeNeverReappear) {
  open();
  for (int round = 0; round < 10; ++round) {
    // Records of one size, so that old ones lie exactly where new ones would follow.
    append_many(7 + round % 3);
    journal_->rotate();
    append_many(1);
    ASSERT_TRUE(journal_->release(journal_->last_sequence() - 1));
    const Sequence base = journal_->last_sequence() - 1;
    auto copy = std::make_shared<FakeDisk>();
    copy->model = crash::DiskModel(disk_->model.now());
    auto reopened = open_journal(fake_directory(copy), base, options_);
    ASSERT_TRUE(reopened);
    EXPECT_EQ((*reopened)->last_sequence(), base + 1);
    EXPECT_EQ(replay(**reopened, base + 1), (std::vector<Record>{history_.back()}));
  }
}

// Writing part of a page that is not in memory reads it first.
TEST_F(JournalTest, PagesOfARecycledSegmentAreWrittenWholeBeforeRecordsGoToThem) {
  constexpr uint64_t kPage = 4096;
  options_.segment_bytes = 64 * kPage;
  open();
  append_many(10);
  journal_->rotate();
  append_many(1);
  ASSERT_TRUE(journal_->release(10));
  journal_->rotate();
  std::map<crash::DiskModel::FileId, std::set<uint64_t>> whole;
  uint64_t in_part = 0;
  disk_->wrote = [&](crash::DiskModel::FileId file, uint64_t offset, uint64_t bytes) {
    for (uint64_t page = offset / kPage; page * kPage < offset + bytes; ++page) {
      if (offset <= page * kPage && (page + 1) * kPage <= offset + bytes) whole[file].insert(page);
      in_part += whole[file].contains(page) ? 0 : 1;
    }
  };
  append_many(200, 100);
  append_many(100, 400);
  EXPECT_LE(in_part, 1U);  // the mark that ends the segment left
  disk_->wrote = nullptr;
}

TEST_F(JournalTest, PreparedSegmentIsUsedNext) {
  open();
  ASSERT_TRUE(journal_->prepare());
  ASSERT_TRUE(journal_->prepare());  // one is enough
  EXPECT_EQ(files().size(), 1u);
  append_many(1);
  EXPECT_EQ(files().size(), 1u);
  open();
  EXPECT_EQ(replay(*journal_), history_);
}

TEST_F(JournalTest, EveryTruncationOfAnUnsyncedTailIsCutToAPrefix) {
  open();
  append_many(5);
  const std::string name = files().back();
  const crash::Image full = disk_->model.now();
  const size_t record_bytes = kJournalHeaderBytes + 103;
  for (uint64_t size = kSegmentHeaderBytes + 5 * record_bytes + 3; size-- > 0;) {
    auto cut = std::make_shared<FakeDisk>();
    cut->model = crash::DiskModel(full);
    cut->model.truncate(cut->model.find("/d/" + name).value(), size);
    auto opened = open_journal(fake_directory(cut), 0, options_);
    ASSERT_TRUE(opened) << "at " << size << ": " << opened.error().message();
    const size_t whole = size < kSegmentHeaderBytes ? 0 : (size - kSegmentHeaderBytes) / record_bytes;
    std::vector<Record> expected(history_.begin(),
                                 history_.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(whole, 5)));
    ASSERT_EQ(replay(**opened), expected) << "at " << size;
    // It goes on from there.
    Batch batch;
    batch.put("next", "");
    ASSERT_TRUE((*opened)->append(batch.record(), 1, expected.size() + 1));
    expected.push_back({expected.size() + 1, 1, "next"});
    auto again = open_journal(fake_directory(cut), 0, options_);
    ASSERT_TRUE(again) << "at " << size << ": " << again.error().message();
    ASSERT_EQ(replay(**again), expected) << "at " << size;
  }
}

// Flips one bit of each byte of every file; the journal was synced record by record and closed, so each flip either
// changes nothing that counts or is reported.
TEST_F(JournalTest, EveryFlippedBitOfASyncedJournalIsHarmlessOrCorrupt) {
  open();
  for (int i = 0; i < 12; ++i) {
    append_many(1);
    ASSERT_TRUE(journal_->sync());
  }
  ASSERT_TRUE(journal_->close());
  const std::vector<std::string> names = files();
  ASSERT_EQ(names.size(), 2u);
  const crash::Image full = disk_->model.now();
  std::mt19937 random(3);
  int reported = 0;
  for (const std::string& name : names) {
    for (uint64_t offset = 0; offset < kSegmentBytes; ++offset) {
      disk_->model = crash::DiskModel(full);
      flip(name, offset, static_cast<int>(random() % 8));
      const auto directory = fake_directory(disk_);
      auto scan = scan_journal(*directory, 0, false);
      if (scan) {
        ASSERT_EQ(scan->last, 12u) << name << " at " << offset;
        ASSERT_EQ(scan->opening.records, 12u);
        continue;
      }
      ++reported;
      ASSERT_EQ(scan.error().code, Errc::corrupt);
      ASSERT_NE(scan.error().detail.find("/d/" + name + ": damaged at offset "), std::string::npos)
          << scan.error().detail;
      auto salvaged = scan_journal(*directory, 0, true);
      ASSERT_TRUE(salvaged);
      ASSERT_EQ(salvaged->opening.records, 11u) << name << " at " << offset;
      ASSERT_EQ(salvaged->opening.left_out.size(), 1u);
      const auto& gap = salvaged->opening.left_out[0];
      ASSERT_EQ(gap.first_missing, gap.last_missing);
      ASSERT_LE(gap.offset, offset);
      ASSERT_GT(gap.offset + gap.bytes, offset);
    }
  }
  EXPECT_EQ(reported, 12 * (32 + 103));
}

TEST_F(JournalTest, DamageBeforeTheTailNamesFileAndOffsetAndSalvageKeepsTheRest) {
  open();
  append_many(4);
  ASSERT_TRUE(journal_->sync());
  append_many(1);
  const std::string name = files().back();
  const uint64_t offset = kSegmentHeaderBytes + 135;
  flip(name, offset + 50);
  auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  EXPECT_EQ(opened.error().detail,
            "/d/" + name + ": damaged at offset " + std::to_string(offset) +
                " (damaged record 2): records from 2 on were synced, at least up to 4; salvage keeps what is readable");
  options_.salvage = true;
  open();
  history_.erase(history_.begin() + 1);
  EXPECT_EQ(replay(*journal_), history_);
  ASSERT_EQ(opening_.left_out.size(), 1u);
  EXPECT_EQ(opening_.left_out[0].file, "/d/" + name);
  EXPECT_EQ(opening_.left_out[0].offset, offset);
  EXPECT_EQ(opening_.left_out[0].bytes, 135u);
  EXPECT_EQ(opening_.left_out[0].first_missing, 2u);
  // Checkpointed, released, and all is well again.
  journal_->rotate();
  ASSERT_TRUE(append("after"));
  ASSERT_TRUE(journal_->release(5));
  options_.salvage = false;
  open(5);
  EXPECT_EQ(replay(*journal_, 6), (std::vector<Record>{{6, 1, "after"}}));
}

TEST_F(JournalTest, DamageThatTheBaseAlreadyHoldsIsNoError) {
  open();
  append_many(5);
  ASSERT_TRUE(journal_->close());
  flip(files().back(), kSegmentHeaderBytes + 135 + 50);
  EXPECT_EQ(try_open(1).error().code, Errc::corrupt);
  open(2);
  EXPECT_EQ(replay(*journal_, 3), std::vector<Record>(history_.begin() + 2, history_.end()));
}

TEST_F(JournalTest, AMissingSegmentIsCorruptIfItWasSynced) {
  open();
  append_many(20);
  const std::string second = files()[1];
  const crash::Image unsynced = disk_->model.now();
  ASSERT_TRUE(journal_->close());
  disk_->model.unlink("/d/" + second);
  auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::corrupt);
  // Never synced, it is a torn tail like any other.
  disk_->model = crash::DiskModel(unsynced);
  disk_->model.unlink("/d/" + second);
  open();
  EXPECT_EQ(journal_->last_sequence(), 7u);
  EXPECT_GT(opening_.records_cut, 0u);
}

TEST_F(JournalTest, AnUnsyncedHoleIsATornTailAndWhatFollowedNeverReappears) {
  open();
  append_many(5);
  flip(files().back(), kSegmentHeaderBytes + 2 * 135 + 50);
  open();
  EXPECT_EQ(journal_->last_sequence(), 2u);
  EXPECT_EQ(opening_.records_cut, 2u);
  ASSERT_TRUE(append(std::string(100, 'N')));  // as large as the one that was lost
  open();
  EXPECT_EQ(journal_->last_sequence(), 3u);
}

TEST_F(JournalTest, ALaterFormatVersionIsRefused) {
  open();
  append_many(1);
  const auto file = disk_->model.find("/d/" + files()[0]).value();
  std::string header = disk_->model.read(file, 0, 44);
  header[8] = 2;
  const uint32_t crc = crc32c(std::string_view(header).substr(0, 40));
  header.replace(40, 4, reinterpret_cast<const char*>(&crc), 4);
  disk_->model.write(file, 0, header);
  EXPECT_EQ(try_open().error().code, Errc::unsupported);
}

TEST_F(JournalTest, AFailedSyncIsReportedAndTheJournalTakesNothingMore) {
  open();
  append_many(1);
  disk_->fault = [](FakeDisk::Operation operation) { return operation == FakeDisk::Operation::sync ? EIO : 0; };
  EXPECT_EQ(journal_->sync().error().code, Errc::io);
  disk_->fault = [](FakeDisk::Operation) { return 0; };
  for (auto result : {journal_->sync(), journal_->close(), journal_->release(1), journal_->prepare()}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::read_only);
    EXPECT_NE(result.error().detail.find("fdatasync /d/"), std::string::npos) << result.error().detail;
  }
  EXPECT_EQ(append("x").error().code, Errc::read_only);
  EXPECT_EQ(journal_->durable_sequence(), 0u);
}

TEST_F(JournalTest, AfterNoSpaceAppendMayBeTriedAgain) {
  open();
  append_many(7);
  for (auto failing : {FakeDisk::Operation::allocate, FakeDisk::Operation::write}) {
    disk_->fault = [&](FakeDisk::Operation operation) { return operation == failing ? ENOSPC : 0; };
    EXPECT_EQ(append(std::string(100, 'x')).error().code, Errc::no_space);
    EXPECT_EQ(append(std::string(100, 'x')).error().code, Errc::no_space);
    disk_->fault = [](FakeDisk::Operation) { return 0; };
    append_many(8);
  }
  open();
  EXPECT_EQ(replay(*journal_), history_);
}

TEST_F(JournalTest, WhereNoDescriptorIsLeftAppendMayBeTriedAgain) {
  const auto lack_descriptors = [&] {
    disk_->fault = [](FakeDisk::Operation operation) {
      return operation == FakeDisk::Operation::create || operation == FakeDisk::Operation::open ? EMFILE : 0;
    };
  };
  open();
  lack_descriptors();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(append(std::string(100, 'x')).error().code, Errc::limit_reached);
  disk_->fault = [](FakeDisk::Operation) { return 0; };
  append_many(100);
  ASSERT_TRUE(journal_->sync());
  const Sequence base = journal_->last_sequence();
  ASSERT_TRUE(journal_->release(base));  // leaves spare files
  lack_descriptors();
  size_t refused = 0;
  for (int i = 0; i < 1000 && refused == 0; ++i) {
    const auto appended = append(std::string(100, 'x'));
    EXPECT_TRUE(appended || appended.error().code == Errc::limit_reached);
    refused += !appended;
  }
  EXPECT_EQ(refused, 1u);
  disk_->fault = [](FakeDisk::Operation) { return 0; };
  append_many(100);
  open(base);
  EXPECT_EQ(replay(*journal_, base + 1).back(), history_.back());
}

TEST_F(JournalTest, AfterAnotherWriteErrorTheJournalTakesNothingMore) {
  open();
  append_many(1);
  disk_->fault = [](FakeDisk::Operation operation) { return operation == FakeDisk::Operation::write ? EIO : 0; };
  EXPECT_EQ(append("x").error().code, Errc::io);
  disk_->fault = [](FakeDisk::Operation) { return 0; };
  EXPECT_EQ(append("x").error().code, Errc::read_only);
  open();
  EXPECT_EQ(replay(*journal_), history_);
}

}  // namespace
}  // namespace kvfs
