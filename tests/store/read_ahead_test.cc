#include "store/read_ahead.h"

#include <gtest/gtest.h>

#include <vector>

namespace kvfs {
namespace {

constexpr uint64_t kSize = 10 * kReadAheadBytes + 12'345;

/// What a reader of the whole, in pieces of `piece` bytes, has had fetched.
std::vector<ByteSpan> fetched_by_reading(uint64_t piece, uint64_t size) {
  std::vector<ByteSpan> out;
  for (uint64_t at = 0; at < size; at += piece)
    if (const ByteSpan next = to_read_ahead(at, std::min(at + piece, size), size); !next.empty()) out.push_back(next);
  return out;
}

TEST(ReadAhead, EverythingBehindTheFirstPieceIsFetchedOnceAndInOrder) {
  for (const uint64_t piece : {kReadAheadFrom, uint64_t{100'000}, 2 * kReadAheadFrom, kReadAheadBytes}) {
    uint64_t reached = piece;
    for (const ByteSpan& next : fetched_by_reading(piece, kSize)) {
      EXPECT_EQ(next.begin, reached) << piece;
      reached = next.end;
    }
    EXPECT_EQ(reached, kSize) << piece;
  }
}

TEST(ReadAhead, WhatIsFetchedIsAheadOfTheReaderByAWindowAtLeast) {
  const uint64_t piece = 2 * kReadAheadFrom;
  uint64_t reached = 0;
  for (uint64_t at = 0; at < kSize; at += piece) {
    const uint64_t end = std::min(at + piece, kSize);
    if (const ByteSpan next = to_read_ahead(at, end, kSize); !next.empty()) reached = next.end;
    EXPECT_GE(reached, std::min(end + kReadAheadBytes, kSize)) << at;
    EXPECT_LE(reached, end + 2 * kReadAheadBytes) << at;
  }
}

TEST(ReadAhead, SmallReadsFetchNothingMore) {
  EXPECT_TRUE(fetched_by_reading(kReadAheadFrom - 1, kSize).empty());
  EXPECT_TRUE(to_read_ahead(kReadAheadBytes - 1, kReadAheadBytes + 4096, kSize).empty());
}

TEST(ReadAhead, AValueOfOnePieceHasNothingMore) {
  EXPECT_TRUE(to_read_ahead(0, kReadAheadFrom, kReadAheadFrom).empty());
  EXPECT_TRUE(to_read_ahead(0, kReadAheadBytes, kReadAheadBytes).empty());
}

}  // namespace
}  // namespace kvfs
