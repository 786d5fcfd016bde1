// The doors agree at once: what one changes the other shows in its next answer, whole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

class CoherenceTest : public ::testing::Test {
 protected:
  void put(const std::string& key, const std::string& value) {
    const auto response = http.put("/v1/default/" + key, value);
    ASSERT_TRUE(response.status == 200 || response.status == 201 || response.status == 204)
        << response.status << " " << response.body;
  }
  std::string get(const std::string& key) { return http.get("/v1/default/" + key).body; }
  KvfsProcess kvfs;
  HttpClient http = kvfs.http();
};

TEST_F(CoherenceTest, AnOverwriteByHttpShowsInACachedFile) {
  for (int i = 0; i < 100; ++i) {
    const std::string value(static_cast<size_t>(i + 1), static_cast<char>('a' + i % 26));
    put("key", value);
    ASSERT_EQ(read_file(kvfs.at("key")), value) << i;   // fills the page cache
    ASSERT_EQ(stat_of(kvfs.at("key")).st_size, i + 1);  // and the attributes
    ASSERT_EQ(read_file(kvfs.at("key")), value);
  }
}

TEST_F(CoherenceTest, AnOverwriteOfTheSameSizeShowsInAFileThatStaysOpen) {
  put("key", "aaaa");
  const int fd = ::open(kvfs.at("key").c_str(), O_RDONLY);
  char bytes[4];
  for (const std::string value : {"bbbb", "cccc", "dddd"}) {
    put("key", value);
    ASSERT_EQ(::pread(fd, bytes, sizeof bytes, 0), 4);
    EXPECT_EQ(std::string(bytes, 4), value);
  }
  ::close(fd);
}

TEST_F(CoherenceTest, AKeyMadeByHttpShowsWhereAbsenceWasCached) {
  put("other", "x");
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_FALSE(exists(kvfs.at(key)));
    EXPECT_FALSE(exists(kvfs.at(key)));
    put(key, "here");
    ASSERT_EQ(try_read_file(kvfs.at(key)).value_or("absent"), "here");
  }
}

TEST_F(CoherenceTest, ADeletionByHttpShowsInCachedAttributesAndListings) {
  put("a", "1");
  put("b", "2");
  EXPECT_EQ(list_directory(kvfs.at("")), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(exists(kvfs.at("b")));
  const auto response = http.del("/v1/default/b");
  EXPECT_TRUE(response.status == 200 || response.status == 204) << response.status;
  EXPECT_FALSE(exists(kvfs.at("b")));
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{"a"});
}

TEST_F(CoherenceTest, ACachedListingShowsKeysMadeByHttp) {
  put("d/a", "1");
  EXPECT_EQ(list_directory(kvfs.at("d")), std::vector<std::string>{"a"});
  EXPECT_EQ(list_directory(kvfs.at("d")), std::vector<std::string>{"a"});
  put("d/b", "2");
  EXPECT_EQ(list_directory(kvfs.at("d")), (std::vector<std::string>{"a", "b"}));
  put("d/e/f", "3");
  EXPECT_EQ(list_directory(kvfs.at("d")), (std::vector<std::string>{"a", "b", "e"}));
  EXPECT_EQ(list_directory(kvfs.at("d/e")), std::vector<std::string>{"f"});
}

TEST_F(CoherenceTest, DirectoriesThatKeysMadeGoAwayWithTheLastKey) {
  put("x/y/z", "1");
  EXPECT_TRUE(exists(kvfs.at("x/y")));
  http.del("/v1/default/x/y/z");
  EXPECT_FALSE(exists(kvfs.at("x/y")));
  EXPECT_FALSE(exists(kvfs.at("x")));
}

TEST_F(CoherenceTest, DirectoriesMadeByMkdirStay) {
  put("first", "1");
  make_directory(kvfs.at("kept"));
  put("kept/key", "1");
  http.del("/v1/default/kept/key");
  EXPECT_TRUE(exists(kvfs.at("kept")));
}

TEST_F(CoherenceTest, ChangesThroughTheMountShowOverHttpAtOnce) {
  put("key", "by http");
  for (int i = 0; i < 100; ++i) {
    const std::string value = "by file " + std::to_string(i);
    write_file(kvfs.at("key"), value);
    ASSERT_EQ(get("key"), value);
  }
  ASSERT_EQ(::rename(kvfs.at("key").c_str(), kvfs.at("renamed").c_str()), 0);
  EXPECT_EQ(http.get("/v1/default/key").status, 404);
  EXPECT_EQ(get("renamed"), "by file 99");
  ASSERT_EQ(::unlink(kvfs.at("renamed").c_str()), 0);
  EXPECT_EQ(http.get("/v1/default/renamed").status, 404);
}

TEST_F(CoherenceTest, AWriteThroughTheMountChangesTheEtag) {
  put("key", "1");
  const std::string before = http.get("/v1/default/key").headers["etag"];
  EXPECT_FALSE(before.empty());
  write_file(kvfs.at("key"), "2");
  EXPECT_NE(http.get("/v1/default/key").headers["etag"], before);
}

TEST_F(CoherenceTest, AWriteByHttpSetsTheModificationTime) {
  put("key", "1");
  const auto before = mtime_ns(stat_of(kvfs.at("key")));
  put("key", "2");
  EXPECT_GT(mtime_ns(stat_of(kvfs.at("key"))), before);
}

TEST_F(CoherenceTest, UnpublishedBytesAreNotVisibleOverHttp) {
  put("key", "old");
  const int fd = ::open(kvfs.at("key").c_str(), O_WRONLY | O_TRUNC);
  ASSERT_EQ(::write(fd, "half", 4), 4);
  EXPECT_EQ(get("key"), "old");
  ASSERT_EQ(::write(fd, " and the rest", 13), 13);
  ASSERT_EQ(::close(fd), 0);
  EXPECT_EQ(get("key"), "half and the rest");
}

// Values are one letter repeated, so that a torn one shows; each is larger than a row holds.
TEST_F(CoherenceTest, AReaderAtTheOtherDoorSeesWholeValuesOnly) {
  constexpr size_t kBytes = 200'000;
  const auto whole = [](const std::string& value) {
    return value.size() == kBytes && value.find_first_not_of(value[0]) == std::string::npos;
  };
  put("by_file", std::string(kBytes, 'a'));
  put("by_http", std::string(kBytes, 'a'));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    HttpClient client = kvfs.http();
    for (int i = 0; i < 60; ++i) {
      const std::string value(kBytes, static_cast<char>('a' + i % 26));
      write_file(kvfs.at("by_file"), value);
      client.put("/v1/default/by_http", value);
    }
    done = true;
  });
  int torn = 0;
  int rounds = 0;
  while (!done) {
    if (!whole(get("by_file"))) ++torn;
    ++rounds;
  }
  writer.join();
  EXPECT_EQ(torn, 0) << "of " << rounds;
  EXPECT_TRUE(whole(read_file(kvfs.at("by_http"))));
}

TEST_F(CoherenceTest, AFileReaderNeverSeesHalfOfAValueThatHttpReplaces) {
  constexpr size_t kBytes = 4'000;  // one page, which a reader copies at once
  put("key", std::string(kBytes, 'a'));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    HttpClient client = kvfs.http();
    for (int i = 0; i < 400; ++i) client.put("/v1/default/key", std::string(kBytes, static_cast<char>('a' + i % 26)));
    done = true;
  });
  int torn = 0;
  while (!done) {
    const std::string value = read_file(kvfs.at("key"));
    if (value.size() != kBytes || value.find_first_not_of(value[0]) != std::string::npos) ++torn;
  }
  writer.join();
  EXPECT_EQ(torn, 0);
}

// The kernel takes a file's size and its bytes at two moments; a value of another size in between must not show as half
// of it. Values say how long they are; those of rows and those of chunks take turns.
TEST_F(CoherenceTest, AFileReaderSeesWholeValuesAlsoWhenTheirSizesChange) {
  const auto value_of = [](size_t bytes) {
    std::string value = std::to_string(bytes) + ":";
    value.resize(bytes, static_cast<char>('a' + bytes % 26));
    return value;
  };
  put("key", value_of(10));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    HttpClient client = kvfs.http();
    std::mt19937 random(1);
    for (int i = 0; i < 1'500; ++i)
      client.put("/v1/default/key", value_of(10 + random() % (i % 8 == 0 ? 300'000 : 6'000)));
    done = true;
  });
  int torn = 0;
  int rounds = 0;
  for (std::string value; !done; ++rounds) {
    value = read_file(kvfs.at("key"));
    if (value != value_of(std::stoul(value))) ++torn;
  }
  writer.join();
  EXPECT_EQ(torn, 0) << "of " << rounds;
}

TEST_F(CoherenceTest, AValueThatAnotherDoorHasJustWrittenCanBeMapped) {
  put("key", "before");
  EXPECT_EQ(read_file(kvfs.at("key")), "before");
  put("key", "mapped");
  const int fd = ::open(kvfs.at("key").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  for (const int kind : {MAP_PRIVATE, MAP_SHARED}) {
    void* const memory = ::mmap(nullptr, 6, PROT_READ, kind, fd, 0);
    ASSERT_NE(memory, MAP_FAILED) << std::strerror(errno);
    EXPECT_EQ(std::string(static_cast<const char*>(memory), 6), "mapped");
    ::munmap(memory, 6);
  }
  ::close(fd);
}

// Counters only grow: a reader at the other door must never see one go back. All have the same number of digits: the
// kernel takes a file's size and its bytes at two moments.
TEST_F(CoherenceTest, NobodyReadsAnOlderValueThanOneAlreadySeen) {
  constexpr int kFirst = 100'000;
  put("counter", std::to_string(kFirst));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    HttpClient client = kvfs.http();
    for (int i = 1; i <= 500; ++i) client.put("/v1/default/counter", std::to_string(kFirst + i));
    done = true;
  });
  int last = 0;
  while (!done) {
    for (const std::string& value : {read_file(kvfs.at("counter")), get("counter")}) {
      EXPECT_GE(std::stoi(value), last);
      last = std::stoi(value);
    }
  }
  writer.join();
  EXPECT_EQ(read_file(kvfs.at("counter")), std::to_string(kFirst + 500));
}

}  // namespace
}  // namespace kvfs::test
