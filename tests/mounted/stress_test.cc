// Both doors at the same keys from several threads: no deadlock between a request and the invalidation it causes, and
// when all is quiet the doors agree.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

/// One thread's choice of keys, the same for the same seed.
class Choice {
 public:
  explicit Choice(unsigned seed) : random_(seed) {}
  size_t below(size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random_); }
  std::string key() { return "d" + std::to_string(below(3)) + "/k" + std::to_string(below(8)); }

 private:
  std::mt19937 random_;
};

class StressTest : public ::testing::Test {
 protected:
  static constexpr int kRounds = 600;

  void change_over_http(unsigned thread) {
    HttpClient http = kvfs.http();
    Choice choice(seed + thread);
    for (int i = 0; i < kRounds; ++i) {
      const std::string target = "/v1/default/" + choice.key();
      const int status =
          choice.below(3) == 0 ? http.del(target).status : http.put(target, "http " + std::to_string(i)).status;
      EXPECT_TRUE(status / 100 == 2 || status == 404 || status == 409) << status;
    }
  }
  // Names come and go under it: what is not there at the moment is no failure, anything else is.
  void change_in_mount(unsigned thread) {
    Choice choice(seed + thread);
    const std::vector<int> expected{0, ENOENT, ENOTDIR, EEXIST, ENOTEMPTY, ESTALE};
    const auto check = [&](const char* what, int error) {
      EXPECT_NE(std::find(expected.begin(), expected.end(), error), expected.end()) << what << ": " << error;
    };
    for (int i = 0; i < kRounds; ++i) {
      const std::string path = kvfs.at(choice.key());
      const std::string directory = path.substr(0, path.rfind('/'));
      switch (choice.below(6)) {
        case 0:
          check("unlink", ::unlink(path.c_str()) == 0 ? 0 : errno);
          break;
        case 1:
          check("rename", ::rename(path.c_str(), kvfs.at(choice.key()).c_str()) == 0 ? 0 : errno);
          break;
        case 2:
          check("read", try_read_file(path) ? 0 : errno);
          break;
        case 3:
          check("list", list_error(directory));
          break;
        case 4:
          check("mkdir", ::mkdir(directory.c_str(), 0755) == 0 ? 0 : errno);
          break;
        default:
          check("write", try_write_file(path, "file " + std::to_string(i)));
          break;
      }
    }
  }
  const unsigned seed = std::random_device{}();
  KvfsProcess kvfs;
};

TEST_F(StressTest, DoorsThatChangeTheSameKeysNeitherDeadlockNorDisagree) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  output_of("mkdir -p " + kvfs.at("d0") + " " + kvfs.at("d1"));
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2; ++i) {
    threads.emplace_back([this, i] { change_over_http(i); });
    threads.emplace_back([this, i] { change_in_mount(100 + i); });
  }
  for (std::thread& thread : threads) thread.join();

  HttpClient http = kvfs.http();
  for (int d = 0; d < 3; ++d) {
    for (int k = 0; k < 8; ++k) {
      const std::string key = "d" + std::to_string(d) + "/k" + std::to_string(k);
      const auto answer = http.get("/v1/default/" + key);
      EXPECT_EQ(try_read_file(kvfs.at(key)).value_or("absent"), answer.status == 200 ? answer.body : "absent") << key;
    }
  }
  const std::string before = output_of("find . -type f | sort | xargs -r md5sum", kvfs.at(""));
  kvfs.restart();
  EXPECT_EQ(output_of("find . -type f | sort | xargs -r md5sum", kvfs.at("")), before);
}

TEST_F(StressTest, ManyWritersInOneDirectoryLoseNothing) {
  output_of("mkdir -p " + kvfs.at("shared"));
  constexpr int kWriters = 16;
  constexpr int kFiles = 60;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([this, w] {
      for (int i = 0; i < kFiles; ++i) {
        const std::string name = std::to_string(w) + "-" + std::to_string(i);
        EXPECT_EQ(try_write_file(kvfs.at("shared/" + name), name), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(list_directory(kvfs.at("shared")).size(), static_cast<size_t>(kWriters * kFiles));
  for (int w = 0; w < kWriters; ++w) {
    const std::string name = std::to_string(w) + "-" + std::to_string(kFiles - 1);
    EXPECT_EQ(read_file(kvfs.at("shared/" + name)), name);
  }
}

TEST_F(StressTest, TailFollowsAFileThatHttpAppendsTo) {
  HttpClient http = kvfs.http();
  const auto append = [&](const std::string& line, bool partial) {
    const std::string body =
        R"({"key":"log","value":")" + line + R"(\n","partialUpdate":)" + (partial ? "true}" : "false}");
    EXPECT_EQ(http.request("POST", "/record", body, {{"Content-Type", "application/json"}}).status, 200);
  };
  append("one", false);
  const std::string seen = kvfs.scratch("seen");
  ChildProcess tail({"tail", "-n", "+1", "-s", "0.05", "-f", kvfs.at("log")}, clean_environment(), seen);
  EXPECT_TRUE(wait_until([&] { return try_read_file(seen).value_or("") == "one\n"; })) << *try_read_file(seen);
  append("two", true);
  EXPECT_TRUE(wait_until([&] { return try_read_file(seen).value_or("") == "one\ntwo\n"; })) << *try_read_file(seen);
  append("three", true);
  EXPECT_TRUE(wait_until([&] { return try_read_file(seen).value_or("") == "one\ntwo\nthree\n"; }))
      << *try_read_file(seen);
}

}  // namespace
}  // namespace kvfs::test
