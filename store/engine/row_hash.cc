#include "store/engine/row_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <random>

namespace kvfs {
namespace {

uint64_t draw_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

uint64_t row_hash(std::string_view key) {
  static const uint64_t seed = draw_seed();
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

}  // namespace kvfs
