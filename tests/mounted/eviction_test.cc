// A tenant as a cache: its limits hold at every door, and what goes is gone from the mount, the kernel's caches
// included.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/wait.h"

namespace kvfs::test {
namespace {

KvfsOptions cache_of(int keys, const std::string& policy) {
  KvfsOptions options;
  options.ini = "[tenant default]\nmax_keys = " + std::to_string(keys) + "\neviction_policy = " + policy + "\n";
  return options;
}

TEST(MountedEviction, WhatGoesBecauseOfAnotherDoorIsGoneFromTheMount) {
  KvfsProcess kvfs(cache_of(3, "allkeys-lru"));
  HttpClient http = kvfs.http();
  for (const char* key : {"a", "b", "c"}) ASSERT_EQ(http.put("/v1/default/" + std::string(key), "1").status, 201);
  for (const char* key : {"a", "b", "c"}) ASSERT_EQ(read_file(kvfs.at(key)), "1");  // now the kernel knows them
  ASSERT_EQ(http.put("/v1/default/d", "1").status, 201);
  // Which one goes is not promised of keys that were used at about the same time.
  int gone = 0;
  for (const std::string key : {"a", "b", "c", "d"}) {
    const bool kept = http.get("/v1/default/" + key).status == 200;
    EXPECT_TRUE(wait_until([&] { return exists(kvfs.at(key)) == kept; })) << key;
    gone += kept ? 0 : 1;
  }
  EXPECT_EQ(gone, 1);
}

TEST(MountedEviction, FilesMadeInTheMountPushOutOthersOfTheirOwnDirectory) {
  KvfsProcess kvfs(cache_of(16, "allkeys-lru"));
  output_of("mkdir -p " + kvfs.at(""));
  std::vector<std::thread> writers;
  std::atomic<int> failed{0};
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 50; ++i) {
        const int fd = ::open(kvfs.at("f" + std::to_string(writer) + "_" + std::to_string(i)).c_str(),
                              O_CREAT | O_WRONLY | O_TRUNC, 0644);
        if (fd < 0 || ::write(fd, "x", 1) != 1) ++failed;
        if (fd >= 0 && ::close(fd) != 0) ++failed;
      }
    });
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failed.load(), 0);
  struct statvfs st {};
  ASSERT_EQ(::statvfs(kvfs.in_mount("default").c_str(), &st), 0);
  EXPECT_EQ(st.f_files, 16U);
  EXPECT_LE(st.f_ffree, 16U);
}

TEST(MountedEviction, AnOpenFileStays) {
  KvfsProcess kvfs(cache_of(2, "allkeys-random"));
  HttpClient http = kvfs.http();
  ASSERT_EQ(http.put("/v1/default/open", "1").status, 201);
  const int fd = ::open(kvfs.at("open").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(http.put("/v1/default/k" + std::to_string(i), "1").status, 201);
  EXPECT_EQ(http.get("/v1/default/open").status, 200);
  ::close(fd);
}

TEST(MountedEviction, WithoutAPolicyEveryDoorRefuses) {
  KvfsProcess kvfs(cache_of(1, "noeviction"));
  HttpClient http = kvfs.http();
  ASSERT_EQ(http.put("/v1/default/a", "1").status, 201);
  EXPECT_EQ(http.put("/v1/default/b", "1").status, 507);
  EXPECT_EQ(::open(kvfs.at("c").c_str(), O_CREAT | O_WRONLY, 0644), -1);
  EXPECT_EQ(errno, EDQUOT);
}

}  // namespace
}  // namespace kvfs::test
