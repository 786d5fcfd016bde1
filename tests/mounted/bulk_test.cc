// Much at once: a whole tree of files, a hundred thousand keys, a gigabyte; with bounded memory.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMemoryMax = 256 * kMiB;

/// Its memory does not depend on how far a busy machine lets checkpoints fall behind: recent changes take 8 x 16 MiB at
/// most, the pages of a checkpoint 40 MiB.
KvfsOptions small_memory() {
  KvfsOptions options;
  options.environment = {{"KVFS_STORE_MEMTABLE_SIZE_MAX", "16M"}, {"KVFS_STORE_CHECKPOINT_PAGES_MAX", "10000"}};
  return options;
}

// Nanoseconds are in the newer format only; access times are not compared.
const std::string kTar =
    "tar c --format=posix --pax-option=delete=atime,delete=ctime,exthdr.name=%f --sort=name --numeric-owner . ";

// A listing of everything a copy must keep: type, mode, size, time to the nanosecond, link target, name.
const std::string kListing = R"(find . \( -type f -printf '%y %m %s %T@ %p\n' -o -type l -printf '%y %T@ %l %p\n' )"
                             R"(-o -printf '%y %m %T@ %p\n' \) | sort)";

class TreeCopyTest : public ::testing::Test {
 protected:
  // The copy, read back by three programs, equals the source.
  void expect_equal() {
    EXPECT_EQ(shell("diff -r --no-dereference " + source + " " + copy).out, "");
    EXPECT_EQ(output_of("rsync -ain " + source + "/ " + copy + "/"), "");
    EXPECT_EQ(output_of(kTar + "| sha256sum", copy), source_archive);
    EXPECT_EQ(output_of(kListing + " | sha256sum", copy), source_listing);
  }
  KvfsProcess kvfs{small_memory()};
  const std::string source = "/usr/include";
  const std::string copy = kvfs.in_mount("default/include");
  std::string source_archive;
  std::string source_listing;
};

TEST_F(TreeCopyTest, RsyncOfUsrIncludeIsExactAndStaysSoAfterARestart) {
  ASSERT_GT(std::stoi(output_of("find " + source + " -type f | wc -l")), 1000) << "libc6-dev is missing";
  source_archive = output_of(kTar + "| sha256sum", source);
  source_listing = output_of(kListing + " | sha256sum", source);
  output_of("rsync -a " + source + "/ " + copy + "/");
  expect_equal();
  EXPECT_LT(kvfs.memory().own_peak_bytes(), kMemoryMax);
  ASSERT_EQ(kvfs.stop(), 0);
  kvfs.start();
  expect_equal();

  const std::string back = kvfs.scratch("back");
  output_of("mkdir " + back + "; " + kTar + "| tar x -p -C " + back, copy);
  EXPECT_EQ(output_of(kListing + " | sha256sum", back), source_listing);
  output_of("rm -rf " + copy);
  EXPECT_FALSE(exists(copy));
}

class ManyKeysTest : public ::testing::Test {
 protected:
  static constexpr int kKeys = 100'000;

  // One half by batches over HTTP, the other by files.
  void make_keys() {
    HttpClient http = kvfs.http();
    constexpr int kBatch = 5'000;
    for (int first = 0; first < kKeys / 2; first += kBatch) {
      std::string body = R"({"items":[)";
      for (int i = first; i < first + kBatch; ++i) {
        if (i != first) body += ",";
        body += R"({"key":"key)" + std::to_string(1'000'000 + i) + R"(","value":"value )" + std::to_string(i) + R"("})";
      }
      const auto answer =
          http.request("POST", "/batch?collection=many", body + "]}", {{"Content-Type", "application/json"}});
      ASSERT_EQ(answer.status, 200) << answer.body;
    }
    for (int i = kKeys / 2; i < kKeys; ++i) {
      write_file(directory + "/key" + std::to_string(1'000'000 + i), "value " + std::to_string(i));
    }
  }
  KvfsProcess kvfs{small_memory()};
  const std::string directory = kvfs.in_mount("default/many");
};

TEST_F(ManyKeysTest, AHundredThousandInOneCollectionAreListedFoundAndRemovedInBoundedMemory) {
  make_keys();
  const std::string all = std::to_string(kKeys);
  EXPECT_EQ(output_of("ls | wc -l", directory), all);
  EXPECT_EQ(output_of("ls -U | sort -u | wc -l", directory), all);  // nothing twice
  EXPECT_EQ(output_of("find . -type f -size -20c | wc -l", directory), all);
  EXPECT_EQ(output_of("ls -l | tail -n +2 | wc -l", directory), all);
  EXPECT_EQ(read_file(directory + "/key1000042"), "value 42");
  EXPECT_EQ(kvfs.http().get("/get?key=key1099999&collection=many").body, "value 99999");
  EXPECT_LT(kvfs.memory().own_peak_bytes(), kMemoryMax);

  kvfs.restart();
  EXPECT_EQ(output_of("ls | wc -l", directory), all);
  output_of("rm -rf " + directory);
  EXPECT_FALSE(exists(directory));
  EXPECT_EQ(kvfs.http().get("/get?key=key1000042&collection=many").status, 404);
  EXPECT_LT(kvfs.memory().own_peak_bytes(), kMemoryMax);
}

TEST_F(ManyKeysTest, RemovingWhileReadingSkipsNothingAlsoWhenTheKernelLosesItsCopyOfTheListing) {
  constexpr int kFiles = 8'000;
  output_of("mkdir -p " + kvfs.at("d"));
  for (int i = 0; i < kFiles; ++i) write_file(kvfs.at("d/file-" + std::to_string(i)), "");
  list_directory(kvfs.at("d"));
  list_directory(kvfs.at("d"));  // the kernel keeps this one
  DIR* const reader = ::opendir(kvfs.at("d").c_str());
  ASSERT_NE(reader, nullptr);
  int removed = 0;
  while (const dirent* entry = ::readdir(reader)) {
    if (entry->d_name[0] == '.') continue;
    if (::unlinkat(::dirfd(reader), entry->d_name, 0) == 0) ++removed;
    if (removed == 3'000) std::ofstream("/proc/sys/vm/drop_caches") << "1\n";
  }
  ::closedir(reader);
  EXPECT_EQ(removed, kFiles);
}

TEST_F(ManyKeysTest, KeysAddedAndRemovedWhileADirectoryIsReadDisturbNoOthers) {
  HttpClient http = kvfs.http();
  for (int i = 0; i < 3'000; ++i) http.put("/v1/many/stay" + std::to_string(i), "x");
  for (int round = 0; round < 5; ++round) {
    const std::string change = "for i in $(seq 300); do echo x > come$i; done; rm -f come*";
    EXPECT_EQ(output_of("(" + change + ") & ls -U | grep -c '^stay'; ls -U | grep '^stay' | sort -u | wc -l; wait",
                        directory),
              "3000\n3000");
  }
}

/// What a directory costs the daemon, in ways that a busy machine does not disturb: requests, and its processor time.
class GrowthTest : public ::testing::Test {
 protected:
  struct Cost {
    double requests = 0;
    double cpu_s = 0;
  };
  double requests() const {
    return std::stod(output_of("awk '/^kvfs_request_duration_seconds_count.*fuse/ {n += $NF} END {print n + 0}' " +
                               kvfs.in_mount(".kvfs/metrics")));
  }
  double cpu_s() const {
    return std::stod(output_of("awk '{print ($14 + $15) / " + std::to_string(::sysconf(_SC_CLK_TCK)) + "}' /proc/" +
                               std::to_string(kvfs.pid()) + "/stat"));
  }
  /// Of one entry of so many, in each of what people do with a directory.
  std::map<std::string, Cost> costs_of(int entries) {
    const std::string directory = kvfs.at("d" + std::to_string(entries));
    std::map<std::string, Cost> costs;
    const auto measure = [&](const std::string& what, const std::function<void()>& body) {
      const double requests_before = requests();
      const double cpu_before = cpu_s();
      body();
      costs[what] = {(requests() - requests_before) / entries, (cpu_s() - cpu_before) / entries};
    };
    const auto forget = [] { std::ofstream("/proc/sys/vm/drop_caches") << "2\n"; };
    const auto listed = [&](bool attributes) {
      int found = 0;
      for (const auto& entry : std::filesystem::directory_iterator(directory))
        found += attributes ? static_cast<int>(stat_of(entry.path()).st_nlink) : 1;
      EXPECT_EQ(found, entries);
    };
    make_directory(directory);
    measure("make", [&] {
      for (int i = 0; i < entries; ++i) write_file(directory + "/name-" + std::to_string(i), "x");
    });
    measure("list", [&] { listed(false); });
    forget();
    measure("list, cold", [&] { listed(false); });
    forget();
    measure("stat, cold", [&] { listed(true); });
    measure("remove while listing", [&] {
      for (const auto& entry : std::filesystem::directory_iterator(directory))
        EXPECT_EQ(::unlink(entry.path().c_str()), 0);
      EXPECT_EQ(::rmdir(directory.c_str()), 0);
    });
    return costs;
  }
  KvfsProcess kvfs{small_memory()};
};

TEST_F(GrowthTest, WhatAnEntryCostsDoesNotGrowWithItsDirectory) {
  output_of("mkdir -p " + kvfs.at(""));
  auto few = costs_of(4'000);
  for (const auto& [what, cost] : costs_of(20'000)) {
    EXPECT_LT(cost.requests, few[what].requests * 1.5 + 0.1) << what;
    // A fourth of what quadratic work would make of it, and slack for checkpoints and the clock's ticks.
    EXPECT_LT(cost.cpu_s, few[what].cpu_s * 2.5 + 20e-6) << what;
  }
  EXPECT_LT(kvfs.memory().own_peak_bytes(), kMemoryMax);
}

class LargeFileTest : public ::testing::Test {
 protected:
  KvfsProcess kvfs{small_memory()};
};

TEST_F(LargeFileTest, AGigabyteCopiedInAndOutComparesEqualInBoundedMemory) {
  output_of("mkdir -p " + kvfs.at(""));
  const std::string source = kvfs.scratch("source");
  // 1 GiB that neither compresses nor repeats: a cipher's key stream
  output_of("head -c 1G /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 > " + source + " 2>/dev/null");
  output_of("cp " + source + " " + kvfs.at("large"));
  EXPECT_EQ(stat_of(kvfs.at("large")).st_size, off_t{1} << 30);
  output_of("echo 2 > /proc/sys/vm/drop_caches; cmp " + source + " " + kvfs.at("large"));
  EXPECT_LT(kvfs.memory().own_peak_bytes(), kMemoryMax);

  output_of("curl -sSf -o " + kvfs.scratch("out") + " " + kvfs.url("/v1/default/large") + " && cmp " + source + " " +
            kvfs.scratch("out"));
  output_of("rm " + kvfs.scratch("out") + "; curl -sSf -T " + source + " " + kvfs.url("/v1/default/uploaded"));
  output_of("cmp " + source + " " + kvfs.at("uploaded"));
  EXPECT_LT(kvfs.memory().own_peak_bytes(), kMemoryMax);

  kvfs.restart();
  output_of("cp " + kvfs.at("large") + " " + kvfs.scratch("out") + " && cmp " + source + " " + kvfs.scratch("out"));
  output_of("rm " + kvfs.at("large") + " " + kvfs.at("uploaded"));
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{});
}

}  // namespace
}  // namespace kvfs::test
