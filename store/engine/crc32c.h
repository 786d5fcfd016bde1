// CRC-32C (Castagnoli), the checksum of journal records and chunks.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvfs {

/// The CRC-32C of the bytes that gave `crc` followed by `bytes`; 0 is the CRC of nothing. Any thread.
/// Uses the processor's instruction where it has one (several GB/s), else tables.
uint32_t crc32c_extend(uint32_t crc, std::string_view bytes);

inline uint32_t crc32c(std::string_view bytes) { return crc32c_extend(0, bytes); }

namespace internal {
/// The portable implementation, for tests and for processors without the instruction.
uint32_t crc32c_extend_portable(uint32_t crc, std::string_view bytes);
}  // namespace internal

}  // namespace kvfs
