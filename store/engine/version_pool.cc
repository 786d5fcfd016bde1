#include "store/engine/version_pool.h"

#include <cstring>
#include <new>

namespace kvfs {
namespace {

constexpr int kReusedAtOnceMax = 4;  // so that no write pays for a long backlog

}  // namespace

VersionPool::Size VersionPool::size_of(size_t value_bytes) {
  const size_t bytes = sizeof(Version) + value_bytes;
  const size_t small = (bytes + kSmallStep - 1) / kSmallStep;
  if (small <= kSmallClasses) return {small * kSmallStep, small - 1};
  const size_t large = (bytes + kLargeStep - 1) / kLargeStep;
  if (large <= kLargeClasses) return {large * kLargeStep, kSmallClasses + large - 1};
  return {bytes, kClasses};
}

void VersionPool::reuse_until(Sequence horizon) {
  for (int i = 0; i < kReusedAtOnceMax && !retired_.empty() && retired_.front().at <= horizon; ++i) {
    Version* const version = retired_.front().version;
    retired_.pop_front();
    const Size size = size_of(version->value_bytes);
    if (size.list == kClasses) continue;
    version->older = free_[size.list];
    free_[size.list] = version;
  }
}

VersionPool::Version* VersionPool::make(Sequence sequence, std::string_view value, bool erased, Sequence horizon) {
  reuse_until(horizon);
  const Size size = size_of(value.size());
  void* memory = nullptr;
  if (size.list != kClasses && free_[size.list] != nullptr) {
    memory = free_[size.list];
    free_[size.list] = const_cast<Version*>(free_[size.list]->older);
  } else {
    memory = arena_.allocate(size.bytes);
  }
  auto* const version = new (memory) Version{sequence, nullptr, static_cast<uint32_t>(value.size()), erased};
  if (!value.empty()) std::memcpy(version + 1, value.data(), value.size());
  return version;
}

}  // namespace kvfs
