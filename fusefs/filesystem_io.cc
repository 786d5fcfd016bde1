// Requests that move bytes: read, write, truncation, fallocate, lseek, copy_file_range.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

constexpr size_t kCopyStepBytes = 1 << 20;
constexpr size_t kCopyBytesPerRequestMax = 16 << 20;  // a longer copy goes on with the next request

}  // namespace

Result<size_t> Filesystem::write_staged(OpenFile& file, uint64_t offset, std::string_view bytes, Caller caller) {
  if (auto begun = begin_overlay(file); !begun) return begun.error();
  if (auto done = file.overlay.write(offset, bytes, base_reader(file)); !done) return done.error();
  staged_change(file, caller);
  if (file.overlay.wants_publication())
    if (auto done = publish(file, false); !done) return done.error();
  return bytes.size();
}

Result<size_t> Filesystem::write(FileHandle& handle, uint64_t offset, std::string_view bytes, Caller caller,
                                 Writing writing) {
  if (handle.control) return handle.control->write(offset, bytes);
  OpenFile& file = *handle.file;
  bool took_privileges = false;
  Result<size_t> written = size_t{0};
  {
    const std::unique_lock lock(file.mutex);
    const uint32_t cleared_before = file.clears_mode;
    if (writing == Writing::at_end) {
      // The kernel's idea of the end may be older than ours.
      if (auto begun = begin_overlay(file); !begun) return begun.error();
      offset = file.overlay.size();
    }
    written = write_staged(file, offset, bytes, caller);
    (writing == Writing::from_mapping ? file.staged_by_none : handle.added_to_staging) = file.staging;
    took_privileges = (file.clears_mode & ~cleared_before) != 0;
  }
  if (took_privileges && options_.attributes_changed) options_.attributes_changed(file.inode);
  return written;
}

Result<void> Filesystem::resize(OpenFile& file, uint64_t size, Caller caller) {
  if (auto begun = begin_overlay(file); !begun) return begun;
  if (size == file.overlay.size() && !file.overlay.dirty() && size == 0) {
    staged_change(file, caller);
    file.overlay.begin_empty(true);  // times change although bytes do not
    return {};
  }
  const auto cuts = file.overlay.resize(size, base_reader(file));
  if (!cuts) return cuts.error();
  staged_change(file, caller);
  if (*cuts) return publish(file, false);
  return {};
}

Result<void> Filesystem::allocate(FileHandle& handle, int mode, uint64_t offset, uint64_t length, Caller caller) {
  if (handle.control) return Errc::unsupported;
  constexpr int kKnown = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
  if ((mode & ~kKnown) != 0) return Error{Errc::unsupported, "fallocate: only allocating, punching and zeroing"};
  OpenFile& file = *handle.file;
  const std::unique_lock lock(file.mutex);
  if (auto begun = begin_overlay(file); !begun) return begun;
  handle.added_to_staging = file.staging;
  const bool keeps_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const uint64_t end = offset + length;
  if (end > kValueBytesMax) return Error{Errc::value_too_large, "a file holds at most 64 TiB"};
  const bool zeroes = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
  if (zeroes) {
    if (auto done = file.overlay.zero(offset, length, base_reader(file)); !done) return done;
    staged_change(file, caller);
  }
  const uint64_t size = file.overlay.size();
  const uint64_t wanted = keeps_size ? size : std::max(end, size);
  if (zeroes && wanted == size) return {};
  // Space is not reserved: a later write can still fail with ENOSPC. What can never fit is refused now.
  if (!zeroes && end > size) {
    const Store::Usage usage = store_.usage(tenant_of(file.inode));
    if (usage.quota_bytes != 0 && end - size > usage.quota_bytes - std::min(usage.quota_bytes, usage.bytes))
      return Error{Errc::quota_exceeded, "there is not so much room in the tenant's quota"};
    if (const auto room = statistics(file.inode); room && (end - size) / room->f_frsize > room->f_bavail)
      return Error{Errc::no_space, "there is not so much room on the disk"};
  }
  return resize(file, wanted, caller);
}

Result<uint64_t> Filesystem::seek(FileHandle& handle, uint64_t offset, int whence) {
  if (handle.control) return Errc::invalid;
  if (handle.snapshot_node != 0)
    return read_in(handle.snapshot_node, [&](const ReadTxn& txn) -> Result<uint64_t> {
      const auto located = locate(txn, handle.snapshot_node);
      if (!located) return located.error();
      return whence == SEEK_DATA ? seek_data(txn, located->entry, offset) : seek_hole(txn, located->entry, offset);
    });
  const OpenFile& file = *handle.file;
  const std::shared_lock lock(file.mutex);
  const auto published = [&](uint64_t from) {
    return store_.read([&](const ReadTxn& txn) -> Result<uint64_t> {
      const auto located = locate(txn, file.inode);
      if (!located) return located.error();
      return whence == SEEK_DATA ? seek_data(txn, located->entry, from) : seek_hole(txn, located->entry, from);
    });
  };
  if (!file.overlay.dirty()) return published(offset);
  return whence == SEEK_DATA ? file.overlay.seek_data(offset, published) : file.overlay.seek_hole(offset, published);
}

Result<size_t> Filesystem::copy_range(FileHandle& from, uint64_t from_offset, FileHandle& to, uint64_t to_offset,
                                      size_t length, Caller caller) {
  if (from.control || to.control) return Errc::invalid;
  before_blocking();
  length = std::min(length, kCopyBytesPerRequestMax);
  std::vector<char> step(std::min(length, kCopyStepBytes));
  size_t copied = 0;
  while (copied < length) {
    const auto got = read(from, from_offset + copied, std::min(step.size(), length - copied), step.data());
    if (!got) return got.error();
    if (*got == 0) break;
    OpenFile& file = *to.file;
    const std::unique_lock lock(file.mutex);
    if (auto done = write_staged(file, to_offset + copied, {step.data(), *got}, caller); !done) return done.error();
    to.added_to_staging = file.staging;
    copied += *got;
  }
  return copied;
}

}  // namespace kvfs
