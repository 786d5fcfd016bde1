// Much at once: a whole tree of files, a hundred thousand keys, a gigabyte; with bounded memory.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMemoryMax = 256 * kMiB;

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
  KvfsProcess kvfs;
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
  KvfsProcess kvfs;
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

class LargeFileTest : public ::testing::Test {
 protected:
  KvfsProcess kvfs;
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
