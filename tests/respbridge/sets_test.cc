#include <algorithm>
#include <random>
#include <set>

#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class SetsTest : public DoorTest {};

TEST_F(SetsTest, MembersAreAddedRemovedAndCounted) {
  EXPECT_EQ(cmd("SADD s b a b"), ":2");
  EXPECT_EQ(cmd("SADD s a"), ":0");
  EXPECT_EQ(cmd("SMEMBERS s"), "*2|$1|a|$1|b");
  EXPECT_EQ(cmd("SCARD s"), ":2");
  EXPECT_EQ(cmd("SISMEMBER s a"), ":1");
  EXPECT_EQ(cmd("SMISMEMBER s a x"), "*2|:1|:0");
  EXPECT_EQ(cmd("TYPE s"), "+set");
  EXPECT_EQ(cmd("SREM s a x"), ":1");
  EXPECT_EQ(cmd("SREM s b"), ":1");
  EXPECT_EQ(cmd("EXISTS s"), ":0");
}

TEST_F(SetsTest, ASetIsAFileWithAMemberALine) {
  cmd({"SADD", "s", "two\nlines", "plain", "back\\slash"});
  EXPECT_EQ(stored("default", "s"), "back\\\\slash\nplain\ntwo\\nlines\n");
  EXPECT_EQ(cmd({"SISMEMBER", "s", "two\nlines"}), ":1");
}

TEST_F(SetsTest, OtherTypesAreNotTaken) {
  cmd("SET a 1");
  cmd("SADD s x");
  EXPECT_EQ(cmd("SADD a x"), "-WRONGTYPE Operation against a key holding the wrong kind of value");
  EXPECT_EQ(cmd("GET s"), "-WRONGTYPE Operation against a key holding the wrong kind of value");
  EXPECT_EQ(cmd("MGET s a"), "*2|$-1|$1|1");
  EXPECT_EQ(cmd("SET s 1"), "+OK");
  EXPECT_EQ(cmd("TYPE s"), "+string");
}

TEST_F(SetsTest, ASetKeepsItsTimeAndItsTypeWhenItChangesOrMoves) {
  cmd("SADD s a");
  cmd("EXPIRE s 100");
  cmd("SADD s b");
  EXPECT_EQ(cmd("TTL s"), ":100");
  cmd("COPY s t");
  cmd("RENAME s u");
  EXPECT_EQ(cmd("SMEMBERS t"), "*2|$1|a|$1|b");
  EXPECT_EQ(cmd("SMEMBERS u"), "*2|$1|a|$1|b");
}

TEST_F(SetsTest, SetsAreCombined) {
  cmd("SADD a 1 2 3");
  cmd("SADD b 2 3 4");
  EXPECT_EQ(cmd("SINTER a b"), "*2|$1|2|$1|3");
  EXPECT_EQ(cmd("SUNION a b none"), "*4|$1|1|$1|2|$1|3|$1|4");
  EXPECT_EQ(cmd("SDIFF a b"), "*1|$1|1");
  EXPECT_EQ(cmd("SINTERCARD 2 a b LIMIT 1"), ":1");
  EXPECT_EQ(cmd("SINTERCARD 3 a b"), "-ERR Number of keys can't be greater than number of args");
  EXPECT_EQ(cmd("SDIFFSTORE d a b"), ":1");
  EXPECT_EQ(cmd("SINTERSTORE d a none"), ":0");
  EXPECT_EQ(cmd("EXISTS d"), ":0");
  EXPECT_EQ(cmd("SMOVE a b 1"), ":1");
  EXPECT_EQ(cmd("SMOVE a b 9"), ":0");
  EXPECT_EQ(cmd("SCARD b"), ":4");
}

TEST_F(SetsTest, SetsOfAllSizesAreCombinedAlike) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto reply = [](const std::set<std::string>& members) {
    std::string out = "*" + std::to_string(members.size());
    for (const std::string& member : members) out += "|$" + std::to_string(member.size()) + "|" + member;
    return out;
  };
  for (int round = 0; round < 30; ++round) {
    std::vector<std::set<std::string>> sets(2 + random() % 2);
    std::string keys;
    for (size_t i = 0; i < sets.size(); ++i) {
      const std::string key = "s" + std::to_string(i);
      cmd("DEL " + key);
      constexpr size_t kSizes[] = {0, 3, 40, 200, 2000};
      std::vector<std::string> add{"SADD", key};
      for (size_t n = kSizes[random() % 5]; n > 0; --n) {
        add.push_back(std::to_string(random() % 3000));
        sets[i].insert(add.back());
      }
      if (add.size() > 2) cmd(add);
      keys += " " + key;
    }
    std::set<std::string> common = sets[0];
    std::set<std::string> all = sets[0];
    std::set<std::string> rest = sets[0];
    for (size_t i = 1; i < sets.size(); ++i) {
      std::erase_if(common, [&](const std::string& member) { return !sets[i].contains(member); });
      std::erase_if(rest, [&](const std::string& member) { return sets[i].contains(member); });
      all.insert(sets[i].begin(), sets[i].end());
    }
    SCOPED_TRACE("round " + std::to_string(round));
    EXPECT_EQ(cmd("SINTER" + keys), reply(common));
    EXPECT_EQ(cmd("SDIFF" + keys), reply(rest));
    EXPECT_EQ(cmd("SUNION" + keys), reply(all));
    const std::string count = "SINTERCARD " + std::to_string(sets.size()) + keys;
    EXPECT_EQ(cmd(count), ":" + std::to_string(common.size()));
    EXPECT_EQ(cmd(count + " LIMIT 7"), ":" + std::to_string(std::min<size_t>(7, common.size())));
    EXPECT_EQ(cmd("SINTERSTORE s0" + keys), ":" + std::to_string(common.size()));
    EXPECT_EQ(cmd("SMEMBERS s0"), reply(common));
  }
}

TEST_F(SetsTest, RandomMembersAreMembers) {
  cmd("SADD s a b c");
  const std::string one = cmd("SRANDMEMBER s");
  EXPECT_TRUE(one == "$1|a" || one == "$1|b" || one == "$1|c") << one;
  EXPECT_TRUE(cmd("SRANDMEMBER s 10").starts_with("*3|"));
  EXPECT_TRUE(cmd("SRANDMEMBER s -10").starts_with("*10|"));
  EXPECT_TRUE(cmd("SPOP s 2").starts_with("*2|"));
  EXPECT_EQ(cmd("SCARD s"), ":1");
  EXPECT_EQ(cmd("SPOP s")[0], '$');
  EXPECT_EQ(cmd("SPOP s"), "$-1");
  EXPECT_EQ(cmd("SPOP s -1"), "-ERR value is out of range, must be positive");
}

TEST_F(SetsTest, SscanMeetsEveryMember) {
  std::vector<std::string> add{"SADD", "s"};
  for (int i = 0; i < 100; ++i) add.push_back("m" + std::to_string(i));
  cmd(add);
  std::set<std::string> found;
  std::string cursor = "0";
  do {
    const std::string reply = cmd("SSCAN s " + cursor + " COUNT 7");
    size_t at = reply.find('|', 3) + 1;
    cursor = reply.substr(at, reply.find('|', at) - at);
    for (at = reply.find("|m"); at != reply.npos; at = reply.find("|m", at + 1))
      found.insert(reply.substr(at + 1, reply.find('|', at + 1) - at - 1));
  } while (cursor != "0");
  EXPECT_EQ(found.size(), 100u);
}

TEST_F(SetsTest, MembersAreSorted) {
  cmd("SADD s 10 9 1");
  EXPECT_EQ(cmd("SORT s"), "*3|$1|1|$1|9|$2|10");
  EXPECT_EQ(cmd("SORT s STORE to"), "-ERR SORT with STORE makes a list, and kvfs has no lists yet");
  cmd("SET to 1");
  EXPECT_EQ(cmd("SORT none STORE to"), ":0");
  EXPECT_EQ(cmd("EXISTS to"), ":0");
  EXPECT_EQ(cmd("SORT s ALPHA DESC LIMIT 0 2"), "*2|$1|9|$2|10");
  cmd("MSET w_1 3 w_9 2 w_10 1");
  EXPECT_EQ(cmd("SORT s BY w_* GET # GET w_*"), "*6|$2|10|$1|1|$1|9|$1|2|$1|1|$1|3");
  cmd("SADD s x");
  EXPECT_EQ(cmd("SORT s"), "-ERR One or more scores can't be converted into double");
}

TEST_F(SetsTest, ValuesGoByDumpAndRestore) {
  cmd("SADD s a b");
  cmd("SET t hello");
  const auto payload = [&](const char* key) {
    const std::string reply = client_->send(std::string("DUMP ") + key + "\r\n");
    const size_t begin = reply.find("\r\n") + 2;
    return reply.substr(begin, reply.size() - begin - 2);
  };
  EXPECT_EQ(cmd({"RESTORE", "s2", "0", payload("s")}), "+OK");
  EXPECT_EQ(cmd("SMEMBERS s2"), "*2|$1|a|$1|b");
  EXPECT_EQ(cmd({"RESTORE", "t2", "1000", payload("t")}), "+OK");
  EXPECT_EQ(cmd("GET t2"), "$5|hello");
  EXPECT_EQ(cmd("PTTL t2"), ":1000");
  EXPECT_EQ(cmd({"RESTORE", "t2", "0", payload("t")}), "-BUSYKEY Target key name already exists.");
  std::string damaged = payload("t");
  damaged[2] = 'x';
  EXPECT_EQ(cmd({"RESTORE", "t3", "0", damaged}), "-ERR DUMP payload version or checksum are wrong");
  EXPECT_EQ(cmd("DUMP none"), "$-1");
}

TEST_F(SetsTest, CommonSubsequencesAreFound) {
  cmd("MSET a ohmytext b mynewtext");
  EXPECT_EQ(cmd("LCS a b"), "$6|mytext");
  EXPECT_EQ(cmd("LCS a b LEN"), ":6");
  EXPECT_EQ(cmd("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN"), "*4|$7|matches|*1|*3|*2|:4|:7|*2|:5|:8|:4|$3|len|:6");
}

TEST_F(SetsTest, ALargeSetBehavesAsASmallOne) {
  for (int i = 0; i < 10; ++i) {
    std::string line = "SADD s";
    for (int j = 0; j < 100; ++j) line += " m" + std::to_string(100 * i + j);
    EXPECT_EQ(cmd(line), ":100");
  }
  EXPECT_EQ(cmd("SCARD s"), ":1000");
  EXPECT_EQ(cmd("SADD s m5 new"), ":1");
  EXPECT_EQ(cmd("SMISMEMBER s m999 m1000 new"), "*3|:1|:0|:1");
  EXPECT_EQ(cmd("SREM s m999 m1000"), ":1");
  EXPECT_EQ(cmd("SPOP s 400").substr(0, 4), "*400");
  EXPECT_EQ(cmd("SPOP s 20").substr(0, 3), "*20");
  EXPECT_EQ(cmd("SRANDMEMBER s 50").substr(0, 3), "*50");
  EXPECT_EQ(cmd("SRANDMEMBER s -700").substr(0, 4), "*700");
  EXPECT_EQ(cmd("SCARD s"), ":580");
  EXPECT_EQ(cmd("SUNIONSTORE t s"), ":580");
  EXPECT_EQ(cmd("SDIFF s t"), "*0");
  EXPECT_EQ(cmd("SPOP s 1000").substr(0, 4), "*580");
  EXPECT_EQ(cmd("EXISTS s"), ":0");
  EXPECT_EQ(cmd("SET t x"), "+OK");
  EXPECT_EQ(cmd("GET t"), "$1|x");
}

TEST_F(SetsTest, ACounterIsAStringThatStaysACounter) {
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<CounterOutcome> {
    const DirId dir = *ensure_collection(txn, *ensure_tenant(txn, "default"), "default");
    return add_to_counter(txn, dir, "n", 40, {});
  }));
  EXPECT_EQ(cmd("TYPE n"), "+string");
  EXPECT_EQ(cmd("GET n"), "$2|40");
  EXPECT_EQ(cmd("STRLEN n"), ":2");
  EXPECT_EQ(cmd("INCRBY n 2"), ":42");
  EXPECT_EQ(cmd("MGET n none"), "*2|$2|42|$-1");
  EXPECT_EQ(stored("default", "n"), "42\n");
  EXPECT_EQ(cmd("INCRBY n 9223372036854775807"), "-ERR increment or decrement would overflow");
  EXPECT_EQ(cmd("SADD n x"), "-WRONGTYPE Operation against a key holding the wrong kind of value");
  EXPECT_EQ(cmd("EXPIRE n 100"), ":1");
  EXPECT_EQ(cmd("DECR n"), ":41");
  EXPECT_EQ(cmd("TTL n"), ":100");
  EXPECT_EQ(cmd("SET n 7"), "+OK");
  EXPECT_EQ(stored("default", "n"), "7");
}

TEST_F(SetsTest, ExecSeesAWatchedAbsentKeyThatCameAndWent) {
  EXPECT_EQ(cmd("WATCH k other"), "+OK");
  cmd("SET k x");
  cmd("DEL k");
  cmd("MULTI");
  cmd("PING");
  EXPECT_EQ(cmd("EXEC"), "*-1");
  EXPECT_EQ(cmd("WATCH k"), "+OK");
  cmd("DEL k");
  cmd("SET unrelated x");
  cmd("MULTI");
  cmd("PING");
  EXPECT_EQ(cmd("EXEC"), "*1|+PONG");
}

}  // namespace
}  // namespace kvfs::resp
