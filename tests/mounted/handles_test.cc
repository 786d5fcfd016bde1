// Files opened by handle, as servers do that re-export the mount (NFS, Samba): name_to_handle_at(2),
// open_by_handle_at(2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

/// A file's handle; the bytes a server would give to its clients.
class Handle {
 public:
  explicit Handle(const std::string& path) {
    get()->handle_bytes = MAX_HANDLE_SZ;
    int mount_id = 0;
    if (name_to_handle_at(AT_FDCWD, path.c_str(), get(), &mount_id, 0) != 0)
      ADD_FAILURE() << "name_to_handle_at " << path << ": " << std::strerror(errno);
  }
  /// Opens it on the mount of `directory`; -1 with errno.
  int open(const std::string& directory) {
    const int mount = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY);
    const int fd = open_by_handle_at(mount, get(), O_RDONLY);
    const int error = errno;
    ::close(mount);
    errno = error;
    return fd;
  }

 private:
  file_handle* get() { return reinterpret_cast<file_handle*>(bytes_.data()); }
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> bytes_{};
};

class HandleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    output_of("mkdir -p " + kvfs.at("directory"));
    write_file(kvfs.at("directory/file"), "content");
    Handle probe(kvfs.at("directory/file"));
    const int fd = probe.open(kvfs.mount_point());
    ASSERT_GE(fd, 0) << std::strerror(errno) << " (only root may open by handle)";
    ::close(fd);
  }
  /// What is read by the handle, or the error.
  std::string content(Handle& handle) {
    const int fd = handle.open(kvfs.mount_point());
    if (fd < 0) return std::strerror(errno);
    std::array<char, 64> bytes{};
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    const std::string text = got < 0 ? std::strerror(errno) : std::string(bytes.data(), static_cast<size_t>(got));
    ::close(fd);
    return text;
  }
  KvfsProcess kvfs;
};

TEST_F(HandleTest, OpensWhatItNamesAlsoAfterARestartAndRenamesElsewhere) {
  Handle file(kvfs.at("directory/file"));
  Handle directory(kvfs.at("directory"));
  EXPECT_EQ(content(file), "content");
  kvfs.restart();  // neither the kernel nor the daemon remembers anything of it
  EXPECT_EQ(content(file), "content");
  EXPECT_EQ(content(directory), std::strerror(EISDIR));
  kvfs.restart();
  ASSERT_EQ(::rename(kvfs.at("directory/file").c_str(), kvfs.at("moved").c_str()), 0);
  ASSERT_EQ(::link(kvfs.at("moved").c_str(), kvfs.at("second").c_str()), 0);
  ASSERT_EQ(::unlink(kvfs.at("moved").c_str()), 0);
  kvfs.restart();
  EXPECT_EQ(content(file), "content");
  EXPECT_EQ(read_file(kvfs.at("second")), "content");
}

TEST_F(HandleTest, OfWhatIsGoneIsStale) {
  Handle file(kvfs.at("directory/file"));
  ASSERT_EQ(::unlink(kvfs.at("directory/file").c_str()), 0);
  write_file(kvfs.at("directory/file"), "another");
  kvfs.restart();
  EXPECT_EQ(content(file), std::strerror(ESTALE));
  EXPECT_EQ(content(file), std::strerror(ESTALE));
}

TEST_F(HandleTest, OfWhatTheKernelHasForgottenOpensIt) {
  Handle file(kvfs.at("directory/file"));
  for (int i = 0; i < 2; ++i) {
    std::ofstream("/proc/sys/vm/drop_caches") << "2\n";
    EXPECT_EQ(content(file), "content");
  }
}

}  // namespace
}  // namespace kvfs::test
