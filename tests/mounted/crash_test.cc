// kill -9 in the middle of writes from both doors: after a restart everything acknowledged is there, nothing is torn.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/mounts.h"

namespace kvfs::test {
namespace {

/// What one writer was told about one key. Values are written in the order of their numbers.
struct Acknowledged {
  int attempted = 0;
  int acknowledged = 0;
};

/// The number, filled up to a size that depends on it: small values, chunked ones, and both sides of the limit.
std::string value_of(int number) {
  static constexpr size_t kSizes[] = {12, 300, 8'192, 8'193, 20'000, 65'537, 150'000};
  std::string text = std::to_string(number) + ":";
  text.resize(kSizes[static_cast<size_t>(number) % 7], static_cast<char>('a' + number % 26));
  return text;
}

/// The number a value was made from; -1 for one that is torn.
int number_of(const std::string& value) {
  const int number = std::atoi(value.c_str());
  return value == value_of(number) ? number : -1;
}

class Writer {
 public:
  static constexpr int kKeys = 20;

  /// Writes until it is told nothing more.
  template <class Store>
  void run(Store&& store) {
    for (int i = 1;; ++i) {
      Acknowledged& key = keys_[static_cast<size_t>(i) % kKeys];
      key.attempted = i;
      if (!store(static_cast<size_t>(i) % kKeys, value_of(i))) return;
      key.acknowledged = i;
      ++count_;
    }
  }
  int count() const { return count_; }
  const Acknowledged& key(size_t index) const { return keys_[index]; }

 private:
  Acknowledged keys_[kKeys];
  std::atomic<int> count_{0};
};

bool store_by_http(HttpClient& http, const std::string& key, const std::string& value) {
  try {
    return http.put("/v1/default/" + key, value).status / 100 == 2;
  } catch (const std::runtime_error&) {
    return false;
  }
}

bool store_by_rename(const std::string& path, const std::string& value) {
  return try_write_file(path + ".new", value) == 0 && ::rename((path + ".new").c_str(), path.c_str()) == 0;
}

std::string key_name(const char* writer, size_t index) { return std::string(writer) + std::to_string(index); }

void expect_acknowledged(const Writer& writer, const char* name,
                         const std::function<std::string(const std::string&)>& load) {
  for (size_t i = 0; i < Writer::kKeys; ++i) {
    const Acknowledged& key = writer.key(i);
    if (key.acknowledged == 0) continue;
    const int found = number_of(load(key_name(name, i)));
    EXPECT_NE(found, -1) << name << i << " is torn";
    EXPECT_TRUE(found == key.acknowledged || found == key.attempted)
        << name << i << " holds " << found << ", acknowledged " << key.acknowledged << ", attempted " << key.attempted;
  }
}

class CrashTest : public ::testing::TestWithParam<const char*> {
 protected:
  static KvfsOptions options() {
    KvfsOptions options;
    options.environment["KVFS_STORE_FSYNC"] = GetParam();
    return options;
  }
  KvfsProcess kvfs{options()};
};

/// KVFS_TEST_ROUNDS makes a long run: so many times it is killed.
int rounds_of_run() {
  constexpr int kRounds = 5;
  const char* const given = std::getenv("KVFS_TEST_ROUNDS");
  return given != nullptr ? std::atoi(given) : kRounds;
}

TEST_P(CrashTest, EverythingAcknowledgedAtBothDoorsSurvivesKill9) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  output_of("mkdir -p " + kvfs.at(""));
  for (int round = 0; round < rounds_of_run(); ++round) {
    Writer by_http, by_file, by_rename;
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      HttpClient http = kvfs.http();
      by_http.run(
          [&](size_t key, const std::string& value) { return store_by_http(http, key_name("http", key), value); });
    });
    threads.emplace_back([&] {
      by_file.run([&](size_t key, const std::string& value) {
        return try_write_file(kvfs.at(key_name("file", key)), value) == 0;
      });
    });
    threads.emplace_back([&] {
      by_rename.run([&](size_t key, const std::string& value) {
        return store_by_rename(kvfs.at(key_name("rename", key)), value);
      });
    });
    const int enough = std::uniform_int_distribution<>(30, 300)(random);
    wait_until([&] { return by_http.count() > enough && by_file.count() > enough && by_rename.count() > enough / 2; });
    kvfs.kill();
    for (std::thread& thread : threads) thread.join();

    EXPECT_TRUE(has_lost_its_daemon(kvfs.at("")));
    kvfs.start();
    EXPECT_EQ(mounts_below(kvfs.mount_point()).size(), 1U) << "the stale mount is still there";
    HttpClient http = kvfs.http();
    const auto from_mount = [&](const std::string& key) { return try_read_file(kvfs.at(key)).value_or("absent"); };
    const auto from_http = [&](const std::string& key) { return http.get("/v1/default/" + key).body; };
    for (const auto& load : {std::function<std::string(const std::string&)>(from_mount),
                             std::function<std::string(const std::string&)>(from_http)}) {
      expect_acknowledged(by_http, "http", load);
      expect_acknowledged(by_file, "file", load);
      expect_acknowledged(by_rename, "rename", load);
    }
    output_of("rm -rf " + kvfs.at("") + "/*");
  }
}

TEST_P(CrashTest, ABatchIsThereWhollyOrNotAtAll) {
  output_of("mkdir -p " + kvfs.at(""));
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> acknowledged{0};
    std::thread writer([&] {
      HttpClient http = kvfs.http();
      for (int i = 1;; ++i) {
        std::string body = "{";
        for (int k = 0; k < 50; ++k)
          body += (k == 0 ? "\"" : ",\"") + ("k" + std::to_string(k)) + "\":\"" + std::to_string(i) + "\"";
        try {
          if (http.request("POST", "/bulk", body + "}", {{"Content-Type", "application/json"}}).status / 100 != 2)
            return;
        } catch (const std::runtime_error&) {
          return;
        }
        acknowledged = i;
      }
    });
    wait_until([&] { return acknowledged > 20 + 13 * round; });
    kvfs.kill();
    writer.join();
    kvfs.start();
    const std::string first = read_file(kvfs.at("k0"));
    EXPECT_GE(std::stoi(first), acknowledged);
    for (int k = 1; k < 50; ++k) ASSERT_EQ(read_file(kvfs.at("k" + std::to_string(k))), first);
  }
}

TEST_P(CrashTest, BytesThatFsyncAcknowledgedSurviveWhileTheFileIsStillOpen) {
  output_of("mkdir -p " + kvfs.at(""));
  const std::string data = random_bytes(100'000, 5);
  const int fd = ::open(kvfs.at("f").c_str(), O_CREAT | O_WRONLY, 0644);
  ASSERT_EQ(::write(fd, data.data(), data.size()), static_cast<ssize_t>(data.size()));
  ASSERT_EQ(::fsync(fd), 0);
  ASSERT_EQ(::write(fd, "never acknowledged", 18), 18);
  kvfs.kill();
  ::close(fd);
  kvfs.start();
  EXPECT_TRUE(read_file(kvfs.at("f")) == data);
}

TEST_P(CrashTest, FilesThatWereRemovedWhileOpenLeaveNothingBehind) {
  output_of("mkdir -p " + kvfs.at(""));
  write_file(kvfs.at("f"), random_bytes(1'000'000, 6));
  const int fd = ::open(kvfs.at("f").c_str(), O_RDONLY);
  ASSERT_EQ(::unlink(kvfs.at("f").c_str()), 0);
  kvfs.kill();
  ::close(fd);
  kvfs.start();
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{});
}

std::string policy_name(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

INSTANTIATE_TEST_SUITE_P(Fsync, CrashTest, ::testing::Values("default", "strict"), policy_name);

}  // namespace
}  // namespace kvfs::test
