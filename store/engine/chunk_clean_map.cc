#include "store/engine/chunk_clean_map.h"

#include <string>
#include <string_view>

#include "store/engine/chunk_segment.h"
#include "store/engine/coding.h"
#include "store/engine/crc32c.h"

namespace kvfs {
namespace {

constexpr std::string_view kMagic = "kvfsclm2";
constexpr std::string_view kMagicWithoutCommit = "kvfsclm1";
constexpr const char* kName = "CLEAN";
constexpr const char* kNewName = "CLEAN.new";

}  // namespace

Result<void> write_clean_map(Directory& directory, const CleanMap& map) {
  std::string bytes(kMagic);
  append_fixed(bytes, map.last_commit);
  append_fixed(bytes, static_cast<uint32_t>(map.segments.size()));
  for (const auto& [number, segment] : map.segments) {
    append_fixed(bytes, number);
    append_fixed(bytes, segment.end);
    for (const uint64_t word : segment.live) append_fixed(bytes, word);
  }
  append_fixed(bytes, crc32c(bytes));
  auto file = directory.open(kNewName, Directory::Open::open_or_make);
  if (!file) return file.error();
  if (auto cut = (*file)->truncate(0); !cut) return cut;
  if (auto written = (*file)->write_at(0, bytes); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  if (auto renamed = directory.rename(kNewName, kName); !renamed) return renamed;
  return directory.sync();
}

std::optional<CleanMap> read_clean_map(Directory& directory) {
  const auto file = directory.open(kName, Directory::Open::existing);
  if (!file) return std::nullopt;
  const auto size = (*file)->size();
  if (!size || *size < kMagic.size() + 2 * sizeof(uint32_t)) return std::nullopt;
  std::string bytes(*size, '\0');
  const auto length = (*file)->read_at(0, bytes.size(), bytes.data());
  if (!length || *length != bytes.size()) return std::nullopt;
  const bool tells_commit = bytes.starts_with(kMagic);
  if (!tells_commit && !bytes.starts_with(kMagicWithoutCommit)) return std::nullopt;
  const std::string_view sealed = std::string_view(bytes).substr(0, bytes.size() - sizeof(uint32_t));
  if (load_fixed<uint32_t>(sealed.data() + sealed.size()) != crc32c(sealed)) return std::nullopt;
  Decoder in(sealed.substr(kMagic.size()));
  CleanMap map;
  if (tells_commit) map.last_commit = in.fixed<uint64_t>();
  for (auto count = in.fixed<uint32_t>(); count > 0 && in.ok(); --count) {
    CleanSegment& segment = map.segments[in.fixed<uint32_t>()];
    segment.end = in.fixed<uint32_t>();
    for (size_t word = 0; word < kChunkSegmentPages / 64; ++word) segment.live.push_back(in.fixed<uint64_t>());
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return map;
}

Result<void> remove_clean_map(Directory& directory) {
  const auto removed = directory.unlink(kName);
  if (!removed && removed.error().code != Errc::not_found) return removed;
  return directory.sync();
}

}  // namespace kvfs
