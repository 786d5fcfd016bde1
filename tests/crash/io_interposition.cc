// Replaces the C library's file functions in this executable and in the libraries it loads. Outside a recording they
// are the bare system calls.

// With it the headers would give open() and the like the symbols of open64(); both must be defined here.
#undef _FILE_OFFSET_BITS

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <string>

#include "tests/crash/io_recorder.h"

namespace {

using kvfs::crash::IoRecorder;

// Null outside a recording.
IoRecorder* recorder() {
  IoRecorder& instance = IoRecorder::instance();
  return instance.active() ? &instance : nullptr;
}

int do_open(int directory, const char* path, int flags, unsigned mode) {
  if (auto* r = recorder()) return r->open(directory, path, flags, mode);
  return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}

ssize_t do_write(int fd, const void* bytes, size_t count) {
  if (auto* r = recorder()) return r->write(fd, static_cast<const char*>(bytes), count, std::nullopt);
  return ::syscall(SYS_write, fd, bytes, count);
}

ssize_t do_pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  if (auto* r = recorder()) return r->write(fd, static_cast<const char*>(bytes), count, offset);
  return ::syscall(SYS_pwrite64, fd, bytes, count, offset);
}

std::string joined(const struct iovec* parts, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return all;
}

int do_fallocate(int fd, int mode, off_t offset, off_t length) {
  if (auto* r = recorder()) return r->allocate(fd, mode, offset, length);
  return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, length));
}

int do_truncate(int fd, off_t size) {
  if (auto* r = recorder()) return r->truncate(fd, size);
  return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}

int do_sync(int fd, bool data_only) {
  if (auto* r = recorder()) return r->sync(fd, data_only);
  return static_cast<int>(::syscall(data_only ? SYS_fdatasync : SYS_fsync, fd));
}

int do_rename(int from_directory, const char* from, int to_directory, const char* to) {
  if (auto* r = recorder()) return r->rename(from_directory, from, to_directory, to);
  return static_cast<int>(::syscall(SYS_renameat2, from_directory, from, to_directory, to, 0u));
}

int do_unlink(int directory, const char* path, int flags) {
  if (auto* r = recorder()) return r->unlink(directory, path, flags);
  return static_cast<int>(::syscall(SYS_unlinkat, directory, path, flags));
}

unsigned mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return do_open(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return do_open(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return do_open(directory, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return do_open(directory, path, flags, mode);
}

int close(int fd) {
  if (auto* r = recorder()) return r->close(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}

ssize_t write(int fd, const void* bytes, size_t count) { return do_write(fd, bytes, count); }
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) { return do_pwrite(fd, bytes, count, offset); }
ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t offset) { return do_pwrite(fd, bytes, count, offset); }
ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (recorder() == nullptr) return ::syscall(SYS_writev, fd, parts, count);
  const std::string all = joined(parts, count);
  return do_write(fd, all.data(), all.size());
}
ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  const std::string all = joined(parts, count);
  return do_pwrite(fd, all.data(), all.size(), offset);
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off_t offset) {
  return pwritev(fd, parts, count, offset);
}

int fsync(int fd) { return do_sync(fd, false); }
int fdatasync(int fd) { return do_sync(fd, true); }
int ftruncate(int fd, off_t size) noexcept { return do_truncate(fd, size); }
int ftruncate64(int fd, off_t size) noexcept { return do_truncate(fd, size); }
int fallocate(int fd, int mode, off_t offset, off_t length) { return do_fallocate(fd, mode, offset, length); }
int fallocate64(int fd, int mode, off_t offset, off_t length) { return do_fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return do_fallocate(fd, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

int rename(const char* from, const char* to) noexcept { return do_rename(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return do_rename(from_directory, from, to_directory, to);
}
int unlink(const char* path) noexcept { return do_unlink(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char* path, int flags) noexcept { return do_unlink(directory, path, flags); }
}
