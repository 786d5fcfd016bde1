// The chunk store of the memory engine.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include "store/engine/chunk_store.h"
#include "store/engine/reader_registry.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class MemoryChunks final : public ChunkStore {
 public:
  /// `bytes_max` 0: no limit.
  MemoryChunks(ReaderRegistry& readers, const std::atomic<Sequence>& visible, uint64_t bytes_max)
      : readers_(readers), visible_(visible), bytes_max_(bytes_max) {}

  Result<ChunkRef> append(std::string_view bytes) override;
  Result<void> read(const ChunkRef& ref, uint32_t offset, uint32_t length, char* out) const override;
  void discard(const ChunkRef& ref) override;
  std::unique_ptr<Pin> pin() override;
  bool unclean() const override { return false; }
  Result<void> retain_only(const std::function<Result<void>(const Keep&)>&) override { return {}; }
  uint64_t bytes_used() const override { return bytes_.load(); }

  /// As ChunkLog::adopt().
  void adopt(std::span<const ChunkRef> refs) noexcept;
  /// REQUIRES: nothing can see the chunks.
  void release(std::span<const ChunkRef> refs);

 private:
  ReaderRegistry& readers_;
  const std::atomic<Sequence>& visible_;
  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_{0};
  mutable std::mutex mutex_;
  uint64_t next_ = 0;                                              // guarded by mutex_
  std::map<uint64_t, std::shared_ptr<const std::string>> chunks_;  // guarded by mutex_
  std::unordered_set<uint64_t> staged_;                            // guarded by mutex_: appended, and not yet adopted
};

}  // namespace kvfs
