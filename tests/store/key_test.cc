#include "store/key.h"

#include <gtest/gtest.h>

#include <random>

namespace kvfs {
namespace {

TEST(CheckKeyTest, AcceptsAnyBytesWithinTheLimits) {
  const std::string all_bytes = [] {
    std::string bytes;
    for (int c = 0; c < 256; ++c)
      if (c != '/') bytes.push_back(static_cast<char>(c));
    return bytes;
  }();
  for (const std::string& key :
       {std::string("a"), std::string("http://example.com"), std::string("."), std::string("a/../b"),
        std::string("a\0b", 3), std::string("/"), std::string(255, 'x'), all_bytes})
    EXPECT_TRUE(check_key(key)) << key;
}

TEST(CheckKeyTest, RefusesWhatIsTooLongOrEmpty) {
  EXPECT_EQ(check_key("").error().code, Errc::invalid);
  EXPECT_EQ(check_key(std::string(256, 'x')).error().code, Errc::name_too_long);
  EXPECT_EQ(check_key("a/" + std::string(256, 'x') + "/b").error().code, Errc::name_too_long);
  std::string longest;
  while (longest.size() + 3 <= kKeyBytesMax) longest += "ab/";
  longest.resize(kKeyBytesMax, 'c');
  EXPECT_TRUE(check_key(longest));
  EXPECT_EQ(check_key(longest + "d").error().code, Errc::key_too_long);
}

TEST(CheckNameTest, RefusesReservedNames) {
  for (const char* name : {"", ".", "..", ".kvfs", "a/b", "%:x"})
    EXPECT_EQ(check_name(name, "tenant").error().code, Errc::invalid) << name;
  EXPECT_EQ(check_name(std::string("a\0", 2), "tenant").error().code, Errc::invalid);
  EXPECT_EQ(check_name(std::string(256, 'a'), "tenant").error().code, Errc::name_too_long);
  EXPECT_TRUE(check_name("acme-1.example", "tenant"));
}

TEST(KeyComponentsTest, SplitsAtEverySlash) {
  KeyComponents components("a//b/");
  std::string_view part;
  ASSERT_TRUE(components.next_directory(part));
  EXPECT_EQ(part, "a");
  ASSERT_TRUE(components.next_directory(part));
  EXPECT_EQ(part, "");
  ASSERT_TRUE(components.next_directory(part));
  EXPECT_EQ(part, "b");
  EXPECT_FALSE(components.next_directory(part));
  EXPECT_EQ(components.last(), "");
}

TEST(RowKeyTest, DirentRowsRoundTripAndSortAsFullKeys) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string alphabet("ab-./0\0\xff", 8);
  for (int i = 0; i < 2000; ++i) {
    std::string name;
    for (size_t length = random() % 6; name.size() < length;)
      if (const char c = alphabet[random() % alphabet.size()]; c != '/') name.push_back(c);
    const Slot slot{random() % 3, name, random() % 2 == 0};
    const std::string row = dirent_row(slot);
    const Result<Slot> parsed = parse_dirent_row(row);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->dir, slot.dir);
    EXPECT_EQ(parsed->name, slot.name);
    EXPECT_EQ(parsed->directory, slot.directory);
  }
  // "a" < "a-" < "a/..." < "a0", as the keys.
  EXPECT_LT(dirent_row({1, "a", false}), dirent_row({1, "a-", false}));
  EXPECT_LT(dirent_row({1, "a-", false}), dirent_row({1, "a", true}));
  EXPECT_LT(dirent_row({1, "a", true}), dirent_row({1, "a0", false}));
}

TEST(RowKeyTest, RowsOfTheLongestNamesFitTheEngine) {
  const std::string name(kComponentBytesMax, 'x');
  EXPECT_LE(dirent_row({1, name, true}).size(), 511U);
  EXPECT_LE(expiry_row(1, 2, {3, name, false}).size(), 511U);
}

TEST(RowKeyTest, MalformedRowsAreErrors) {
  EXPECT_EQ(parse_dirent_row("").error().code, Errc::corrupt);
  EXPECT_EQ(parse_dirent_row("D1234567").error().code, Errc::corrupt);
  EXPECT_EQ(parse_dirent_row("D12345678a/b").error().code, Errc::corrupt);
  EXPECT_EQ(parse_expiry_row("X123").error().code, Errc::corrupt);
}

TEST(RowKeyTest, ExpiryRowsSortByTime) {
  EXPECT_LT(expiry_row(7, 255, {1, "z", false}), expiry_row(7, 256, {1, "a", false}));
  const std::string row = expiry_row(7, 256, {9, "a", false});
  const Result<ExpiryRow> parsed = parse_expiry_row(row);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->tenant, 7U);
  EXPECT_EQ(parsed->expires_ms, 256U);
  EXPECT_EQ(parsed->slot.dir, 9U);
  EXPECT_EQ(parsed->slot.name, "a");
}

TEST(PrefixEndTest, IsTheFirstStringBeyond) {
  EXPECT_EQ(prefix_end("a"), "b");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff\xff"), "");
  EXPECT_EQ(prefix_end(""), "");
}

}  // namespace
}  // namespace kvfs
