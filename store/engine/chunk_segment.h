// One file of the chunk log and which of its pages are live. Knows nothing of transactions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/engine/chunk_store.h"
#include "store/result.h"

namespace kvfs {

inline constexpr uint32_t kChunkSegmentPages = 65536;  // 256 MiB

constexpr uint32_t pages_of(uint32_t bytes) { return (bytes + kChunkPageBytes - 1) / kChunkPageBytes; }

/// Live pages of a segment. Not thread-safe.
class PageMap {
 public:
  void set(uint32_t page, uint32_t count, bool live);
  bool test(uint32_t page) const { return page < kChunkSegmentPages && (words_[page / 64] >> (page % 64) & 1) != 0; }
  uint32_t live() const { return live_; }
  const std::vector<uint64_t>& words() const { return words_; }
  void assign(std::vector<uint64_t> words);

 private:
  std::vector<uint64_t> words_ = std::vector<uint64_t>(kChunkSegmentPages / 64);
  uint32_t live_ = 0;
};

/// An open segment file; closed with the last user, so that it may be unlinked while it is read. Thread safety: all.
class SegmentFile {
 public:
  /// Errors: io, no_space, access_denied.
  static Result<std::shared_ptr<SegmentFile>> open(const std::string& path, bool create);
  ~SegmentFile();
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  Result<void> write(uint64_t offset, std::string_view bytes);
  /// Errors: io, corrupt (the file ends before).
  Result<void> read(uint64_t offset, size_t length, char* out) const;
  Result<void> sync();
  /// Gives the space back; best effort, since some file systems cannot.
  void punch(uint64_t offset, uint64_t length);
  Result<uint64_t> size() const;

 private:
  SegmentFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  const int fd_;
  const std::string path_;
};

}  // namespace kvfs
