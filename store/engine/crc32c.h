// CRC-32C (Castagnoli), the checksum of journal records and chunks.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvfs {

/// The CRC-32C of the bytes that gave `crc` followed by `bytes`; 0 is the CRC of nothing. Any thread.
/// Short input goes through the processor's own instruction, longer input through ISA-L (tens of GB/s where the
/// processor multiplies without carry; Gopal et al., "Fast CRC Computation for iSCSI Polynomial", Intel 2011).
uint32_t crc32c_extend(uint32_t crc, std::string_view bytes);

inline uint32_t crc32c(std::string_view bytes) { return crc32c_extend(0, bytes); }

}  // namespace kvfs
