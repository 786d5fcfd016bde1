// A real mount in this process: what only the kernel can show. Skipped (exit 77) where there is no /dev/fuse.
#include "fusefs/mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace kvfs {
namespace {

class MountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kvfs_mount_test_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    point_ = name;
    StoreOptions options;
    options.engine.kind = "memory";
    auto store = Store::open(options);
    ASSERT_TRUE(store);
    store_ = std::move(*store);
    start();
    ASSERT_EQ(mkdir((point_ + "/acme").c_str(), 0755), 0);
    ASSERT_EQ(mkdir((point_ + "/acme/default").c_str(), 0755), 0);
    collection_ = *store_->find_collection(*store_->find_tenant("acme"), "default");
  }
  void TearDown() override {
    mount_.reset();
    EXPECT_FALSE(mounted());
    EXPECT_EQ(rmdir(point_.c_str()), 0);
  }

  void start() {
    MountOptions options;
    options.mount_point = point_;
    auto mount = Mount::start(*store_, std::move(options));
    ASSERT_TRUE(mount) << mount.error().message();
    mount_ = std::move(*mount);
  }
  bool mounted() {
    struct stat here {};
    struct stat above {};
    return stat(point_.c_str(), &here) != 0 || stat("/tmp", &above) != 0 || here.st_dev != above.st_dev;
  }
  std::string at(const std::string& name) { return point_ + "/acme/default/" + name; }
  std::string slurp(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return in ? out.str() : "<unreadable>";
  }
  void spit(const std::string& path, std::string_view bytes) {
    std::ofstream out(path, std::ios::binary);
    out << bytes;
    out.close();
    EXPECT_TRUE(out) << path;
  }
  void put_value(std::string_view key, std::string_view value) {
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return put(txn, collection_, key, value); }));
  }
  std::string value_of(std::string_view key) {
    return store_->read([&](const ReadTxn& txn) -> std::string {
      const auto entry = get(txn, collection_, key);
      if (!entry) return "<absent>";
      return *read_whole_value(txn, *entry, 1 << 30);
    });
  }
  /// Of what the kernel does in its own time.
  template <class Condition>
  bool soon(Condition&& condition) {
    for (int i = 0; i < 2000; i++) {
      if (condition()) return true;
      usleep(1000);
    }
    return false;
  }

  std::string point_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Mount> mount_;
  DirId collection_ = 0;
};

TEST_F(MountTest, FilesAreWrittenAndReadBack) {
  spit(at("f"), "hello");
  EXPECT_EQ(slurp(at("f")), "hello");
  EXPECT_EQ(value_of("f"), "hello");
  struct stat st {};
  ASSERT_EQ(stat(at("f").c_str(), &st), 0);
  EXPECT_EQ(st.st_size, 5);
}

TEST_F(MountTest, ChangesOfAnotherDoorAreSeenAlthoughTheKernelRemembers) {
  struct stat st {};
  EXPECT_NE(stat(at("f").c_str(), &st), 0);
  put_value("f", "one");
  EXPECT_TRUE(slurp(at("f")) == "one");
  put_value("f", "three");
  EXPECT_TRUE(slurp(at("f")) == "three");
  EXPECT_TRUE(stat(at("f").c_str(), &st) == 0 && st.st_size == 5);
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return remove(txn, collection_, "f"); }));
  EXPECT_TRUE(stat(at("f").c_str(), &st) != 0 && errno == ENOENT);
}

TEST_F(MountTest, ListingsFollowChangesOfAnotherDoor) {
  const auto count = [&] {
    const auto all = std::filesystem::directory_iterator(point_ + "/acme/default");
    return std::distance(begin(all), end(all));
  };
  EXPECT_EQ(count(), 0);
  EXPECT_EQ(count(), 0);
  put_value("a", "x");
  EXPECT_TRUE(count() == 1);
  put_value("b/c", "x");
  EXPECT_TRUE(count() == 2);
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return remove(txn, collection_, "b/c"); }));
  EXPECT_TRUE(count() == 1);
}

TEST_F(MountTest, SharedMappingsAreWrittenBack) {
  spit(at("f"), std::string(10'000, 'a'));
  const int fd = open(at("f").c_str(), O_RDWR);
  ASSERT_GE(fd, 0);
  void* const mapped = mmap(nullptr, 10'000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  static_cast<char*>(mapped)[5000] = 'b';
  ASSERT_EQ(msync(mapped, 10'000, MS_SYNC), 0);
  munmap(mapped, 10'000);
  ASSERT_EQ(close(fd), 0);
  EXPECT_TRUE(soon([&] { return value_of("f")[5000] == 'b'; }));
}

TEST_F(MountTest, AMapSeesWhatAWriteOnlyDescriptorWrites) {
  spit(at("f"), "aaaa");
  const int reader = open(at("f").c_str(), O_RDONLY);
  const auto* const mapped = static_cast<const char*>(mmap(nullptr, 4, PROT_READ, MAP_SHARED, reader, 0));
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(mapped[1], 'a');
  const int writer = open(at("f").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(writer, "b", 1, 1), 1);
  EXPECT_EQ(mapped[1], 'b');
  close(writer);
  munmap(const_cast<char*>(mapped), 4);
  close(reader);
}

TEST_F(MountTest, ReadersAndWritersOfOneNameSeeNoOlderValueThanBefore) {
  put_value("n", "0");
  std::atomic<bool> done{false};
  std::atomic<int> newest{0};
  std::thread other_door([&] {
    for (int i = 1; i <= 300; i++) {
      put_value("n", std::to_string(i));
      newest = i;
      usleep(200);
    }
    done = true;
  });
  int last = 0;
  bool went_back = false;
  while (!done) {
    const int acknowledged = newest;
    const int now = std::atoi(slurp(at("n")).c_str());
    if (now < last || now < acknowledged) went_back = true;
    last = std::max(last, now);
  }
  other_door.join();
  EXPECT_FALSE(went_back);
  EXPECT_EQ(slurp(at("n")), "300");
}

TEST_F(MountTest, NotifyingWhileTheDirectoryIsBusyDoesNotDeadlock) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++)
    threads.emplace_back([&, t] {
      for (int i = 0; !stop; i++) {
        const std::string path = at("f" + std::to_string((i * 7 + t) % 20));
        if (i % 3 == 0) {
          const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
          if (fd < 0) {
            EXPECT_EQ(errno, ESTALE) << "removed after the kernel's lookup, and again when it had tried once more";
            continue;
          }
          EXPECT_EQ(::write(fd, "x", 1), 1) << strerror(errno);
          EXPECT_EQ(::close(fd), 0) << strerror(errno);
        }
        if (i % 3 == 1) ::unlink(path.c_str());
        if (i % 3 == 2) {
          struct stat st {};
          stat(path.c_str(), &st);
        }
      }
    });
  for (int i = 0; i < 3000; i++) {
    const std::string key = "f" + std::to_string(i % 20);
    if (i % 2 == 0)
      put_value(key, "y");
    else
      (void)store_->write([&](WriteTxn& txn) { return remove(txn, collection_, key); });
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(MountTest, WhatCouldNotBePublishedIsNotShownAnyMore) {
  spit(at("f"), "old");
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
    Settings settings;
    settings.quota_bytes = 1000;
    set_settings(txn, *find_tenant(txn, "acme"), settings);
    return {};
  }));
  const int fd = open(at("f").c_str(), O_RDWR);
  ASSERT_EQ(pwrite(fd, std::string(5000, 'x').data(), 5000, 0), 5000);
  EXPECT_NE(close(fd), 0);
  EXPECT_EQ(errno, EDQUOT);
  EXPECT_TRUE(soon([&] { return slurp(at("f")) == "old"; }));
  struct stat st {};
  EXPECT_TRUE(soon([&] { return stat(at("f").c_str(), &st) == 0 && st.st_size == 3; }));
}

TEST_F(MountTest, StoppingWithOpenFilesLosesNothing) {
  const int fd = open(at("f").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(write(fd, "staged", 6), 6);
  mount_->stop();
  EXPECT_EQ(value_of("f"), "staged");
  EXPECT_NE(close(fd), 1);
}

TEST_F(MountTest, AnUnmountFromOutsideEndsWait) {
  std::thread outside([&] { EXPECT_EQ(umount2(point_.c_str(), 0), 0); });
  mount_->wait();
  outside.join();
}

TEST_F(MountTest, ASecondMountOnTheSamePlaceIsRefusedWithAReason) {
  MountOptions options;
  options.mount_point = point_;
  const auto second = Mount::start(*store_, std::move(options));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
}

TEST_F(MountTest, AMissingMountPointIsRefusedWithAReason) {
  MountOptions options;
  options.mount_point = point_ + "/acme/default/absent";
  const auto missing = Mount::start(*store_, std::move(options));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
}

}  // namespace
}  // namespace kvfs

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (access("/dev/fuse", R_OK | W_OK) != 0) {
    std::puts("no /dev/fuse: skipped");
    return 77;
  }
  return RUN_ALL_TESTS();
}
