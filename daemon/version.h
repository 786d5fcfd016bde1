// The version of this build, from meson.build.
#pragma once

namespace kvfs {
inline constexpr const char* kVersion = KVFS_VERSION;
}
