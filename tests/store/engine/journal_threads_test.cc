// The journal's threads beside each other, on a real directory: for ThreadSanitizer, and for what they promise.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "store/engine/journal.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

TEST(JournalThreadsTest, AppendingSyncingReleasingAndPreparingGoOnAtTheSameTime) {
  constexpr Sequence kRecords = 1500;
  TemporaryDirectory directory;
  JournalOptions options;
  options.segment_bytes = 16 * 1024;
  auto journal = open_journal(open_directory(directory.path() + "/journal").value(), 0, options).value();
  std::atomic<bool> done{false};
  std::atomic<Sequence> base{0};
  std::atomic<int> failures{0};

  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!done) {
        const Sequence appended = journal->last_sequence();
        if (!journal->sync()) ++failures;
        if (journal->durable_sequence() < appended) failures += 1000;
        std::this_thread::yield();  // the one that appends must get on where processors are few
      }
    });
  }
  others.emplace_back([&] {
    while (!done) {
      if (!journal->prepare()) failures += 1'000'000;
      // As a checkpoint does: what is synced goes into the base, the journal may forget it.
      const Sequence durable = journal->durable_sequence();
      base = durable;
      if (!journal->release(durable)) failures += 10'000'000;
      std::this_thread::yield();
    }
  });
  Batch batch;
  for (Sequence sequence = 1; sequence <= kRecords; ++sequence) {
    batch.clear();
    batch.put("key" + std::to_string(sequence), std::string(sequence % 300, 'v'));
    if (sequence % 500 == 0) journal->rotate();
    if (!journal->append(batch.record(), 1, sequence)) ++failures;
  }
  done = true;
  for (std::thread& other : others) other.join();
  EXPECT_EQ(failures.load(), 0);

  journal.reset();
  journal = open_journal(open_directory(directory.path() + "/journal").value(), base, options).value();
  EXPECT_EQ(journal->last_sequence(), kRecords);
  Sequence expected = base + 1;
  auto replayed = journal->replay(expected, [&](Sequence first, uint32_t, std::string_view) -> Result<void> {
    EXPECT_EQ(first, expected++);
    return {};
  });
  EXPECT_TRUE(replayed);
  EXPECT_EQ(expected, kRecords + 1);
}

}  // namespace
}  // namespace kvfs
