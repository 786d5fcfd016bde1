// The journal against power loss and failing operations, by thousands of simulated disks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/engine/journal.h"
#include "store/engine/journal_segment.h"
#include "tests/store/engine/fake_directory.h"

namespace kvfs {
namespace {

// A life of a journal: random work, crashes, and going on from what a crash left.
class JournalLife {
 public:
  explicit JournalLife(uint64_t seed) : random_(seed) {
    options_.segment_bytes = kSegmentHeaderBytes + 200 + random_() % 2000;
    options_.spare_segments_max = static_cast<uint32_t>(random_() % 4);
    reopen();
  }

  void step() {
    switch (random_() % 16) {
      case 0:
      case 1:
        sync();
        break;
      case 2:
        journal_->rotate();
        break;
      case 3:
        checkpoint();
        break;
      case 4:
        (void)journal_->prepare();
        break;
      case 5:
        if (random_() % 4 == 0) {
          if (journal_->close()) {
            ASSERT_EQ(journal_->durable_sequence(), journal_->last_sequence());
          }
          promised_ = std::max(promised_, journal_->durable_sequence());
        }
        if (random_() % 2 == 0) reopen();
        break;
      default:
        append();
        break;
    }
    if (random_() % 4 == 0) crash();
  }

  // From now on about one operation in `one_in` fails.
  void inject_faults(uint64_t one_in) {
    disk_->fault = [this, one_in](FakeDisk::Operation) {
      if (random_() % one_in != 0) return 0;
      return random_() % 2 == 0 ? EIO : ENOSPC;
    };
  }

  uint64_t images() const { return images_; }

 private:
  void append() {
    Batch batch;
    const std::string value(random_() % 8 == 0 ? random_() % 4000 : random_() % 120, 'v');
    batch.put(std::to_string(random_()), value);
    const auto count = static_cast<uint32_t>(1 + random_() % 3);
    const Sequence first = journal_->last_sequence() + 1;
    const std::string payload(batch.payload());
    const auto appended = journal_->append(batch.record(), count, first);
    if (appended) {
      history_.push_back({first, first + count - 1, payload});
      uncertain_.reset();
    } else if (appended.error().code != Errc::read_only) {
      uncertain_ = Record{first, first + count - 1, payload};  // may be found after a crash, or not
    }
  }

  void sync() {
    const Sequence before = journal_->last_sequence();
    if (journal_->sync()) {
      ASSERT_GE(journal_->durable_sequence(), before);
    }
    promised_ = std::max(promised_, journal_->durable_sequence());
  }

  // The base takes all up to some record, durably; the journal gives up what it may.
  void checkpoint() {
    if (history_.empty()) return;
    base_ = std::max(base_, history_[random_() % history_.size()].last);
    (void)journal_->release(base_);
  }

  // The process is killed; everything it wrote is still in the page cache.
  void reopen() {
    journal_.reset();
    const auto fault = std::exchange(disk_->fault, [](FakeDisk::Operation) { return 0; });
    auto opened = open_journal(fake_directory(disk_), base_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    journal_ = std::move(*opened);
    disk_->fault = fault;
    check(*journal_, true);
    adopt();
  }

  void crash() {
    for (int i = 0; i < 3; ++i) {
      ++images_;
      auto image = std::make_shared<FakeDisk>();
      image->model = crash::DiskModel(disk_->model.crash(random_));
      auto opened = open_journal(fake_directory(image), base_, options_);
      ASSERT_TRUE(opened) << opened.error().message();
      check(**opened, false);
      if (testing::Test::HasFailure()) return;
      if (random_() % 3 == 0) {
        // Crash again, while or just after recovering.
        auto again = std::make_shared<FakeDisk>();
        again->model = crash::DiskModel(image->model.crash(random_));
        const Sequence recovered = (*opened)->last_sequence();
        auto reopened = open_journal(fake_directory(again), base_, options_);
        ASSERT_TRUE(reopened) << reopened.error().message();
        check(**reopened, false);
        ASSERT_EQ((*reopened)->last_sequence(), recovered) << "what an opening found is durable";
      }
      if (random_() % 8 == 0) {
        // This image is the world now; the files of the old one are gone.
        image->fault = disk_->fault;
        disk_ = image;
        journal_ = std::move(*opened);
        adopt();
        return;
      }
    }
  }

  // A prefix of the history, with all that was promised; the whole if only the process died.
  void check(Journal& journal, bool whole) {
    std::vector<Record> expected = history_;
    if (uncertain_ && journal.last_sequence() >= uncertain_->first && journal.last_sequence() > base_) {
      expected.push_back(*uncertain_);
    }
    size_t at = 0;
    while (at < expected.size() && expected[at].last <= base_) ++at;
    Sequence last = base_;
    auto replayed = journal.replay(base_ + 1, [&](Sequence first, uint32_t count, std::string_view payload) {
      EXPECT_LT(at, expected.size());
      if (at >= expected.size()) return Result<void>(Errc::corrupt);
      EXPECT_EQ(first, expected[at].first);
      EXPECT_EQ(first + count - 1, expected[at].last);
      EXPECT_EQ(payload, expected[at].payload);
      last = expected[at].last;
      ++at;
      return Result<void>();
    });
    ASSERT_TRUE(replayed);
    ASSERT_EQ(journal.last_sequence(), last);
    ASSERT_GE(last, promised_);
    if (whole && !history_.empty()) {
      ASSERT_GE(last, history_.back().last);
    }
  }

  // What the journal at hand has is the history now.
  void adopt() {
    if (uncertain_ && journal_->last_sequence() == uncertain_->last) history_.push_back(*uncertain_);
    uncertain_.reset();
    while (!history_.empty() && history_.back().last > journal_->last_sequence()) history_.pop_back();
    promised_ = journal_->last_sequence();  // open_journal() made it durable
  }

  struct Record {
    Sequence first = 0;
    Sequence last = 0;
    std::string payload;
  };

  crash::Random random_;
  JournalOptions options_;
  std::shared_ptr<FakeDisk> disk_ = std::make_shared<FakeDisk>();
  std::unique_ptr<Journal> journal_;
  std::vector<Record> history_;
  std::optional<Record> uncertain_;  // its append failed
  Sequence promised_ = 0;
  Sequence base_ = 0;
  uint64_t images_ = 0;
};

uint64_t seed_of_run() {
  const char* const given = std::getenv("KVFS_TEST_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

int lives_of_run() {
  const char* const given = std::getenv("KVFS_TEST_LIVES");
  return given != nullptr ? std::stoi(given) : 15;
}

void live(int lives, int steps, uint64_t fault_one_in) {
  uint64_t seed = seed_of_run();
  uint64_t images = 0;
  for (int i = 0; i < lives && !testing::Test::HasFailure(); ++i, ++seed) {
    SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
    JournalLife life(seed);
    if (fault_one_in > 0) life.inject_faults(fault_one_in);
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) life.step();
    images += life.images();
  }
  testing::Test::RecordProperty("images", std::to_string(images));
}

TEST(JournalCrashTest, PowerLossLeavesAPrefixWithAllThatWasSynced) { live(lives_of_run(), 100, 0); }

TEST(JournalCrashTest, FailingOperationsNeverBreakAPromise) { live(lives_of_run(), 60, 20); }

TEST(JournalCrashTest, RareFailuresNeverBreakAPromise) { live(lives_of_run(), 100, 200); }

}  // namespace
}  // namespace kvfs
