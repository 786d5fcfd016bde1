#include <set>

#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class KeysTest : public DoorTest {
 protected:
  /// The keys that a whole SCAN gives.
  std::set<std::string> scan(const std::string& options) {
    std::set<std::string> found;
    std::string cursor = "0";
    do {
      const std::string reply = client_->send("SCAN " + cursor + " " + options + "\r\n");
      std::vector<std::string> lines;
      for (size_t at = 0; at < reply.size();) {
        const size_t end = reply.find("\r\n", at);
        lines.push_back(reply.substr(at, end - at));
        at = end + 2;
      }
      cursor = lines.at(2);
      for (size_t i = 5; i < lines.size(); i += 2) found.insert(lines[i]);
    } while (cursor != "0");
    return found;
  }
};

TEST_F(KeysTest, KeysAreCountedRemovedAndTyped) {
  cmd("MSET a 1 b 2 c/d 3");
  EXPECT_EQ(cmd("EXISTS a b c/d c a"), ":4");
  EXPECT_EQ(cmd("TOUCH a x"), ":1");
  EXPECT_EQ(cmd("TYPE a"), "+string");
  EXPECT_EQ(cmd("TYPE c"), "+none");
  EXPECT_EQ(cmd("DBSIZE"), ":3");
  EXPECT_EQ(cmd("DEL a x b"), ":2");
  EXPECT_EQ(cmd("UNLINK c/d"), ":1");
  EXPECT_EQ(cmd("DBSIZE"), ":0");
}

TEST_F(KeysTest, RenamingKeepsValueAndTime) {
  cmd("SET a 1 EX 100");
  EXPECT_EQ(cmd("RENAME a d/b"), "+OK");
  EXPECT_EQ(cmd("GET d/b"), "$1|1");
  EXPECT_EQ(cmd("TTL d/b"), ":100");
  EXPECT_EQ(cmd("RENAME a b"), "-ERR no such key");
  cmd("SET a 2");
  EXPECT_EQ(cmd("RENAMENX a d/b"), ":0");
  EXPECT_EQ(cmd("RENAMENX a c"), ":1");
  EXPECT_EQ(cmd("RENAME c c"), "+OK");
}

TEST_F(KeysTest, CopyAndMoveReachOtherDatabases) {
  cmd("SET a 1 EX 100");
  EXPECT_EQ(cmd("COPY a b"), ":1");
  EXPECT_EQ(cmd("COPY a b"), ":0");
  EXPECT_EQ(cmd("COPY a b REPLACE"), ":1");
  EXPECT_EQ(cmd("TTL b"), ":100");
  EXPECT_EQ(cmd("COPY a a"), "-ERR source and destination objects are the same");
  EXPECT_EQ(cmd("COPY a a DB 3"), ":1");
  EXPECT_EQ(stored("3", "a"), "1");
  EXPECT_EQ(cmd("MOVE b 3"), ":1");
  EXPECT_EQ(cmd("MOVE a 3"), ":0");
  EXPECT_EQ(cmd("MOVE a 99"), "-ERR DB index is out of range");
  EXPECT_EQ(cmd("GET b"), "$-1");
  EXPECT_EQ(cmd("SELECT 3"), "+OK");
  EXPECT_EQ(cmd("GET b"), "$1|1");
}

TEST_F(KeysTest, ExpiryIsSetReadAndObeyed) {
  cmd("SET a 1");
  EXPECT_EQ(cmd("TTL a"), ":-1");
  EXPECT_EQ(cmd("TTL x"), ":-2");
  EXPECT_EQ(cmd("EXPIRE x 1"), ":0");
  EXPECT_EQ(cmd("PEXPIRE a 1500"), ":1");
  EXPECT_EQ(cmd("PTTL a"), ":1500");
  EXPECT_EQ(cmd("TTL a"), ":2");
  EXPECT_EQ(cmd("PEXPIRETIME a"), ":1700000001500");
  pass_ms(1499);
  EXPECT_EQ(cmd("EXISTS a"), ":1");
  pass_ms(1);
  EXPECT_EQ(cmd("EXISTS a"), ":0");
  EXPECT_EQ(cmd("GET a"), "$-1");
}

TEST_F(KeysTest, ExpireObeysItsConditions) {
  cmd("SET a 1");
  EXPECT_EQ(cmd("EXPIRE a 100 XX"), ":0");
  EXPECT_EQ(cmd("EXPIRE a 100 GT"), ":0");
  EXPECT_EQ(cmd("EXPIRE a 100 LT"), ":1");
  EXPECT_EQ(cmd("EXPIRE a 200 NX"), ":0");
  EXPECT_EQ(cmd("EXPIRE a 50 GT"), ":0");
  EXPECT_EQ(cmd("EXPIRE a 200 GT"), ":1");
  EXPECT_EQ(cmd("EXPIRE a 100 NX XX"), "-ERR NX and XX, GT or LT options at the same time are not compatible");
  EXPECT_EQ(cmd("EXPIRE a 100 GT LT"), "-ERR GT and LT options at the same time are not compatible");
  EXPECT_EQ(cmd("EXPIRE a 100 AB"), "-ERR Unsupported option AB");
  EXPECT_EQ(cmd("EXPIRE a 9223372036854775807"), "-ERR invalid expire time in 'expire' command");
  EXPECT_EQ(cmd("PERSIST a"), ":1");
  EXPECT_EQ(cmd("PERSIST a"), ":0");
  EXPECT_EQ(cmd("EXPIRE a -1"), ":1");
  EXPECT_EQ(cmd("EXISTS a"), ":0");
}

TEST_F(KeysTest, KeysAreFoundByPattern) {
  cmd("MSET one 1 two 2 three 3 d/one 4");
  EXPECT_EQ(cmd("KEYS t*"), "*2|$5|three|$3|two");
  EXPECT_EQ(cmd("KEYS *one"), "*2|$5|d/one|$3|one");
  EXPECT_EQ(cmd("KEYS x"), "*0");
}

TEST_F(KeysTest, ScanMeetsEveryKeyThatIsThereAllTheTime) {
  std::set<std::string> kept;
  for (int i = 0; i < 200; ++i) {
    cmd("SET k/" + std::to_string(i) + " v");
    if (i % 2 == 0) kept.insert("k/" + std::to_string(i));
  }
  EXPECT_EQ(scan("COUNT 7").size(), 200u);
  EXPECT_EQ(scan("MATCH k/1? COUNT 3").size(), 10u);
  EXPECT_EQ(scan("TYPE set").size(), 0u);
  // Half of the keys go while the scan is under way.
  std::string first = client_->send("SCAN 0 COUNT 50\r\n");
  for (int i = 1; i < 200; i += 2) cmd("DEL k/" + std::to_string(i));
  const std::set<std::string> left = scan("COUNT 9");
  EXPECT_EQ(left, kept);
  EXPECT_EQ(cmd("SCAN x"), "-ERR invalid cursor");
  EXPECT_EQ(cmd("SCAN 0 COUNT 0"), "-ERR syntax error");
  EXPECT_EQ(cmd("SCAN 0 COUNT x"), "-ERR value is not an integer or out of range");
}

TEST_F(KeysTest, RandomkeyGivesAKeyThatExists) {
  EXPECT_EQ(cmd("RANDOMKEY"), "$-1");
  cmd("SET only 1");
  EXPECT_EQ(cmd("RANDOMKEY"), "$4|only");
  for (int i = 0; i < 50; ++i) cmd("SET k" + std::to_string(i) + " v");
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) seen.insert(cmd("RANDOMKEY"));
  EXPECT_GT(seen.size(), 10u);
}

TEST_F(KeysTest, RandomkeyMeetsWhatStaysOfManyKeysAndNothingThatWent) {
  for (const int keys : {100, 3000}) {
    cmd("FLUSHDB");
    for (int i = 0; i < keys; ++i) cmd("SET k" + std::to_string(i) + " v");
    EXPECT_EQ(cmd("RANDOMKEY").substr(0, 1), "$");
    for (int i = 0; i < keys; ++i)
      if (i % 50 != 0) cmd("DEL k" + std::to_string(i));
    std::set<std::string> seen;
    for (int i = 0; i < 500; ++i) {
      const std::string key = cmd("RANDOMKEY");
      ASSERT_EQ(std::stoi(key.substr(key.find('k') + 1)) % 50, 0) << key;
      seen.insert(key);
    }
    EXPECT_GT(seen.size(), 1U);
  }
}

TEST_F(KeysTest, DatabasesChangePlaces) {
  cmd("SET a zero");
  EXPECT_EQ(client_->send("SWAPDB 0 1\r\nGET a\r\nSELECT 1\r\nGET a\r\n"), "+OK\r\n$-1\r\n+OK\r\n$4\r\nzero\r\n");
  EXPECT_EQ(stored("1", "a"), "zero");
  EXPECT_EQ(cmd("SWAPDB x 1"), "-ERR invalid first DB index");
  EXPECT_EQ(cmd("SWAPDB 0 99"), "-ERR DB index is out of range");
  EXPECT_EQ(cmd("SWAPDB 1 1"), "+OK");
}

TEST_F(KeysTest, FlushingEmptiesOneDatabaseOrAll) {
  cmd("MSET a 1 b 2");
  client_->send("SELECT 1\r\nSET c 3\r\n");
  EXPECT_EQ(cmd("FLUSHDB"), "+OK");
  EXPECT_EQ(cmd("DBSIZE"), ":0");
  cmd("SELECT 0");
  EXPECT_EQ(cmd("DBSIZE"), ":2");
  EXPECT_EQ(cmd("FLUSHALL ASYNC"), "+OK");
  EXPECT_EQ(cmd("DBSIZE"), ":0");
  EXPECT_EQ(cmd("FLUSHALL NOW"), "-ERR syntax error");
}

class FewCursorsTest : public DoorTest {
 protected:
  RespOptions options() override {
    RespOptions out;
    out.scan_cursors_max = 2;
    return out;
  }

  /// SCAN by one key: the next cursor, or the error.
  std::string scan(const std::string& cursor) {
    const std::string reply = cmd("SCAN " + cursor + " COUNT 1");
    if (reply.starts_with("-")) return reply;
    const size_t begin = reply.find('|', 3) + 1;
    return reply.substr(begin, reply.find('|', begin) - begin);
  }
};

TEST_F(FewCursorsTest, OfEachDatabaseTheLatestCursorsAreRemembered) {
  cmd("MSET a 1 b 1 c 1 d 1 e 1");
  cmd("SELECT 1");
  cmd("MSET a 1 b 1");
  const std::string elsewhere = scan("0");
  cmd("SELECT 0");
  const std::string first = scan("0");
  const std::string second = scan(first);
  const std::string third = scan(second);
  EXPECT_EQ(scan(first), "-ERR invalid cursor: it is too old, begin again with 0");
  EXPECT_EQ(scan("12345678"), "-ERR invalid cursor: it is too old, begin again with 0");
  EXPECT_EQ(cmd("SCAN " + third + " COUNT 10"), "*2|$1|0|*2|$1|d|$1|e");
  cmd("SELECT 1");
  EXPECT_EQ(cmd("SCAN " + elsewhere + " COUNT 10"), "*2|$1|0|*1|$1|b");
}

}  // namespace
}  // namespace kvfs::resp
