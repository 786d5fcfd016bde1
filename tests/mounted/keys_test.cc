// Any key a client can send is stored, listed and read back at both doors; its file name follows docs/semantics.md.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

struct OddKey {
  std::string key;
  std::string path;  // in the mount
};

std::string utf8_of_255_bytes() {
  std::string key;
  for (int i = 0; i < 85; ++i) key += i % 2 == 0 ? "\xE4\xB8\xAD" : "\xE6\x96\x87";  // three bytes each
  return key;
}

const std::vector<OddKey> kOddKeys = {
    {"http://example.com", "http:/%:/example.com/%:value"},  // also a directory, because of the next one
    {"http://example.com/x", "http:/%:/example.com/x"},
    {"user:1001", "user:1001"},
    {"a/../b", "a/%:../b"},
    {utf8_of_255_bytes(), utf8_of_255_bytes()},
    {".", "%:."},
    {"..", "%:.."},
    {std::string("nul\0inside", 10), "%:nul%00inside"},
    {"%:percent", "%:%25%3Apercent"},
    {"%3A plain percent", "%3A plain percent"},
    {"trailing/", "trailing/%:"},
    {"/leading", "%:/leading"},
    {"line\nbreak", "line\nbreak"},
    {"\xFF\xFE not utf-8", "\xFF\xFE not utf-8"},
    {".kvfs", ".kvfs"},
    {"sp ace", "sp ace"},
    {"q?u=e#r&y+", "q?u=e#r&y+"},
    {"back\\slash'\"", "back\\slash'\""},
};

class KeysTest : public ::testing::Test {
 protected:
  static std::string target(const std::string& key) { return "/v1/default/" + percent_encoded(key); }
  KvfsProcess kvfs;
  HttpClient http = kvfs.http();
};

TEST_F(KeysTest, OddKeysWrittenOverHttpAreFilesAndAreReadBackAtBothDoors) {
  for (const OddKey& odd : kOddKeys) {
    const auto stored = http.put(target(odd.key), "value of " + odd.key);
    EXPECT_EQ(stored.status / 100, 2) << odd.key << ": " << stored.body;
  }
  for (int round = 0; round < 2; ++round) {
    for (const OddKey& odd : kOddKeys) {
      EXPECT_EQ(http.get(target(odd.key)).body, "value of " + odd.key);
      EXPECT_EQ(try_read_file(kvfs.at(odd.path)).value_or("absent"), "value of " + odd.key) << odd.path;
    }
    kvfs.restart();
    http = kvfs.http();
  }
}

TEST_F(KeysTest, TheirFilesAreListed) {
  for (const OddKey& odd : kOddKeys) http.put(target(odd.key), "x");
  const std::string found = output_of("find . -type f -printf '%P\\0' | sort -z", kvfs.at(""));
  for (const OddKey& odd : kOddKeys) {
    EXPECT_NE(('\0' + found).find('\0' + odd.path + '\0'), std::string::npos) << odd.path;
  }
  EXPECT_EQ(static_cast<size_t>(std::count(found.begin(), found.end(), '\0')), kOddKeys.size());
}

TEST_F(KeysTest, TheyAreListedOverHttp) {
  for (const OddKey& odd : kOddKeys) http.put(target(odd.key), "x");
  const std::string listing = http.get("/v1/default").body;
  for (const char* key :
       {"\"http://example.com\"", "\"http://example.com/x\"", "\"user:1001\"", "\"a/../b\"", "\".\"", "\"..\""}) {
    EXPECT_NE(listing.find(key), std::string::npos) << key << " in " << listing;
  }
}

TEST_F(KeysTest, FilesWrittenByThoseNamesAreTheKeys) {
  http.put("/v1/default/http%3A%2F%2Fexample.com%2Fx", "makes the directories");
  for (const OddKey& odd : kOddKeys) {
    const size_t slash = odd.path.rfind('/');
    if (slash != std::string::npos) output_of("mkdir -p " + quoted(kvfs.at(odd.path.substr(0, slash))));
    ASSERT_EQ(try_write_file(kvfs.at(odd.path), "file of " + odd.key), 0) << odd.path;
    EXPECT_EQ(http.get(target(odd.key)).body, "file of " + odd.key);
  }
}

TEST_F(KeysTest, DeletionAtEitherDoorRemovesThemAtBoth) {
  bool by_file = false;
  for (const OddKey& odd : kOddKeys) {
    ASSERT_EQ(http.put(target(odd.key), "x").status / 100, 2);
    ASSERT_EQ(http.get(target(odd.key)).status, 200);
    // without the other keys, this one is a plain file
    std::string path = odd.path;
    if (const size_t own = path.rfind("/%:value"); own != std::string::npos) path.resize(own);
    ASSERT_TRUE(exists(kvfs.at(path))) << path;
    by_file = !by_file;
    if (by_file) {
      EXPECT_EQ(::unlink(kvfs.at(path).c_str()), 0) << path;
    } else {
      EXPECT_EQ(http.del(target(odd.key)).status / 100, 2);
    }
    EXPECT_EQ(http.get(target(odd.key)).status, 404);
    EXPECT_FALSE(exists(kvfs.at(path))) << path;
  }
  // a directory stays when its last file is removed through the mount, so that rm -r may remove it
  EXPECT_EQ(output_of("find . -type f | wc -l; rm -r ./*; ls -A | wc -l", kvfs.at("")), "0\n0");
}

TEST_F(KeysTest, AFileNameThatEncodesNothingIsRefused) {
  http.put("/v1/default/x", "makes the collection");
  for (const char* name : {"%:plain", "%:%2", "%:%zz", "%:%2E", "%:%41"}) {
    EXPECT_EQ(try_write_file(kvfs.at(name), "x"), EINVAL) << name;
  }
}

TEST_F(KeysTest, AValueWhoseNameBecomesADirectoryStaysReachable) {
  http.put("/v1/default/a", "value");
  EXPECT_EQ(read_file(kvfs.at("a")), "value");
  http.put("/v1/default/a/b", "below");
  EXPECT_EQ(read_file(kvfs.at("a/%:value")), "value");
  EXPECT_EQ(read_file(kvfs.at("a/b")), "below");
  EXPECT_EQ(list_directory(kvfs.at("a")), (std::vector<std::string>{"%:value", "b"}));
  write_file(kvfs.at("a/%:value"), "changed");
  EXPECT_EQ(http.get("/v1/default/a").body, "changed");
  http.del("/v1/default/a/b");
  EXPECT_EQ(read_file(kvfs.at("a")), "changed");
}

TEST_F(KeysTest, TooLongKeysAreRefusedWithTheLimit) {
  const auto component = http.put("/v1/default/" + std::string(256, 'x'), "v");
  EXPECT_EQ(component.status, 400);
  EXPECT_NE(component.body.find("255"), std::string::npos) << component.body;
  std::string longest;
  while (longest.size() + 2 <= 4096) longest += "d/";
  longest.resize(4096, 'x');
  EXPECT_EQ(http.put(target(longest), "v").status / 100, 2);
  EXPECT_EQ(http.get(target(longest)).body, "v");
  const auto too_long = http.put(target(longest + "y"), "v");
  EXPECT_EQ(too_long.status, 400);
  EXPECT_NE(too_long.body.find("4096"), std::string::npos) << too_long.body;
  EXPECT_EQ(http.del(target(longest)).status / 100, 2);
}

/// A path longer than system calls take, walked and made directory by directory.
class DeepPath {
 public:
  explicit DeepPath(const std::string& start) : directory_(::open(start.c_str(), O_RDONLY | O_DIRECTORY)) {}
  ~DeepPath() { ::close(directory_); }
  DeepPath(const DeepPath&) = delete;
  DeepPath& operator=(const DeepPath&) = delete;

  /// 0, or the errno that refused the directory.
  int enter(const std::string& name) {
    if (::mkdirat(directory_, name.c_str(), 0755) != 0 && errno != EEXIST) return errno;
    const int next = ::openat(directory_, name.c_str(), O_RDONLY | O_DIRECTORY);
    if (next < 0) return errno;
    ::close(directory_);
    directory_ = next;
    return 0;
  }
  int write(const std::string& name, const std::string& bytes) {
    const int file = ::openat(directory_, name.c_str(), O_CREAT | O_WRONLY, 0644);
    if (file < 0) return errno;
    const bool whole = ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    return ::close(file) == 0 && whole ? 0 : errno;
  }
  std::string read(const std::string& name) {
    char bytes[100];
    const int file = ::openat(directory_, name.c_str(), O_RDONLY);
    const ssize_t got = ::read(file, bytes, sizeof bytes);
    ::close(file);
    return got < 0 ? "absent" : std::string(bytes, static_cast<size_t>(got));
  }

 private:
  int directory_;
};

TEST_F(KeysTest, KeysOfTheGreatestLengthAreFilesAndLongerOnesAreMadeInTheMountAlone) {
  output_of("mkdir -p " + kvfs.at(""));
  DeepPath path(kvfs.at(""));
  std::string key;
  for (int i = 0; i < 16; ++i) {  // 3,841 bytes, so that the longest name makes the longest key
    const std::string name(i == 0 ? 240 : 239, 'd');
    ASSERT_EQ(path.enter(name), 0);
    key += name + "/";
  }
  const std::string longest(255, 'x');
  ASSERT_EQ((key + longest).size(), 4096U);
  EXPECT_EQ(path.write(longest, "by file"), 0);
  EXPECT_EQ(path.write(longest + "x", "too long"), ENAMETOOLONG);
  EXPECT_EQ(http.get(target(key + longest)).body, "by file");
  EXPECT_EQ(http.put(target(key + longest), "by http").status / 100, 2);
  EXPECT_EQ(path.read(longest), "by http");
  ASSERT_EQ(path.enter("d"), 0);
  EXPECT_EQ(path.write(std::string(253, 'x'), "fits"), 0);
  const std::string beyond = key + "d/" + std::string(254, 'x');
  EXPECT_EQ(http.put(target(beyond), "by http").status, 400);
  EXPECT_EQ(path.write(std::string(254, 'x'), "by file"), 0);
  EXPECT_EQ(http.get(target(beyond)).body, "by file");
  EXPECT_EQ(http.put(target(beyond), "by http").status, 400);
  kvfs.restart();
  http = kvfs.http();
  EXPECT_EQ(http.get(target(key + "d/" + std::string(253, 'x'))).body, "fits");
  output_of("rm -r " + kvfs.at("*"));
  EXPECT_EQ(http.get(target(key + longest)).status, 404);
}

}  // namespace
}  // namespace kvfs::test
