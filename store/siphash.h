// SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash, so that nobody who does not know the key can choose members
// that collide. DO NOT CHANGE: the places of a large set's members on disk are its values.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kvfs {

inline uint64_t siphash(uint64_t key, std::string_view bytes) {
  uint64_t v0 = key ^ 0x736f6d6570736575;
  uint64_t v1 = ~key ^ 0x646f72616e646f6d;
  uint64_t v2 = key ^ 0x6c7967656e657261;
  uint64_t v3 = ~key ^ 0x7465646279746573;
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  };
  const uint64_t length = uint64_t{bytes.size()} << 56;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  uint64_t last = length;
  for (size_t i = 0; i < bytes.size(); ++i) last |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xff;
  round(), round(), round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace kvfs
