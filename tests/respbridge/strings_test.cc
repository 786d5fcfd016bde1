#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class StringsTest : public DoorTest {};

TEST_F(StringsTest, WhatIsSetIsReadBackAndIsAKeyOfTheStore) {
  EXPECT_EQ(cmd("GET a"), "$-1");
  EXPECT_EQ(cmd("SET a hello"), "+OK");
  EXPECT_EQ(cmd("GET a"), "$5|hello");
  EXPECT_EQ(stored("default", "a"), "hello");
  EXPECT_EQ(cmd("SET dir/b x"), "+OK");
  EXPECT_EQ(stored("default", "dir/b"), "x");
}

TEST_F(StringsTest, SetObeysItsOptions) {
  EXPECT_EQ(cmd("SET a 1 XX"), "$-1");
  EXPECT_EQ(cmd("SET a 1 NX"), "+OK");
  EXPECT_EQ(cmd("SET a 2 NX"), "$-1");
  EXPECT_EQ(cmd("SET a 2 XX GET"), "$1|1");
  EXPECT_EQ(cmd("SET b 2 GET"), "$-1");
  EXPECT_EQ(cmd("SET a 3 NX XX"), "-ERR syntax error");
  EXPECT_EQ(cmd("SET a 3 EX 10 PX 10"), "-ERR syntax error");
  EXPECT_EQ(cmd("SET a 3 EX 0"), "-ERR invalid expire time in 'set' command");
  EXPECT_EQ(cmd("SET a 3 EX x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(cmd("SET a 3 EX 10"), "+OK");
  EXPECT_EQ(cmd("TTL a"), ":10");
  EXPECT_EQ(cmd("SET a 4 KEEPTTL"), "+OK");
  EXPECT_EQ(cmd("TTL a"), ":10");
  EXPECT_EQ(cmd("SET a 5"), "+OK");
  EXPECT_EQ(cmd("TTL a"), ":-1");
}

TEST_F(StringsTest, NumbersAreChangedAsText) {
  EXPECT_EQ(cmd("INCR n"), ":1");
  EXPECT_EQ(cmd("INCRBY n 10"), ":11");
  EXPECT_EQ(cmd("DECRBY n 5"), ":6");
  EXPECT_EQ(cmd("DECR n"), ":5");
  EXPECT_EQ(stored("default", "n"), "5");
  EXPECT_EQ(cmd("INCRBYFLOAT n 0.5"), "$3|5.5");
  EXPECT_EQ(cmd("INCR n"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(cmd("SET n 9223372036854775807"), "+OK");
  EXPECT_EQ(cmd("INCR n"), "-ERR increment or decrement would overflow");
  EXPECT_EQ(cmd("INCR k/with/dirs"), ":1");
}

TEST_F(StringsTest, ANumberKeepsItsTimeWhenItChanges) {
  EXPECT_EQ(cmd("SET n 1 EX 100"), "+OK");
  EXPECT_EQ(cmd("INCR n"), ":2");
  EXPECT_EQ(cmd("APPEND n 0"), ":2");
  EXPECT_EQ(cmd("TTL n"), ":100");
}

TEST_F(StringsTest, PartsAreReadAndWritten) {
  EXPECT_EQ(cmd("APPEND a Hello"), ":5");
  EXPECT_EQ(cmd({"APPEND", "a", " World"}), ":11");
  EXPECT_EQ(cmd("GETRANGE a 0 4"), "$5|Hello");
  EXPECT_EQ(cmd("GETRANGE a -5 -1"), "$5|World");
  EXPECT_EQ(cmd("GETRANGE a 5 1"), "$0|");
  EXPECT_EQ(cmd("SUBSTR a 0 -1"), "$11|Hello World");
  EXPECT_EQ(cmd("SETRANGE a 6 Redis"), ":11");
  EXPECT_EQ(cmd("SETRANGE z 2 x"), ":3");
  EXPECT_EQ(stored("default", "z"), std::string("\0\0x", 3));
  EXPECT_EQ(cmd("SETRANGE a -1 x"), "-ERR offset is out of range");
  EXPECT_EQ(cmd("SETRANGE a 536870912 x"), "-ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  EXPECT_EQ(cmd("STRLEN a"), ":11");
}

TEST_F(StringsTest, LargeValuesAreChangedInPlace) {
  const std::string large(300'000, 'x');
  EXPECT_EQ(cmd({"SET", "big", large}), "+OK");
  EXPECT_EQ(cmd("APPEND big tail"), ":300004");
  EXPECT_EQ(cmd("SETRANGE big 65534 abcd"), ":300004");
  std::string wanted = large + "tail";
  wanted.replace(65'534, 4, "abcd");
  EXPECT_EQ(stored("default", "big"), wanted);
  EXPECT_EQ(cmd("GETRANGE big 65533 65538"), "$6|xabcdx");
  EXPECT_EQ(cmd("SETRANGE big 400000 z"), ":400001");
  EXPECT_EQ(cmd("GETRANGE big 300003 300005"), "$3|" + std::string("l\0\0", 3));
  EXPECT_EQ(cmd("GET big").size(), 400'001u + 8);
}

TEST_F(StringsTest, SeveralKeysAreSetAtOnce) {
  EXPECT_EQ(cmd("MSET a 1 b 2"), "+OK");
  EXPECT_EQ(cmd("MGET a b c"), "*3|$1|1|$1|2|$-1");
  EXPECT_EQ(cmd("MSETNX c 3 a 9"), ":0");
  EXPECT_EQ(cmd("GET c"), "$-1");
  EXPECT_EQ(cmd("MSETNX c 3 d 4"), ":1");
  EXPECT_EQ(cmd("MSET a"), "-ERR wrong number of arguments for 'mset' command");
  EXPECT_EQ(cmd("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command");
}

TEST_F(StringsTest, GettingCanRemoveReplaceOrExpire) {
  cmd("SET a 1");
  EXPECT_EQ(cmd("GETSET a 2"), "$1|1");
  EXPECT_EQ(cmd("GETEX a EX 10"), "$1|2");
  EXPECT_EQ(cmd("TTL a"), ":10");
  EXPECT_EQ(cmd("GETEX a PERSIST"), "$1|2");
  EXPECT_EQ(cmd("TTL a"), ":-1");
  EXPECT_EQ(cmd("GETDEL a"), "$1|2");
  EXPECT_EQ(cmd("GETDEL a"), "$-1");
}

TEST_F(StringsTest, AKeyThatCannotBeIsAbsentAndCannotBeSet) {
  EXPECT_EQ(cmd({"GET", std::string(5000, 'k')}), "$-1");
  EXPECT_TRUE(cmd({"SET", std::string(5000, 'k'), "v"}).starts_with("-ERR "));
  EXPECT_EQ(cmd({"DEL", std::string(300, 'k')}), ":0");
  EXPECT_TRUE(cmd({"SET", "", "v"}).starts_with("-ERR "));
}

}  // namespace
}  // namespace kvfs::resp
