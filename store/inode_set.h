// A set of inode numbers. They are given out densely, so a bitmap in small pieces: a bit each where they are dense,
// never more than about a hundred bytes each.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "store/key.h"

namespace kvfs {

/// Not thread-safe.
class InodeSet {
 public:
  /// False if it was there.
  bool insert(Inode inode) {
    uint64_t& word = pieces_[inode / kPieceBits][inode % kPieceBits / 64];
    const uint64_t bit = uint64_t{1} << (inode % 64);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  }
  bool contains(Inode inode) const {
    const auto piece = pieces_.find(inode / kPieceBits);
    return piece != pieces_.end() && (piece->second[inode % kPieceBits / 64] >> (inode % 64) & 1) != 0;
  }

 private:
  static constexpr uint64_t kPieceBits = 512;
  std::unordered_map<uint64_t, std::array<uint64_t, kPieceBits / 64>> pieces_;
};

}  // namespace kvfs
