#include <random>

#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class BitsTest : public DoorTest {};

TEST_F(BitsTest, SingleBitsAreSetAndRead) {
  EXPECT_EQ(cmd("SETBIT b 7 1"), ":0");
  EXPECT_EQ(stored("default", "b"), "\x01");
  EXPECT_EQ(cmd("SETBIT b 7 0"), ":1");
  EXPECT_EQ(cmd("SETBIT b 17 1"), ":0");
  EXPECT_EQ(cmd("STRLEN b"), ":3");
  EXPECT_EQ(cmd("GETBIT b 17"), ":1");
  EXPECT_EQ(cmd("GETBIT b 1000"), ":0");
  EXPECT_EQ(cmd("SETBIT b -1 1"), "-ERR bit offset is not an integer or out of range");
  EXPECT_EQ(cmd("SETBIT b 4294967296 1"), "-ERR bit offset is not an integer or out of range");
  EXPECT_EQ(cmd("SETBIT b 1 2"), "-ERR bit is not an integer or out of range");
}

TEST_F(BitsTest, BitsAreCountedAndFound) {
  cmd("SET b foobar");
  EXPECT_EQ(cmd("BITCOUNT b"), ":26");
  EXPECT_EQ(cmd("BITCOUNT b 1 1"), ":6");
  EXPECT_EQ(cmd("BITCOUNT b 5 30 BIT"), ":17");
  EXPECT_EQ(cmd("BITCOUNT b 1"), "-ERR syntax error");
  cmd({"SET", "m", std::string("\xff\xf0\x00", 3)});
  EXPECT_EQ(cmd("BITPOS m 0"), ":12");
  EXPECT_EQ(cmd("BITPOS m 1 2"), ":-1");
  cmd("SET ones \"\\xff\\xff\"");
  EXPECT_EQ(cmd("BITPOS ones 0"), ":16");
  EXPECT_EQ(cmd("BITPOS ones 0 0 -1"), ":-1");
  EXPECT_EQ(cmd("BITPOS none 0"), ":0");
  EXPECT_EQ(cmd("BITPOS none 1"), ":-1");
}

TEST_F(BitsTest, BitsOfLongValuesAreCountedInAnyRange) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::string bytes(3000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() % 4 == 0 ? 0xff : random());
  cmd({"SET", "k", bytes});
  for (int round = 0; round < 100; ++round) {
    const size_t begin = random() % (bytes.size() * 8);
    const size_t end = begin + random() % (bytes.size() * 8 - begin);
    size_t expected = 0;
    for (size_t bit = begin; bit <= end; ++bit)
      expected += (static_cast<unsigned char>(bytes[bit / 8]) >> (7 - bit % 8)) & 1U;
    EXPECT_EQ(cmd("BITCOUNT k " + std::to_string(begin) + " " + std::to_string(end) + " BIT"),
              ":" + std::to_string(expected))
        << begin << " " << end;
  }
}

TEST_F(BitsTest, ValuesAreCombined) {
  cmd("MSET a abc b ab");
  EXPECT_EQ(cmd("BITOP AND d a b"), ":3");
  EXPECT_EQ(stored("default", "d"), std::string("ab\0", 3));
  EXPECT_EQ(cmd("BITOP NOT d a b"), "-ERR BITOP NOT must be called with a single source key.");
  EXPECT_EQ(cmd("BITOP XOR d none"), ":0");
  EXPECT_EQ(cmd("EXISTS d"), ":0");
}

TEST_F(BitsTest, FieldsOverflowAsTheyAreTold) {
  EXPECT_EQ(cmd("BITFIELD f SET u8 0 255 GET u8 0 INCRBY u8 0 1"), "*3|:0|:255|:0");
  EXPECT_EQ(cmd("BITFIELD f OVERFLOW SAT INCRBY u8 0 300 OVERFLOW FAIL INCRBY u8 0 1"), "*2|:255|$-1");
  EXPECT_EQ(cmd("BITFIELD f SET i8 #1 -1 GET i4 8"), "*2|:0|:-1");
  EXPECT_EQ(cmd("BITFIELD_RO f GET u8 0"), "*1|:255");
  EXPECT_EQ(cmd("BITFIELD_RO f SET u8 0 1"), "-ERR BITFIELD_RO only supports the GET subcommand");
  EXPECT_TRUE(cmd("BITFIELD f GET u64 0").starts_with("-ERR Invalid bitfield type."));
}

TEST_F(BitsTest, WhatChangesNoBitIsNoChange) {
  TestClient other(*service_);
  cmd("SETBIT b 3 0");
  cmd("BITFIELD f SET u8 0 7");
  other("WATCH b f");
  EXPECT_EQ(cmd("SETBIT b 3 0"), ":0");
  EXPECT_EQ(cmd("BITFIELD f SET u8 0 7"), "*1|:7");
  other("MULTI");
  EXPECT_EQ(other("EXEC"), "*0");
  other("WATCH b");
  EXPECT_EQ(cmd("SETBIT b 9 0"), ":0");  // it grows
  other("MULTI");
  EXPECT_EQ(other("EXEC"), "*-1");
}

}  // namespace
}  // namespace kvfs::resp
