// kill -9: whatever the policy, everything that was acknowledged is there afterwards, nothing is half there, and the
// store opens without help.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/crash_directory.h"
#include "tests/crash/history.h"
#include "tests/crash/io_recorder.h"

namespace kvfs::crash {
namespace {

struct Acknowledged {
  uint64_t n = 0;
  uint64_t id = 0;
};

EngineOptions options_at(const std::string& path) {
  EngineOptions options;
  options.kind = "lmdb";
  options.path = path;
  options.memtable_entries_max = 60;  // so that checkpoints are frequent
  options.reserve_bytes = 0;
  return options;
}

// A process that works on a store and tells what was acknowledged.
class Child {
 public:
  /// `work` gets the function that tells; it runs in the new process, which then exits with status 0.
  using Tell = std::function<void(Acknowledged)>;
  explicit Child(const std::function<void(const Tell&)>& work) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      work([&](Acknowledged acknowledged) { (void)!::write(ends[1], &acknowledged, sizeof acknowledged); });
      ::_exit(0);
    }
    ::close(ends[1]);
    from_child_ = ends[0];
  }
  ~Child() {
    ::close(from_child_);
    if (pid_ > 0) wait_for_end(SIGKILL);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Takes what it tells until it ends or `most` were told. False: it has ended.
  bool listen(Promises& promises, uint64_t most = UINT64_MAX) {
    Acknowledged told;
    for (; most > 0; --most) {
      if (::read(from_child_, &told, sizeof told) != static_cast<ssize_t>(sizeof told)) return false;
      promises.acknowledged(told.n, told.id, true);
    }
    return true;
  }

  /// Sends a signal (0: none) and returns the status of waitpid(2).
  int wait_for_end(int signal = 0) {
    int status = 0;
    if (signal != 0) ::kill(pid_, signal);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  int from_child_ = -1;
};

// Opens the store, checks it against what was acknowledged, and goes on from what it holds.
void verify_store(const std::string& path, Promises& promises) {
  auto opened = open_and_recover(options_at(path));
  ASSERT_TRUE(opened) << opened.error().message();
  const Verified verified = verify(**opened);
  EXPECT_EQ(verified.problem, "");
  EXPECT_GE(verified.n(), promises.acknowledged_n());
  EXPECT_EQ(promises.contradiction(verified.ids), "");
}

void die_at(uint64_t operation, bool in_the_middle) {
  auto count = std::make_shared<uint64_t>(0);
  IoRecorder::instance().judge = [count, operation, in_the_middle](const IoOperation& what) {
    Verdict verdict;
    if (++*count != operation) return verdict;
    if (in_the_middle && what.kind == IoKind::write) {
      verdict.short_bytes = what.bytes / 2;
      verdict.kill_after = true;
    } else {
      verdict.kill_before = true;
    }
    return verdict;
  };
}

// All that an engine does: commits of each policy, syncs, checkpoints, a clean close and another opening.
void scenario(const std::string& path, uint64_t first_id, const Child::Tell& tell) {
  Promises ignored;
  uint64_t id = first_id;
  for (int opening = 0; opening < 2; ++opening) {
    auto engine = open_and_recover(options_at(path));
    if (!engine) ::_exit(2);
    for (int i = 0; i < 12; ++i, ++id) {
      Durability durability;
      if (i % 3 == 0) durability.mode = Durability::Mode::strict;
      if (auto n = run_transaction(**engine, id, durability, ignored)) tell({*n, id});
      if (i == 5 && !(*engine)->checkpoint()) ::_exit(3);
      if (i == 8 && !(*engine)->sync()) ::_exit(4);
    }
  }
}

TEST(KillTest, AtEveryFileOperationNothingAcknowledgedIsLost) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  CrashDirectory directory;
  const std::string path = directory.path() + "/store";
  const uint64_t stride = lives_of_run(1) > 1 ? 1 : 2;
  uint64_t kills = 0;
  bool survived = false;
  for (uint64_t operation = 1; !survived && !HasFailure(); operation += 1 + random() % stride) {
    SCOPED_TRACE("killed at operation " + std::to_string(operation));
    write_image({}, path);
    Promises promises;
    // The second dies while it recovers from the first one's death, or soon after.
    for (int death = 0; death < 2 && !survived; ++death) {
      const uint64_t at = death == 0 ? operation : 1 + random() % 30;
      const bool in_the_middle = random() % 2 == 0;
      const uint64_t first_id = random();
      Child child([&](const Child::Tell& tell) {
        IoRecorder::instance().start(path);
        die_at(at, in_the_middle);
        scenario(path, first_id, tell);
      });
      child.listen(promises);
      const int status = child.wait_for_end();
      survived = death == 0 && WIFEXITED(status);
      ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "exit status " << WEXITSTATUS(status);
      kills += WIFSIGNALED(status) ? 1 : 0;
    }
    verify_store(path, promises);
    if (HasFailure()) {
      directory.keep();
      std::fprintf(stderr, "the store that failed is %s\n", path.c_str());
    }
  }
  EXPECT_TRUE(survived);
  EXPECT_GT(kills, 100u);
  std::printf("%llu processes killed\n", static_cast<unsigned long long>(kills));
}

TEST(KillTest, AtRandomUnderLoadNothingAcknowledgedIsLost) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  uint64_t kills = 0;
  for (uint64_t life = 0; life < lives_of_run(10) && !HasFailure(); ++life) {
    CrashDirectory directory;
    const std::string path = directory.path() + "/store";
    Promises promises;
    for (int round = 0; round < 10 && !HasFailure(); ++round) {
      const uint64_t first_id = random();
      Child child([&](const Child::Tell& tell) {
        auto engine = open_and_recover(options_at(path));
        if (!engine) ::_exit(2);
        std::atomic<uint64_t> id{first_id};
        Promises ignored;
        std::vector<std::thread> writers;
        for (uint64_t t = 0; t < 3; ++t) {
          writers.emplace_back([&] {
            for (;;) {
              const uint64_t mine = id++;
              Durability durability;
              if (mine % 16 == 0) durability.mode = Durability::Mode::strict;
              if (auto n = run_transaction(**engine, mine, durability, ignored)) tell({*n, mine});
            }
          });
        }
        for (std::thread& writer : writers) writer.join();
      });
      ASSERT_TRUE(child.listen(promises, 1 + random() % 150)) << "the child ended by itself";
      const int status = child.wait_for_end(SIGKILL);
      ASSERT_TRUE(WIFSIGNALED(status));
      child.listen(promises);  // what it had told before it died
      ++kills;
      verify_store(path, promises);
      if (HasFailure()) {
        directory.keep();
        std::fprintf(stderr, "the store that failed is %s\n", path.c_str());
      }
    }
  }
  std::printf("%llu processes killed\n", static_cast<unsigned long long>(kills));
}

}  // namespace
}  // namespace kvfs::crash
