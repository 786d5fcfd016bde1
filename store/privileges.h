// What a file gives to whoever runs it, beside his own rights. Who changes what is in the file takes it away, since it
// was given to what was there before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kvfs {

/// setuid, and setgid where the group may execute (without that it stands for something else).
uint32_t set_id_bits(uint32_t mode);

/// Encoded attributes (entry.h) without the file's capabilities.
std::string without_capabilities(std::string_view xattrs);
inline constexpr std::string_view kCapabilitiesName = "security.capability";

}  // namespace kvfs
