#include "store/engine/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace kvfs {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "kvfs_file_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(root_); }

  std::string root_;
};

std::string content(const File& file) {
  std::string bytes(file.size().value(), '\0');
  EXPECT_EQ(file.read_at(0, bytes.size(), bytes.data()).value(), bytes.size());
  return bytes;
}

TEST_F(FileTest, WritesReadsAppendsAndTruncates) {
  auto directory = open_directory(root_ + "/new").value();
  auto file = directory->open("f", Directory::Open::create_new).value();
  ASSERT_TRUE(file->write_at(3, "abc"));
  ASSERT_TRUE(file->append("de"));
  EXPECT_EQ(content(*file), std::string("\0\0\0abcde", 8));
  ASSERT_TRUE(file->truncate(4));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(content(*file), std::string("\0\0\0a", 4));
  char past_end[8];
  EXPECT_EQ(file->read_at(2, sizeof past_end, past_end).value(), 2u);
  EXPECT_EQ(file->read_at(9, sizeof past_end, past_end).value(), 0u);
  ASSERT_TRUE(file->close());
  ASSERT_TRUE(file->close());
}

TEST_F(FileTest, AllocateMakesRoomOfZeros) {
  auto directory = open_directory(root_).value();
  auto file = directory->open("f", Directory::Open::open_or_make).value();
  ASSERT_TRUE(file->write_at(0, "ab"));
  ASSERT_TRUE(file->allocate(0, 4096));
  EXPECT_EQ(content(*file), "ab" + std::string(4094, '\0'));
}

TEST_F(FileTest, PunchedHolesReadAsZerosOrAreUnsupported) {
  auto directory = open_directory(root_).value();
  auto file = directory->open("f", Directory::Open::open_or_make).value();
  ASSERT_TRUE(file->write_at(0, std::string(3 * 4096, 'x')));
  auto punched = file->punch_hole(4096, 4096);
  if (!punched) {
    EXPECT_EQ(punched.error().code, Errc::unsupported);
    return;
  }
  EXPECT_EQ(content(*file), std::string(4096, 'x') + std::string(4096, '\0') + std::string(4096, 'x'));
}

TEST_F(FileTest, DirectoryListsRenamesAndUnlinks) {
  auto directory = open_directory(root_).value();
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(directory->open(name, Directory::Open::create_new));
  std::filesystem::create_directory(root_ + "/d");
  EXPECT_EQ(directory->list().value(), (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_TRUE(directory->rename("a", "b"));
  ASSERT_TRUE(directory->unlink("c"));
  ASSERT_TRUE(directory->sync());
  EXPECT_EQ(directory->list().value(), (std::vector<std::string>{"b"}));
}

TEST_F(FileTest, ErrorsNameOperationPathAndCause) {
  auto directory = open_directory(root_).value();
  auto missing = directory->open("none", Directory::Open::existing);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().detail, "open " + root_ + "/none: No such file or directory");

  ASSERT_TRUE(directory->open("f", Directory::Open::create_new));
  EXPECT_EQ(directory->open("f", Directory::Open::create_new).error().code, Errc::exists);
  EXPECT_EQ(open_directory(root_ + "/no/parent").error().code, Errc::not_found);
  EXPECT_EQ(open_directory(root_ + "/f").error().code, Errc::not_directory);
}

TEST_F(FileTest, ADirectoryThatIsGoneIsNoAbsentKey) {
  auto directory = open_directory(root_ + "/gone").value();
  ASSERT_TRUE(std::filesystem::remove(root_ + "/gone"));
  EXPECT_EQ(directory->open("f", Directory::Open::create_new).error().code, Errc::io);
  EXPECT_EQ(directory->open("f", Directory::Open::existing).error().code, Errc::not_found);
}

TEST_F(FileTest, FullDiskIsNoSpace) {
  auto directory = open_directory("/dev");
  if (!directory) GTEST_SKIP() << "no /dev";
  auto full = (*directory)->open("full", Directory::Open::existing);
  if (!full) GTEST_SKIP() << full.error().message();
  auto written = (*full)->write_at(0, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::no_space);
  EXPECT_EQ(written.error().detail, "pwrite /dev/full: No space left on device");
}

TEST_F(FileTest, ErrnoTable) {
  const struct {
    int errno_value;
    Errc code;
  } table[] = {{ENOSPC, Errc::no_space},      {EDQUOT, Errc::no_space},      {EFBIG, Errc::no_space},
               {EACCES, Errc::access_denied}, {EPERM, Errc::access_denied},  {ENOENT, Errc::not_found},
               {EROFS, Errc::read_only},      {EMFILE, Errc::limit_reached}, {EIO, Errc::io}};
  for (const auto& row : table) EXPECT_EQ(errc_of_errno(row.errno_value), row.code) << row.errno_value;
}

}  // namespace
}  // namespace kvfs
