#include "store/engine/chunk_clean_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "store/engine/chunk_segment.h"
#include "store/engine/crc32c.h"

namespace kvfs {
namespace {

constexpr std::string_view kMagic = "kvfsclm1";

void put_u32(std::string& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

uint32_t get_u32(std::string_view& in) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<unsigned char>(in[i])} << (8 * i);
  in.remove_prefix(4);
  return value;
}

}  // namespace

Result<void> write_clean_map(const std::string& path, const CleanMap& map) {
  std::string bytes(kMagic);
  put_u32(bytes, static_cast<uint32_t>(map.size()));
  for (const auto& [number, segment] : map) {
    put_u32(bytes, number);
    put_u32(bytes, segment.end);
    for (const uint64_t word : segment.live) {
      put_u32(bytes, static_cast<uint32_t>(word));
      put_u32(bytes, static_cast<uint32_t>(word >> 32));
    }
  }
  put_u32(bytes, crc32c(bytes));
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  auto file = SegmentFile::open(temporary, true);
  if (!file) return file.error();
  if (auto written = (*file)->write(0, bytes); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return Error{Errc::io, "cannot rename " + temporary + ": " + std::strerror(errno)};
  return {};
}

std::optional<CleanMap> read_clean_map(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  if (bytes.size() < kMagic.size() + 8 || bytes.compare(0, kMagic.size(), kMagic) != 0) return std::nullopt;
  std::string_view in(bytes);
  std::string_view checksum = in.substr(in.size() - 4);
  in.remove_suffix(4);
  if (get_u32(checksum) != crc32c(in)) return std::nullopt;
  in.remove_prefix(kMagic.size());
  const uint32_t count = get_u32(in);
  constexpr size_t kWords = kChunkSegmentPages / 64;
  if (in.size() != count * (8 + kWords * 8)) return std::nullopt;
  CleanMap map;
  for (uint32_t i = 0; i < count; ++i) {
    CleanSegment& segment = map[get_u32(in)];
    segment.end = get_u32(in);
    for (size_t word = 0; word < kWords; ++word) {
      const uint64_t low = get_u32(in);
      segment.live.push_back(low | uint64_t{get_u32(in)} << 32);
    }
  }
  return map;
}

}  // namespace kvfs
