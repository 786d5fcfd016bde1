#include "store/engine/batch.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace kvfs {
namespace {

// Writes down what it is shown, one line an operation.
struct Transcript : BatchVisitor {
  std::vector<std::string> lines;
  void put(std::string_view key, std::string_view value) override {
    lines.push_back("put " + std::string(key) + "=" + std::string(value));
  }
  void erase(std::string_view key) override { lines.push_back("erase " + std::string(key)); }
  void release_chunk(const ChunkRef& ref) override {
    lines.push_back("release " + std::to_string(ref.segment) + ":" + std::to_string(ref.page) + "+" +
                    std::to_string(ref.length) + "#" + std::to_string(ref.crc32c));
  }
  void note(std::string_view bytes) override { lines.push_back("note " + std::string(bytes)); }
};

Batch sample() {
  Batch batch;
  batch.put("k", "v");
  batch.put("empty", "");
  batch.erase("gone");
  batch.release_chunk({1, 2, 3, 4});
  batch.note("n");
  return batch;
}

TEST(BatchTest, DecodesWhatWasEncodedInOrder) {
  const Batch batch = sample();
  Transcript seen;
  ASSERT_TRUE(decode_batch(batch.payload(), seen));
  EXPECT_EQ(seen.lines, (std::vector<std::string>{"put k=v", "put empty=", "erase gone", "release 1:2+3#4", "note n"}));
  EXPECT_EQ(batch.operations(), 5u);
}

TEST(BatchTest, EncodingIsFixed) {
  using namespace std::string_literals;
  Batch batch = sample();
  EXPECT_EQ(batch.payload(),
            "\1\1\1kv"
            "\1\5\0empty"
            "\2\4gone"
            "\3\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0"
            "\4\1n"s);
  EXPECT_EQ(batch.record().size(), kJournalHeaderBytes + batch.bytes());
}

TEST(BatchTest, LimitsAreInclusive) {
  Batch batch;
  const std::string key(kRowKeyBytesMax, 'k');
  const std::string value(kRowValueBytesMax, 'v');
  batch.put(key, value);
  batch.note(std::string(kBatchNoteBytesMax, 'n'));
  batch.release_chunk({0, 0, kChunkBytesMax, 0});
  Transcript seen;
  ASSERT_TRUE(decode_batch(batch.payload(), seen));
  EXPECT_EQ(seen.lines[0], "put " + key + "=" + value);
}

TEST(BatchTest, AppendAddsTheOthersOperationsBehind) {
  Batch batch;
  batch.put("a", "1");
  Batch other;
  other.erase("b");
  batch.append(other);
  Transcript seen;
  ASSERT_TRUE(decode_batch(batch.payload(), seen));
  EXPECT_EQ(seen.lines, (std::vector<std::string>{"put a=1", "erase b"}));
  EXPECT_EQ(batch.operations(), 2u);
}

TEST(BatchTest, ClearKeepsOnlyTheHeaderRoom) {
  Batch batch = sample();
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  EXPECT_EQ(batch.record().size(), kJournalHeaderBytes);
}

TEST(BatchTest, EveryTruncationInsideAnOperationIsCorruptAndShowsNothing) {
  const Batch batch = sample();
  size_t whole = 0;
  for (size_t length = 0; length < batch.bytes(); ++length) {
    Transcript seen;
    auto decoded = decode_batch(batch.payload().substr(0, length), seen);
    if (decoded) {
      ++whole;  // the cut fell between two operations
      continue;
    }
    EXPECT_EQ(decoded.error().code, Errc::corrupt);
    EXPECT_TRUE(seen.lines.empty());
  }
  EXPECT_EQ(whole, 5u);
}

TEST(BatchTest, MalformedOperationsAreCorrupt) {
  using namespace std::string_literals;
  const std::string table[] = {
      "\0"s,                                             // no such operation
      "\5"s,                                             // nor this
      "\1\0\1v"s,                                        // empty key
      "\2\0"s,                                           // empty key
      "\2\x80\x04"s + std::string(512, 'k'),             // key beyond its limit
      "\1\1\x81\x80\x40k"s + std::string(1048577, 'v'),  // value beyond its limit
      "\1\xff\xff\xff\xff\xff\1"s,                       // varint of six bytes
      "\1\xff\xff\xff\xff\x7f"s,                         // varint beyond 32 bits
      "\1\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0fk"s,    // lengths whose sum overflows 32 bits
      "\3\1\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0"s,             // chunk of no bytes
      "\3\1\0\0\0\2\0\0\0\1\0\x10\0\4\0\0\0"s,           // chunk beyond its limit
      "\4\x81\x20"s + std::string(4097, 'n'),            // note beyond its limit
  };
  for (const std::string& bytes : table) {
    Transcript seen;
    auto decoded = decode_batch(bytes, seen);
    ASSERT_FALSE(decoded) << testing::PrintToString(bytes.substr(0, 20));
    EXPECT_EQ(decoded.error().code, Errc::corrupt);
  }
}

}  // namespace
}  // namespace kvfs
