#include "store/engine/chunk_segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace kvfs {
namespace {

Error system_error(const std::string& what, int code) {
  const std::string detail = what + ": " + std::strerror(code);
  if (code == ENOSPC || code == EDQUOT) return {Errc::no_space, detail};
  if (code == EACCES || code == EPERM) return {Errc::access_denied, detail};
  return {Errc::io, detail};
}

}  // namespace

void PageMap::set(uint32_t page, uint32_t count, bool live) {
  for (uint32_t i = page; i < page + count && i < kChunkSegmentPages; ++i) {
    if (test(i) == live) continue;
    words_[i / 64] ^= uint64_t{1} << (i % 64);
    live_ += live ? 1 : -1;
  }
}

void PageMap::assign(std::vector<uint64_t> words) {
  words_ = std::move(words);
  words_.resize(kChunkSegmentPages / 64);
  live_ = 0;
  for (const uint64_t word : words_) live_ += static_cast<uint32_t>(std::popcount(word));
}

Result<std::shared_ptr<SegmentFile>> SegmentFile::open(const std::string& path, bool create) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0600);
  if (fd < 0) return system_error("cannot open " + path, errno);
  return std::shared_ptr<SegmentFile>(new SegmentFile(fd, path));
}

SegmentFile::~SegmentFile() { close(fd_); }

Result<void> SegmentFile::write(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot write " + path_, errno);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<void> SegmentFile::read(uint64_t offset, size_t length, char* out) const {
  while (length > 0) {
    const ssize_t n = pread(fd_, out, length, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot read " + path_, errno);
    if (n == 0) return Error{Errc::corrupt, path_ + " ends before offset " + std::to_string(offset)};
    out += n;
    length -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<void> SegmentFile::sync() {
  if (fdatasync(fd_) != 0) return system_error("cannot sync " + path_, errno);
  return {};
}

void SegmentFile::punch(uint64_t offset, uint64_t length) {
  fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length));
}

Result<uint64_t> SegmentFile::size() const {
  struct stat data {};
  if (fstat(fd_, &data) != 0) return system_error("cannot stat " + path_, errno);
  return static_cast<uint64_t>(data.st_size);
}

}  // namespace kvfs
