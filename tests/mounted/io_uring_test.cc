// The mount with its requests over io_uring: where the kernel has that, the tests of other files run so, and some by
// /dev/fuse, too (meson.build); here is what is particular to it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/mounts.h"
#include "tests/support/wait.h"

namespace kvfs::test {
namespace {

const std::string kSwitch = "/sys/module/fuse/parameters/enable_uring";

bool kernel_can() { return std::filesystem::exists(kSwitch); }

KvfsOptions over_io_uring(Environment environment = {}) {
  KvfsOptions options;
  options.environment = std::move(environment);
  options.environment["KVFS_MOUNT_IO_URING"] = kernel_can() ? "yes" : "auto";
  return options;
}

std::unique_ptr<KvfsProcess> start(const KvfsOptions& options) {
  auto kvfs = std::make_unique<KvfsProcess>(options);
  std::filesystem::create_directories(kvfs->at(""));
  return kvfs;
}

bool says_so(const KvfsProcess& kvfs) {
  wait_until([&] { return kvfs.log().find("mounted at") != std::string::npos; });  // a later line
  return kvfs.log().find("requests come over io_uring") != std::string::npos;
}

void join_all(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

TEST(IoUringTest, IsUsedWhereItIsAskedForOrSaysWhyItCannotBe) {
  KvfsOptions options;
  options.environment["KVFS_MOUNT_IO_URING"] = "yes";
  if (!kernel_can()) {
    try {
      const KvfsProcess kvfs(options);
      ADD_FAILURE() << "it started";
    } catch (const std::exception& refused) {
      EXPECT_NE(std::string(refused.what()).find("mount.io_uring = yes"), std::string::npos) << refused.what();
    }
    return;
  }
  const std::string switched = read_file(kSwitch);
  const auto started = start(options);
  KvfsProcess& kvfs = *started;
  EXPECT_TRUE(says_so(kvfs));
  EXPECT_EQ(read_file(kSwitch), switched);
  write_file(kvfs.at("k"), "v");
  EXPECT_EQ(kvfs.http().get("/v1/default/k").body, "v");
  for (const auto& [setting, threads, used] :
       {std::tuple{"auto", "8", true}, std::tuple{"no", "8", false}, std::tuple{"auto", "1", false}}) {
    KvfsOptions other;
    other.environment = {{"KVFS_MOUNT_IO_URING", setting}, {"KVFS_MOUNT_THREADS", threads}};
    const auto started_second = start(other);
    KvfsProcess& second = *started_second;
    EXPECT_EQ(says_so(second), used) << setting << " " << threads;
    write_file(second.at("k"), "w");
    EXPECT_EQ(read_file(second.at("k")), "w");
  }
}

TEST(IoUringTest, WritersThatWaitForTheDiskHoldUpNobody) {
  const auto started = start(over_io_uring({{"KVFS_STORE_FSYNC", "strict"}, {"KVFS_MOUNT_THREADS", "4"}}));
  KvfsProcess& kvfs = *started;
  constexpr int kWriters = 24;  // more than there are threads
  write_file(kvfs.at("read"), "always");
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w)
    threads.emplace_back([&, w] {
      for (int i = 0; i < 20; ++i) write_file(kvfs.at("w" + std::to_string(w)), std::to_string(i));
      writing--;
    });
  size_t reads = 0;
  for (; writing > 0; ++reads) {
    const int fd = ::open(kvfs.at("read").c_str(), O_RDONLY | O_DIRECT);
    char text[8] = {};
    EXPECT_EQ(::read(fd, text, sizeof text), 6);
    ::close(fd);
  }
  join_all(threads);
  EXPECT_GT(reads, 0U);
  for (int w = 0; w < kWriters; ++w) EXPECT_EQ(read_file(kvfs.at("w" + std::to_string(w))), "19");
}

TEST(IoUringTest, ChangesAtOtherDoorsAreSeenAndNothingLocksUp) {
  const auto started = start(over_io_uring());
  KvfsProcess& kvfs = *started;
  constexpr int kKeys = 8;
  constexpr int kRounds = 150;
  const auto value = [](int i) { return std::to_string(1000 + i); };  // all of one length
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int k = 0; k < kKeys; ++k) write_file(kvfs.at("k" + std::to_string(k)), value(0));
  for (int k = 0; k < kKeys; ++k)
    readers.emplace_back([&, k] {
      int seen = 0;
      while (!done) {
        const int now = std::stoi(read_file(kvfs.at("k" + std::to_string(k))));
        EXPECT_GE(now, seen);
        seen = now;
      }
    });
  std::vector<std::thread> writers;
  for (int k = 0; k < kKeys; ++k)
    writers.emplace_back([&, k] {
      HttpClient http = kvfs.http();
      for (int i = 1; i <= kRounds; ++i) {
        const std::string key = "k" + std::to_string(k);
        if (i % 2 == 0) {
          http.put("/v1/default/" + key, value(i));
        } else {
          write_file(kvfs.at("new" + key), value(i));
          std::filesystem::rename(kvfs.at("new" + key), kvfs.at(key));
        }
        EXPECT_EQ(read_file(kvfs.at(key)), value(i));
      }
    });
  join_all(writers);
  done = true;
  join_all(readers);
}

TEST(IoUringTest, LargeFilesComeBackAsTheyWere) {
  const auto started = start(over_io_uring());
  KvfsProcess& kvfs = *started;
  const std::string bytes = random_bytes(20'000'003, 7);
  write_file(kvfs.at("large"), bytes);
  EXPECT_TRUE(kvfs.http().get("/v1/default/large").body == bytes);
  kvfs.restart();
  EXPECT_TRUE(read_file(kvfs.at("large")) == bytes);
}

TEST(IoUringTest, EndsWhileItIsUsedAndKeepsWhatWasAcknowledged) {
  const auto started = start(over_io_uring());
  KvfsProcess& kvfs = *started;
  constexpr int kWriters = 4;
  for (int round = 0; round < 6; ++round) {
    std::vector<std::atomic<int>> acknowledged(kWriters);
    const auto name = [&](int t, int i) {
      return kvfs.at(std::to_string(round) + "." + std::to_string(t) + "." + std::to_string(i));
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < kWriters; ++t)
      threads.emplace_back([&, t] {
        auto& count = acknowledged[static_cast<size_t>(t)];
        while (try_write_file(name(t, count), std::to_string(count)) == 0) count++;
      });
    wait_until([&] { return acknowledged[0] > 30 && acknowledged[kWriters - 1] > 30; });
    if (round % 2 == 0) {
      EXPECT_EQ(kvfs.stop(), 0) << kvfs.log();
    } else {
      kvfs.kill();
    }
    join_all(threads);
    kvfs.start();
    for (int t = 0; t < kWriters; ++t)
      for (int i = 0; i < acknowledged[static_cast<size_t>(t)]; ++i)
        EXPECT_EQ(read_file(name(t, i)), std::to_string(i));
  }
}

}  // namespace
}  // namespace kvfs::test
