#include "store/engine/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace kvfs {
namespace {

constexpr size_t kCallBytesMax = size_t{1} << 30;  // the library counts in int

#if defined(__x86_64__)
constexpr size_t kNarrowBytesMax = 2048;  // above it the library's folding pays for its wide registers

__attribute__((target("sse4.2"))) uint32_t extend_narrow(uint32_t crc, std::string_view bytes) {
  uint64_t state = ~crc;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  auto narrow = static_cast<uint32_t>(state);
  for (; left > 0; --left, ++at) narrow = __builtin_ia32_crc32qi(narrow, static_cast<unsigned char>(*at));
  return ~narrow;
}

const bool has_instruction = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") != 0;
}();
const bool has_wide_registers = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx") != 0;
}();

// The library leaves their upper halves in use, which slows SSE code down that runs after it.
__attribute__((target("avx"))) void clear_wide_registers() { __builtin_ia32_vzeroupper(); }
#endif

// crc32_iscsi() carries state as the standards define it, without the inversions at both ends.
uint32_t extend_wide(uint32_t crc, std::string_view bytes) {
  auto* begin = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  for (size_t left = bytes.size(); left > 0;) {
    const size_t part = std::min(left, kCallBytesMax);
    crc = ~crc32_iscsi(begin, static_cast<int>(part), ~crc);
    begin += part;
    left -= part;
  }
#if defined(__x86_64__)
  if (has_wide_registers) clear_wide_registers();
#endif
  return crc;
}

}  // namespace

uint32_t crc32c_extend(uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  if (bytes.size() <= kNarrowBytesMax && has_instruction) return extend_narrow(crc, bytes);
#endif
  return extend_wide(crc, bytes);
}

}  // namespace kvfs
