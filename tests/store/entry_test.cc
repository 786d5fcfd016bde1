#include "store/entry.h"

#include <gtest/gtest.h>

#include <random>

namespace kvfs {
namespace {

Entry full_entry() {
  Entry entry;
  entry.kind = Kind::file;
  entry.type = ValueType::counter;
  entry.shadowed = true;
  entry.mode = 04755;
  entry.uid = 1000;
  entry.gid = 1001;
  entry.nlink = 3;
  entry.rdev = 7;
  entry.inode = 0x1122334455667788;
  entry.atime_ns = -1;
  entry.mtime_ns = 1'700'000'000'123'456'789;
  entry.ctime_ns = 2;
  entry.btime_ns = 3;
  entry.version = 99;
  entry.expires_ms = 4;
  entry.indexed_early_ms = 3;
  entry.default_ttl_ms = 5;
  entry.keys = 6;
  entry.bytes = 7;
  entry.content_type = "text/plain";
  entry.xattrs = "whatever";
  entry.inline_value = "value";
  entry.size = entry.inline_value.size();
  return entry;
}

TEST(EntryCodecTest, KeepsEveryField) {
  const Entry entry = full_entry();
  const std::string row = encode_entry(entry);
  const Result<Entry> back = decode_entry(row);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(encode_entry(*back), row);
  EXPECT_EQ(back->type, ValueType::counter);
  EXPECT_TRUE(back->shadowed);
  EXPECT_EQ(back->mode, 04755U);
  EXPECT_EQ(back->atime_ns, -1);
  EXPECT_EQ(back->mtime_ns, entry.mtime_ns);
  EXPECT_EQ(back->rdev, 7U);
  EXPECT_EQ(back->indexed_early_ms, 3U);
  EXPECT_EQ(back->default_ttl_ms, 5U);
  EXPECT_EQ(back->keys, 6U);
  EXPECT_EQ(back->content_type, "text/plain");
  EXPECT_EQ(back->xattrs, "whatever");
  EXPECT_EQ(back->inline_value, "value");
}

TEST(EntryCodecTest, EveryTruncationIsAnError) {
  const std::string row = encode_entry(full_entry());
  for (size_t length = 0; length < row.size(); ++length)
    EXPECT_EQ(decode_entry(std::string_view(row).substr(0, length)).error().code, Errc::corrupt) << length;
  EXPECT_EQ(decode_entry(row + "x").error().code, Errc::corrupt);
}

TEST(EntryCodecTest, HostileBytesNeverCrash) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string row = encode_entry(full_entry());
  size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string mutated = row.substr(0, random() % (row.size() + 1));
    for (unsigned flips = random() % 4; flips > 0 && !mutated.empty(); --flips)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    const Result<Entry> back = decode_entry(mutated);
    if (!back) continue;
    ++accepted;
    EXPECT_EQ(decode_entry(encode_entry(*back))->inode, back->inode);
  }
  EXPECT_GT(accepted, 0U);
}

TEST(ChunkRowCodecTest, RoundTripsAndRefusesTheRest) {
  const ChunkRef ref{1, 2, kChunkBytes, 4};
  const std::string row = encode_chunk_row(ref);
  EXPECT_EQ(*decode_chunk_row(row), ref);
  EXPECT_FALSE(decode_chunk_row(row + "x"));
  EXPECT_FALSE(decode_chunk_row(std::string_view(row).substr(1)));
  EXPECT_FALSE(decode_chunk_row(encode_chunk_row({1, 2, kChunkBytes + 1, 4})));
  EXPECT_FALSE(decode_chunk_row(encode_chunk_row({1, 2, 0, 4})));
}

TEST(XattrsTest, RoundTripInNameOrder) {
  const std::string encoded = Xattrs::encode({{"user.b", "2"}, {"user.a", std::string("\0x", 2)}, {"user.c", ""}});
  const Result<Xattrs::Map> map = Xattrs::decode(encoded);
  ASSERT_TRUE(map);
  ASSERT_EQ(map->size(), 3U);
  EXPECT_EQ((*map)[0].first, "user.a");
  EXPECT_EQ(Xattrs::find(encoded, "user.a"), std::string_view("\0x", 2));
  EXPECT_EQ(Xattrs::find(encoded, "user.c"), "");
  EXPECT_EQ(Xattrs::find(encoded, "user.d"), std::nullopt);
  EXPECT_FALSE(Xattrs::decode(encoded.substr(0, encoded.size() - 1)));
}

TEST(SettingsCodecTest, RoundTripsAndRefusesTheRest) {
  Settings settings;
  settings.quota_bytes = ~uint64_t{0};
  settings.quota_keys = 3;
  settings.fsync = "strict";
  settings.require_preconditions = true;
  const Result<Settings> back = decode_settings(encode_settings(settings));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->quota_bytes, ~uint64_t{0});
  EXPECT_EQ(back->fsync, "strict");
  EXPECT_TRUE(back->require_preconditions);
  EXPECT_FALSE(decode_settings(""));
  EXPECT_FALSE(decode_settings("\x01[]"));
  EXPECT_FALSE(decode_settings("\x01{"));
}

}  // namespace
}  // namespace kvfs
