// Power loss: while an engine works, states in which the disk could be left are taken; each must open to a prefix of
// the history that holds all that was promised to be durable. Failing operations must not change that.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/engine/reader_registry.h"
#include "tests/crash/crash_directory.h"
#include "tests/crash/history.h"
#include "tests/crash/io_recorder.h"

namespace kvfs::crash {
namespace {

constexpr size_t kImagesPerRound = 12;

// One store through several crashes; each round goes on from what one of them left.
class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), next_id_(seed << 20) { options_.kind = "lmdb"; }

  struct Faults {
    uint64_t one_in = 0;  // operations; 0: none
    bool only_syncs = false;
  };
  void round(const Faults& faults) {
    const std::string live = directory_.path() + "/live";
    write_image(world_, live);
    taken_.clear();
    choose_options(live);
    IoRecorder& recorder = IoRecorder::instance();
    recorder.start(live);
    take_images(400);
    inject(faults);
    work();
    recorder.stop();
    const std::string missed = difference(recorder.model().now(), read_image(live));
    ASSERT_EQ(missed, "") << "the recorder did not see every write";
    // What a crash of the process alone leaves, and what is there if the power fails after all is over.
    taken_.push_back({recorder.model().now(), promises_.durable_n()});
    for (int i = 0; i < 3; ++i) taken_.push_back({recorder.model().crash(random_), promises_.durable_n()});
    for (size_t i = 0; i < taken_.size() && !testing::Test::HasFailure(); ++i) check(taken_[i], i);
    if (testing::Test::HasFailure()) return;
    world_ = taken_[random_() % taken_.size()].image;
    reopen_world();
  }

  uint64_t images() const { return images_; }

 private:
  struct Taken {
    Image image;
    uint64_t durable_n = 0;
  };

  void choose_options(const std::string& path) {
    options_.path = path;
    options_.durability = some_durability();
    options_.memtable_entries_max = 20 + random_() % 300;  // so that checkpoints are frequent
    options_.reserve_bytes = 0;
  }

  Durability some_durability() {
    switch (random_() % 5) {
      case 0:
        return {Durability::Mode::strict, 0};
      case 1:
        return {Durability::Mode::every, 1 + random_() % 20};
      case 2:
        return {Durability::Mode::interval, 1 + random_() % 8};
      default:
        return {};
    }
  }

  void take_images(uint64_t one_in) {
    auto random = std::make_shared<Random>(random_());
    IoRecorder::instance().observe = [this, random, one_in](const DiskModel& model) {
      // More at the beginning, where recovery is.
      const uint64_t rarity = 1 + IoRecorder::instance().operations() % one_in / 4;
      if (taken_.size() >= kImagesPerRound || (*random)() % rarity != 0) return;
      const uint64_t promised = promises_.durable_n();
      taken_.push_back({model.crash(*random), promised});
    };
  }

  void inject(const Faults& faults) {
    if (faults.one_in == 0) return;
    auto random = std::make_shared<Random>(random_());
    IoRecorder::instance().judge = [random, faults](const IoOperation& operation) {
      Verdict verdict;
      const bool sync = operation.kind == IoKind::sync || operation.kind == IoKind::sync_directory;
      if (faults.only_syncs && !sync) return verdict;
      if ((*random)() % faults.one_in != 0) return verdict;
      if (operation.kind == IoKind::write && operation.bytes > 1) {
        verdict.short_bytes = (*random)() % operation.bytes;
        if (*verdict.short_bytes > 0 && (*random)() % 2 == 0) return verdict;  // merely short: the rest must follow
      }
      verdict.errno_value = (*random)() % 2 == 0 || sync ? EIO : ENOSPC;
      return verdict;
    };
  }

  void work() {
    auto opened = open_and_recover(options_);
    if (!opened) {
      ASSERT_TRUE(IoRecorder::instance().judge) << opened.error().message();
      return;
    }
    engine_ = std::move(*opened);
    // What an engine found when it opened, clients may have read; but only promises count.
    const uint64_t threads = random_() % 3 == 0 ? 3 : 1;
    std::vector<std::thread> writers;
    for (uint64_t t = 0; t < threads; ++t) {
      writers.emplace_back([this, seed = random_()] {
        try {
          write(seed);
        } catch (const StoreException&) {  // LMDB cannot even read after its meta page could not be written
          EXPECT_TRUE(IoRecorder::instance().judge);
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    engine_.reset();
  }

  // `interval=MS`: when a commit is acknowledged, all are durable that were acknowledged MS before it began. By the
  // clock that the engine goes by, so that a slow machine cannot make the test expect too much.
  void promise_interval(std::vector<std::pair<uint64_t, uint64_t>>& acknowledged, uint64_t began_ms) {
    uint64_t durable = 0;
    std::erase_if(acknowledged, [&](const auto& each) {
      const bool old = each.first + options_.durability.n <= began_ms;
      if (old) durable = std::max(durable, each.second);
      return old;
    });
    if (durable != 0) promises_.durable(durable);
  }

  void write(uint64_t seed) {
    Random random(seed);
    const bool by_interval = options_.durability.mode == Durability::Mode::interval;
    std::vector<std::pair<uint64_t, uint64_t>> own;  // when it was acknowledged, n
    for (uint64_t count = 5 + random() % 120; count > 0; --count) {
      const uint64_t acknowledged = promises_.acknowledged_n();
      const uint64_t began_ms = coarse_now_ms();
      if (random() % 40 == 0) {
        if (engine_->sync()) promises_.durable(acknowledged);
        continue;
      }
      if (random() % 80 == 0) {
        if (engine_->checkpoint()) promises_.durable(acknowledged);
        continue;
      }
      Durability durability = options_.durability;
      if (random() % 8 == 0) durability = {Durability::Mode::strict, 0};
      auto done = run_transaction(*engine_, next_id_++, durability, promises_);
      if (!done && done.error().code == Errc::read_only) return;
      if (done && by_interval) {
        promise_interval(own, began_ms);
        own.emplace_back(coarse_now_ms(), *done);
        // Time passes, so that the next one makes this one's promise due.
        if (random() % 10 == 0)
          while (coarse_now_ms() <= own.back().first + options_.durability.n) std::this_thread::yield();
      }
      if (done && durability.mode == Durability::Mode::every) {
        // Others may be acknowledged at the same time.
        const uint64_t spared = durability.n + 3;
        if (acknowledged > spared) promises_.durable(acknowledged - spared);
      }
    }
  }

  void check(const Taken& taken, size_t number) {
    ++images_;
    const std::string path = directory_.path() + "/image";
    write_image(taken.image, path);
    EngineOptions options = options_;
    options.path = path;
    // The power may fail again during the recovery.
    IoRecorder& recorder = IoRecorder::instance();
    std::vector<Image> again;
    if (number % 3 == 0) {
      recorder.start(path);
      auto random = std::make_shared<Random>(random_());
      recorder.observe = [&again, random](const DiskModel& model) {
        if (again.size() < 2 && (*random)() % 12 == 0) again.push_back(model.crash(*random));
      };
    }
    verify_at(path, options, taken.durable_n);
    if (recorder.active()) recorder.stop();
    for (const Image& image : again) {
      if (testing::Test::HasFailure()) return;
      ++images_;
      write_image(image, path);
      verify_at(path, options, taken.durable_n);
    }
  }

  void verify_at(const std::string& path, const EngineOptions& options, uint64_t durable_n) {
    const Image before = read_image(path);
    auto opened = open_and_recover(options);
    if (!opened) {
      ADD_FAILURE() << "does not open: " << opened.error().message();
      return keep(before);
    }
    const Verified verified = verify(**opened);
    EXPECT_EQ(verified.problem, "");
    EXPECT_GE(verified.n(), durable_n) << "less than was promised";
    EXPECT_EQ(promises_.contradiction(verified.ids), "");
    if (IoRecorder::instance().active()) IoRecorder::instance().stop();
    Promises scratch;
    auto goes_on = run_transaction(**opened, 1, {Durability::Mode::strict, 0}, scratch);
    EXPECT_TRUE(goes_on) << goes_on.error().message();
    if (testing::Test::HasFailure()) keep(before);
  }

  // For the one who has to find out.
  void keep(const Image& image) {
    directory_.keep();
    write_image(image, directory_.path() + "/failed");
    std::fprintf(stderr, "the image that failed is in %s/failed\n", directory_.path().c_str());
  }

  // What was lost with the crash that the next round goes on from never happened.
  void reopen_world() {
    const std::string path = directory_.path() + "/world";
    write_image(world_, path);
    EngineOptions options = options_;
    options.path = path;
    auto opened = open_and_recover(options);
    ASSERT_TRUE(opened) << opened.error().message();
    const uint64_t n = verify(**opened).n();
    opened->reset();
    promises_.lost_beyond(n);
    if (random_() % 2 == 0)
      world_ = read_image(path);  // recovered and closed, or as the crash left it
    else
      promises_.lost_beyond(n);
  }

  CrashDirectory directory_;
  Random random_;
  EngineOptions options_;
  std::atomic<uint64_t> next_id_;
  Image world_;
  std::unique_ptr<Engine> engine_;
  Promises promises_;
  std::vector<Taken> taken_;  // written under the recorder's lock
  uint64_t images_ = 0;
};

void live(uint64_t lives, uint64_t rounds, const Life::Faults& faults) {
  uint64_t seed = seed_of_run();
  uint64_t images = 0;
  for (uint64_t i = 0; i < lives && !testing::Test::HasFailure(); ++i, ++seed) {
    SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
    Life life(seed);
    for (uint64_t round = 0; round < rounds && !testing::Test::HasFailure(); ++round) life.round(faults);
    images += life.images();
  }
  std::printf("%llu crash images opened\n", static_cast<unsigned long long>(images));
}

TEST(PowerLossTest, LeavesAPrefixWithAllThatWasPromised) { live(lives_of_run(6), 5, {}); }

TEST(PowerLossTest, FailingOperationsAreNeverReportedAsSuccess) { live(lives_of_run(6), 4, {60, false}); }

TEST(PowerLossTest, FailingSyncsAreNeverReportedAsSuccess) { live(lives_of_run(6), 4, {25, true}); }

}  // namespace
}  // namespace kvfs::crash
