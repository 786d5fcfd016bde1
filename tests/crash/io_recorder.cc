#include "tests/crash/io_recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace kvfs::crash {
namespace {

namespace fs = std::filesystem;

bool followed(const std::string& path) { return !path.ends_with("/lock.mdb"); }

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// Skips holes: preallocated files are mostly that.
void read_file(const fs::path& path, ImageFile& file) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), path.string());
  file.size = fs::file_size(path);
  Sector sector{};
  off_t at = 0;
  while ((at = ::lseek(fd, at, SEEK_DATA)) >= 0) {
    at -= at % static_cast<off_t>(kSectorBytes);
    const off_t end = ::lseek(fd, at, SEEK_HOLE);
    for (; at < end; at += kSectorBytes) {
      sector.fill(0);
      if (::pread(fd, sector.data(), sector.size(), at) <= 0) break;
      if (sector != Sector{}) file.sectors[at / kSectorBytes] = std::make_shared<Sector>(sector);
    }
  }
  ::close(fd);
}

template <class Value>
Value failed(int errno_value) {
  errno = errno_value;
  return -1;
}

}  // namespace

IoRecorder& IoRecorder::instance() {
  // Never destroyed: files are closed until the very end of the process.
  static IoRecorder* const recorder = new IoRecorder;
  return *recorder;
}

void IoRecorder::start(const std::string& root) {
  const std::lock_guard lock(mutex_);
  root_ = root;
  model_ = DiskModel(read_image(root));
  open_.clear();
  operations_ = 0;
  active_.store(true, std::memory_order_release);
}

void IoRecorder::stop() {
  const std::lock_guard lock(mutex_);
  active_.store(false, std::memory_order_release);
  judge = nullptr;
  observe = nullptr;
}

// The path relative to the root.
std::optional<std::string> IoRecorder::path_below(int directory, const char* path) const {
  std::string absolute(path);
  if (absolute.empty() || absolute[0] != '/') {
    const OpenFile* parent = find(directory);
    if (parent == nullptr) return std::nullopt;
    absolute = root_ + parent->path + "/" + absolute;
  }
  if (absolute.size() < root_.size() || absolute.compare(0, root_.size(), root_) != 0) return std::nullopt;
  if (absolute.size() > root_.size() && absolute[root_.size()] != '/') return std::nullopt;
  while (absolute.ends_with('/')) absolute.pop_back();
  return absolute.substr(root_.size());
}

const IoRecorder::OpenFile* IoRecorder::find(int fd) const {
  const auto found = open_.find(fd);
  return found == open_.end() ? nullptr : &found->second;
}

Verdict IoRecorder::ask(const IoOperation& operation) {
  ++operations_;
  const Verdict verdict = judge ? judge(operation) : Verdict{};
  if (verdict.kill_before) die();
  return verdict;
}

void IoRecorder::done(const Verdict& verdict) {
  if (verdict.kill_after) die();
  if (observe) observe(model_);
}

int IoRecorder::open(int directory, const char* path, int flags, unsigned mode) {
  const std::lock_guard lock(mutex_);
  const auto below = path_below(directory, path);
  const auto real = [&] {
    const int fd = static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
    open_.erase(fd);  // closedir(3) closes without being seen here
    return fd;
  };
  if (!below || !followed(*below)) return real();
  if (is_directory(root_ + *below)) {
    const int fd = real();
    if (fd >= 0) open_[fd] = {*below, 0, true, false};
    return fd;
  }
  const bool creates = (flags & O_CREAT) != 0 && !model_.find(*below);
  Verdict verdict;
  if (creates) verdict = ask({IoKind::create, *below});
  if (verdict.errno_value != 0) return failed<int>(verdict.errno_value);
  const int fd = real();
  if (fd < 0) return fd;
  auto file = model_.find(*below);
  if (!file) file = model_.create(*below);
  if ((flags & O_TRUNC) != 0) model_.truncate(*file, 0);
  open_[fd] = {*below, *file, false, (flags & O_DSYNC) != 0};
  if (creates) done(verdict);
  return fd;
}

int IoRecorder::close(int fd) {
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}

int64_t IoRecorder::write(int fd, const char* bytes, size_t count, std::optional<int64_t> offset) {
  const std::lock_guard lock(mutex_);
  const auto real = [&](size_t length) {
    return offset ? ::syscall(SYS_pwrite64, fd, bytes, length, *offset) : ::syscall(SYS_write, fd, bytes, length);
  };
  const OpenFile* const file = find(fd);
  if (file == nullptr || file->is_directory) return real(count);

  const int64_t at = offset ? *offset : ::lseek(fd, 0, SEEK_CUR);
  const Verdict verdict = ask({IoKind::write, file->path, count});
  const size_t allowed = std::min<size_t>(count, verdict.short_bytes.value_or(verdict.errno_value != 0 ? 0 : count));
  int64_t written = 0;
  if (allowed > 0) {
    written = real(allowed);
    if (written < 0) return written;
    model_.write(file->file, static_cast<uint64_t>(at), {bytes, static_cast<size_t>(written)});
    if (file->synchronous && verdict.errno_value == 0) {
      model_.sync_range(file->file, static_cast<uint64_t>(at), static_cast<uint64_t>(written));
    }
  }
  done(verdict);
  return verdict.errno_value != 0 ? failed<int64_t>(verdict.errno_value) : written;
}

// The system call runs outside the lock, so that other threads write meanwhile; what they write is not covered.
int IoRecorder::sync(int fd, bool data_only) {
  const auto real = [&] { return static_cast<int>(::syscall(data_only ? SYS_fdatasync : SYS_fsync, fd)); };
  std::unique_lock lock(mutex_);
  const OpenFile* const found = find(fd);
  if (found == nullptr) {
    lock.unlock();
    return real();
  }
  const OpenFile file = *found;
  const auto begun = model_.begin_sync();
  const Verdict verdict = ask({file.is_directory ? IoKind::sync_directory : IoKind::sync, file.path});
  if (verdict.errno_value != 0) {
    if (!file.is_directory) model_.fail_sync(file.file, begun);
    done(verdict);
    return failed<int>(verdict.errno_value);
  }
  lock.unlock();
  const int result = real();
  lock.lock();
  if (result != 0) return result;
  if (file.is_directory) {
    model_.sync_directory(file.path);
  } else {
    model_.end_sync(file.file, begun);
  }
  done(verdict);
  return 0;
}

int IoRecorder::truncate(int fd, int64_t size) {
  const std::lock_guard lock(mutex_);
  const auto real = [&] { return static_cast<int>(::syscall(SYS_ftruncate, fd, size)); };
  const OpenFile* const file = find(fd);
  if (file == nullptr || file->is_directory) return real();
  const Verdict verdict = ask({IoKind::truncate, file->path});
  if (verdict.errno_value != 0) return failed<int>(verdict.errno_value);
  const int result = real();
  if (result == 0) model_.truncate(file->file, static_cast<uint64_t>(size));
  done(verdict);
  return result;
}

int IoRecorder::allocate(int fd, int mode, int64_t offset, int64_t length) {
  const std::lock_guard lock(mutex_);
  const auto real = [&] { return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, length)); };
  const OpenFile* const file = find(fd);
  if (file == nullptr || file->is_directory) return real();
  const bool punches = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
  const Verdict verdict = ask({punches ? IoKind::punch : IoKind::allocate, file->path});
  if (verdict.errno_value != 0) return failed<int>(verdict.errno_value);
  const int result = real();
  if (result == 0) {
    const auto end = static_cast<uint64_t>(offset + length);
    if (punches || (mode & FALLOC_FL_ZERO_RANGE) != 0) {
      model_.zero(file->file, static_cast<uint64_t>(offset), static_cast<uint64_t>(length));
    }
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > model_.size(file->file)) model_.truncate(file->file, end);
  }
  done(verdict);
  return result;
}

int IoRecorder::rename(int from_directory, const char* from, int to_directory, const char* to) {
  const std::lock_guard lock(mutex_);
  const auto real = [&] {
    return static_cast<int>(::syscall(SYS_renameat2, from_directory, from, to_directory, to, 0u));
  };
  const auto from_path = path_below(from_directory, from);
  const auto to_path = path_below(to_directory, to);
  if (!from_path || !to_path || !model_.find(*from_path)) return real();
  const Verdict verdict = ask({IoKind::rename, *from_path});
  if (verdict.errno_value != 0) return failed<int>(verdict.errno_value);
  const int result = real();
  if (result == 0) model_.rename(*from_path, *to_path);
  done(verdict);
  return result;
}

int IoRecorder::unlink(int directory, const char* path, int flags) {
  const std::lock_guard lock(mutex_);
  const auto real = [&] { return static_cast<int>(::syscall(SYS_unlinkat, directory, path, flags)); };
  const auto below = path_below(directory, path);
  if (!below || !model_.find(*below)) return real();
  const Verdict verdict = ask({IoKind::unlink, *below});
  if (verdict.errno_value != 0) return failed<int>(verdict.errno_value);
  const int result = real();
  if (result == 0) model_.unlink(*below);
  done(verdict);
  return result;
}

Image read_image(const std::string& root) {
  Image image;
  if (!fs::exists(root)) return image;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = entry.path().string().substr(root.size());
    if (!entry.is_regular_file() || !followed(path)) continue;
    read_file(entry.path(), image[path]);
  }
  return image;
}

void write_image(const Image& image, const std::string& root) {
  fs::remove_all(root);
  // Directories are not modelled: those of a store are synced with their parent before anything is in them.
  for (const char* part : {"base", "journal", "chunks"}) fs::create_directories(fs::path(root) / part);
  for (const auto& [path, file] : image) {
    const fs::path real = root + path;
    fs::create_directories(real.parent_path());
    std::ofstream out(real, std::ios::binary);
    for (const auto& [number, sector] : file.sectors) {
      const uint64_t offset = number * kSectorBytes;
      if (!sector || offset >= file.size) continue;
      out.seekp(static_cast<std::streamoff>(offset));
      out.write(sector->data(), static_cast<std::streamsize>(std::min(kSectorBytes, file.size - offset)));
    }
    out.close();
    fs::resize_file(real, file.size);
  }
}

std::string difference(const Image& a, const Image& b) {
  for (const auto& [path, file] : a) {
    const auto other = b.find(path);
    if (other == b.end()) return path + " is in one only";
    if (file.size != other->second.size) {
      return path + " has " + std::to_string(file.size) + " and " + std::to_string(other->second.size) + " bytes";
    }
    if (file.bytes() != other->second.bytes()) return path + " differs";
  }
  for (const auto& [path, file] : b) {
    if (!a.contains(path)) return path + " is in the other only";
  }
  return {};
}

}  // namespace kvfs::crash
