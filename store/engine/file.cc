#include "store/engine/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace kvfs {
namespace {

// Calls until it is not interrupted by a signal.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public File {
 public:
  explicit PosixFile(std::string path) : path_(std::move(path)) {}
  ~PosixFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  /// False: errno says why.
  bool open_at(int directory, const std::string& name, int flags) {
    fd_ = uninterrupted([&] { return ::openat(directory, name.c_str(), flags, 0600); });
    return fd_ >= 0;
  }

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          uninterrupted([&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (written < 0) return io_error("pwrite", path_, errno);
      if (written == 0) return io_error("pwrite", path_, EIO);
      bytes.remove_prefix(static_cast<size_t>(written));
      offset += static_cast<size_t>(written);
    }
    return {};
  }

  Result<void> append(std::string_view bytes) override {
    auto end = size();
    if (!end) return end.error();
    return write_at(*end, bytes);
  }

  Result<size_t> read_at(uint64_t offset, size_t length, char* out) const override {
    size_t done = 0;
    while (done < length) {
      const ssize_t got =
          uninterrupted([&] { return ::pread(fd_, out + done, length - done, static_cast<off_t>(offset + done)); });
      if (got < 0) return io_error("pread", path_, errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  void will_need(uint64_t offset, uint64_t length) const override {
    // What is read often is in memory: then this is all that it costs (preadv2(2)).
    char byte;
    iovec first{&byte, 1};
    if (::preadv2(fd_, &first, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1) return;
    (void)::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
  }

  Result<uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return io_error("fstat", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

  Result<void> sync() override {
    if (uninterrupted([&] { return ::fdatasync(fd_); }) != 0) return io_error("fdatasync", path_, errno);
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) != 0) {
      return io_error("ftruncate", path_, errno);
    }
    return {};
  }

  Result<void> allocate(uint64_t offset, uint64_t length) override {
    // posix_fallocate writes zeros where the file system has no reservation; it returns the error.
    int error;
    do {
      error = ::posix_fallocate(fd_, static_cast<off_t>(offset), static_cast<off_t>(length));
    } while (error == EINTR);
    if (error != 0) return io_error("fallocate", path_, error);
    return {};
  }

  Result<void> punch_hole(uint64_t offset, uint64_t length) override {
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const auto punch = [&] { return ::fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(length)); };
    if (uninterrupted(punch) == 0) return {};
    const int error = errno;
    Error failed = io_error("fallocate(PUNCH_HOLE)", path_, error);
    if (error == EOPNOTSUPP || error == ENOSYS) failed.code = Errc::unsupported;
    return failed;
  }

  Result<void> close() override {
    const int fd = std::exchange(fd_, -1);
    // Not repeated after EINTR: on Linux the descriptor is gone.
    if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) return io_error("close", path_, errno);
    return {};
  }

 private:
  int fd_ = -1;
  const std::string path_;
};

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixDirectory() override { ::close(fd_); }

  Result<std::unique_ptr<File>> open(const std::string& name, Open how) override {
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    if (how != Open::existing) flags |= O_CREAT;
    if (how == Open::create_new) flags |= O_EXCL;
    auto file = std::make_unique<PosixFile>(path_of(name));  // first: a descriptor must not be lost for want of memory
    if (!file->open_at(fd_, name, flags)) {
      Error error = io_error("open", path_of(name), errno);
      // Not a name that is absent, which somebody could take for an absent key: the directory is.
      if (how != Open::existing && error.code == Errc::not_found) error.code = Errc::io;
      return error;
    }
    return std::unique_ptr<File>(std::move(file));
  }

  Result<std::vector<std::string>> list() const override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(path_, error), end; !error && it != end; it.increment(error)) {
      if (it->is_regular_file(error)) names.push_back(it->path().filename().string());
    }
    if (error) return io_error("readdir", path_, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::renameat(fd_, from.c_str(), fd_, to.c_str()) != 0) return io_error("rename", path_of(from), errno);
    return {};
  }

  Result<void> unlink(const std::string& name) override {
    if (::unlinkat(fd_, name.c_str(), 0) != 0) return io_error("unlink", path_of(name), errno);
    return {};
  }

  Result<void> sync() override {
    if (uninterrupted([&] { return ::fsync(fd_); }) != 0) return io_error("fsync", path_, errno);
    return {};
  }

  const std::string& path() const override { return path_; }

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  const int fd_;
  const std::string path_;
};

int open_directory_fd(const std::string& path) {
  return uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
}

// So that the directory's own entry survives power loss.
Result<void> sync_parent(const std::string& path) {
  const std::string parent = std::filesystem::absolute(path).parent_path();
  const int fd = open_directory_fd(parent);
  if (fd < 0) return io_error("open", parent, errno);
  const int synced = uninterrupted([&] { return ::fsync(fd); });
  const int error = errno;
  ::close(fd);
  if (synced != 0) return io_error("fsync", parent, error);
  return {};
}

}  // namespace

Errc errc_of_errno(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::no_space;
    case EACCES:
    case EPERM:
      return Errc::access_denied;
    case ENOENT:
      return Errc::not_found;
    case EEXIST:
      return Errc::exists;
    case ENOTDIR:
      return Errc::not_directory;
    case EISDIR:
      return Errc::is_directory;
    case EROFS:
      return Errc::read_only;
    case EMFILE:
    case ENFILE:
      return Errc::limit_reached;
    default:
      return Errc::io;
  }
}

Error io_error(std::string_view operation, std::string_view path, int errno_value) noexcept {
  Error error{errc_of_errno(errno_value), {}};
  try {
    std::string detail(operation);
    detail.append(" ").append(path).append(": ").append(std::generic_category().message(errno_value));
    error.detail = std::move(detail);
  } catch (const std::exception&) {  // no memory: a failed write or sync must be known as such all the same
  }
  return error;
}

Result<std::unique_ptr<Directory>> open_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) {
    if (auto synced = sync_parent(path); !synced) return synced.error();
  } else if (errno != EEXIST) {
    return io_error("mkdir", path, errno);
  }
  const int fd = open_directory_fd(path);
  if (fd < 0) return io_error("open", path, errno);
  return std::unique_ptr<Directory>(std::make_unique<PosixDirectory>(fd, path));
}

}  // namespace kvfs
