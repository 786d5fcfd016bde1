// Attributes as tools set and read them: links, times, owners, modes, extended attributes, space, locks.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

class AttributesTest : public ::testing::Test {
 protected:
  AttributesTest() {
    output_of("mkdir -p " + kvfs.at(""));
    write_file(file, "value");
  }
  std::string sh(const std::string& command) { return output_of(command, kvfs.at("")); }
  std::string xattr(const std::string& path, const char* name) {
    char value[4096];
    const ssize_t n = ::getxattr(path.c_str(), name, value, sizeof value);
    return n < 0 ? "errno " + std::to_string(errno) : std::string(value, static_cast<size_t>(n));
  }
  KvfsProcess kvfs;
  const std::string file = kvfs.at("f");
};

TEST_F(AttributesTest, HardLinksShareTheirValueAndCountAndSurviveARestart) {
  sh("ln f g; mkdir d; ln f d/h; echo more >> g");
  EXPECT_EQ(sh("cat d/h; stat -c %h f g d/h; test f -ef d/h && echo same"), "valuemore\n3\n3\n3\nsame");
  kvfs.restart();
  EXPECT_EQ(sh("stat -c %h f; test f -ef d/h && echo same; rm f; cat g; stat -c %h g"), "3\nsame\nvaluemore\n2");
  EXPECT_EQ(kvfs.http().get("/v1/default/d/h").body, "valuemore\n");
  kvfs.http().put("/v1/default/g", "by http");
  EXPECT_EQ(sh("cat d/h"), "by http");
}

TEST_F(AttributesTest, InodeNumbersAreStableAcrossRestartsAndRenames) {
  const ino_t before = stat_of(file).st_ino;
  kvfs.restart();
  EXPECT_EQ(stat_of(file).st_ino, before);
  sh("mv f g");
  EXPECT_EQ(stat_of(kvfs.at("g")).st_ino, before);
}

TEST_F(AttributesTest, FifosAndSocketsAreKept) {
  sh("mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")' 2>/dev/null || true");
  EXPECT_TRUE(S_ISFIFO(stat_of(kvfs.at("pipe")).st_mode));
  EXPECT_EQ(sh("(echo through > pipe) & cat pipe; wait"), "through");
  kvfs.restart();
  EXPECT_TRUE(S_ISFIFO(stat_of(kvfs.at("pipe")).st_mode));
}

TEST_F(AttributesTest, TimesAreSetToTheNanosecondLeftAloneOrMadeNow) {
  const timespec exact[2] = {{1'000'000'000, 123'456'789}, {-1'000'000, 1}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), exact, 0), 0);
  auto attributes = stat_of(file);
  EXPECT_EQ(attributes.st_atim.tv_nsec, 123'456'789);
  EXPECT_EQ(attributes.st_mtim.tv_sec, -1'000'000);
  EXPECT_EQ(attributes.st_mtim.tv_nsec, 1);
  const timespec omit_and_now[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), omit_and_now, 0), 0);
  attributes = stat_of(file);
  EXPECT_EQ(attributes.st_atim.tv_sec, 1'000'000'000);
  EXPECT_GT(attributes.st_mtim.tv_sec, 1'700'000'000);
}

TEST_F(AttributesTest, AWriteByAnotherUserClearsSetuid) {
  sh("chmod 4777 f; setpriv --reuid=1234 --regid=1234 --clear-groups sh -c 'echo x >> f'");
  EXPECT_EQ(sh("stat -c %a f"), "777");
  sh("chmod 6777 f; chown 55:66 f");
  EXPECT_EQ(sh("stat -c %a f"), "777");
}

TEST_F(AttributesTest, AStickyDirectoryProtectsOthersFiles) {
  sh("mkdir -m 1777 tmp; echo x > tmp/of_root; chmod 755 .");
  EXPECT_NE(shell("setpriv --reuid=1234 --regid=1234 --clear-groups rm -f tmp/of_root", kvfs.at("")).exit_code, 0);
}

TEST_F(AttributesTest, ASetgidDirectoryPassesOnItsGroup) {
  sh("mkdir d; chgrp 4321 d; chmod 2775 d; touch d/f; mkdir d/sub");
  EXPECT_EQ(sh("stat -c '%g %a' d/f d/sub"), "4321 644\n4321 2755");
}

TEST_F(AttributesTest, ExtendedAttributesOfAllNamespacesAreKept) {
  sh(R"(setfattr -n user.a -v 1 f; setfattr -n user.empty f; setfattr -n user.binary -v 0x00ff f
     setfattr -n trusted.t -v x f; setfattr -n user.dir -v d .)");
  kvfs.restart();
  EXPECT_EQ(xattr(file, "user.a"), "1");
  EXPECT_EQ(xattr(file, "user.empty"), "");
  EXPECT_EQ(xattr(file, "user.binary"), std::string("\0\xff", 2));
  EXPECT_EQ(xattr(file, "trusted.t"), "x");
  EXPECT_EQ(xattr(file, "user.absent"), "errno " + std::to_string(ENODATA));
  EXPECT_EQ(sh("getfattr -m user. f | grep -c ^user."), "3");
  sh("setfattr -x user.a f");
  EXPECT_EQ(xattr(file, "user.a"), "errno " + std::to_string(ENODATA));
  EXPECT_NE(::setxattr(file.c_str(), "user.empty", "x", 1, XATTR_CREATE), 0);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_NE(::setxattr(file.c_str(), "user.a", "x", 1, XATTR_REPLACE), 0);
  EXPECT_EQ(errno, ENODATA);
}

TEST_F(AttributesTest, TheVersionAttributeIsTheEtagAndIsNotListed) {
  std::string etag = kvfs.http().get("/v1/default/f").headers["etag"];
  etag.erase(std::remove(etag.begin(), etag.end(), '"'), etag.end());
  EXPECT_EQ(xattr(file, "user.kvfs.version"), etag);
  EXPECT_EQ(sh("getfattr -m - f"), "");
}

TEST_F(AttributesTest, FallocateReservesPunchesAndZeroes) {
  const std::string bytes = random_bytes(300'000, 9);
  write_file(file, bytes);
  const int fd = ::open(file.c_str(), O_RDWR);
  ASSERT_EQ(::fallocate(fd, 0, 0, 400'000), 0);
  EXPECT_EQ(stat_of(file).st_size, 400'000);
  ASSERT_EQ(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 900'000), 0);
  EXPECT_EQ(stat_of(file).st_size, 400'000);
  ASSERT_EQ(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10'000, 200'000), 0);
  ASSERT_EQ(::fallocate(fd, FALLOC_FL_ZERO_RANGE, 250'000, 10'000), 0);
  ASSERT_EQ(::close(fd), 0);
  std::string expected = bytes;
  expected.resize(400'000);
  expected.replace(10'000, 200'000, 200'000, '\0');
  expected.replace(250'000, 10'000, 10'000, '\0');
  EXPECT_TRUE(read_file(file) == expected);
}

TEST_F(AttributesTest, HolesAreFoundAndTakeNoSpace) {
  const int fd = ::open(file.c_str(), O_RDWR | O_TRUNC);
  ASSERT_EQ(::pwrite(fd, "x", 1, 10'000'000), 1);
  ASSERT_EQ(::fsync(fd), 0);
  EXPECT_LT(stat_of(file).st_blocks * 512, 1'000'000);
  const off_t data = ::lseek(fd, 0, SEEK_DATA);
  EXPECT_GT(data, 9'000'000);
  EXPECT_EQ(::lseek(fd, 0, SEEK_HOLE), 0);
  EXPECT_EQ(::lseek(fd, 10'000'000, SEEK_HOLE), 10'000'001);
  ::close(fd);
}

TEST_F(AttributesTest, CopyFileRangeCopies) {
  const std::string bytes = random_bytes(1'000'000, 10);
  write_file(file, bytes);
  const int from = ::open(file.c_str(), O_RDONLY);
  const int to = ::open(kvfs.at("copy").c_str(), O_CREAT | O_WRONLY, 0644);
  off_t done = 0;
  while (done < 1'000'000) {
    const ssize_t n = ::copy_file_range(from, nullptr, to, nullptr, 300'000, 0);
    ASSERT_GT(n, 0);
    done += n;
  }
  ::close(from);
  ASSERT_EQ(::close(to), 0);
  EXPECT_TRUE(read_file(kvfs.at("copy")) == bytes);
}

TEST_F(AttributesTest, RecordLocksExcludeOtherProcesses) {
  const int fd = ::open(file.c_str(), O_RDWR);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_len = 3;
  ASSERT_EQ(::fcntl(fd, F_SETLK, &lock), 0);
  const std::string attempt =
      "import fcntl,sys; f=open('f','r+')\ntry: fcntl.lockf(f, fcntl.LOCK_EX|fcntl.LOCK_NB, 3, "
      "int(sys.argv[1]))\nexcept OSError: print('refused')\nelse: print('taken')";
  EXPECT_EQ(sh("python3 -c \"" + attempt + "\" 0; python3 -c \"" + attempt + "\" 3"), "refused\ntaken");
  ::close(fd);
  EXPECT_EQ(sh("python3 -c \"" + attempt + "\" 0"), "taken");
}

TEST_F(AttributesTest, MappingsSeeWritesAndTheReverse) {
  const int fd = ::open(file.c_str(), O_RDWR);
  ASSERT_EQ(::ftruncate(fd, 8'192), 0);
  auto* memory = static_cast<char*>(::mmap(nullptr, 8'192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::pwrite(fd, "written", 7, 5'000), 7);
  EXPECT_EQ(std::string(memory + 5'000, 7), "written");
  memory[0] = 'M';
  ASSERT_EQ(::msync(memory, 8'192, MS_SYNC), 0);
  char byte = 0;
  ASSERT_EQ(::pread(fd, &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'M');
  ::munmap(memory, 8'192);
  ASSERT_EQ(::close(fd), 0);
  EXPECT_EQ(kvfs.http().get("/v1/default/f").body.substr(0, 5), "Malue");
}

TEST_F(AttributesTest, ExpiryIsSetByAnAttributeAndHoldsAtEveryDoor) {
  ASSERT_EQ(::setxattr(file.c_str(), "user.kvfs.ttl", "1", 1, 0), 0);
  EXPECT_EQ(kvfs.http().get("/v1/default/f").status, 200);
  EXPECT_TRUE(wait_until([&] { return !exists(file); }));
  EXPECT_EQ(kvfs.http().get("/v1/default/f").status, 404);
}

// ---- access times ----

int64_t atime_ns(const std::string& path) {
  const struct stat st = stat_of(path);
  return st.st_atim.tv_sec * 1'000'000'000 + st.st_atim.tv_nsec;
}

TEST_F(AttributesTest, ReadingIsNotedAfterAChangeAndOutlivesARestart) {
  write_file(kvfs.at("f"), "x");
  const int64_t made = atime_ns(kvfs.at("f"));
  read_file(kvfs.at("f"));
  const int64_t read = atime_ns(kvfs.at("f"));
  EXPECT_GT(read, made);
  read_file(kvfs.at("f"));
  EXPECT_EQ(atime_ns(kvfs.at("f")), read) << "nothing has changed since";
  const std::string version = sh("getfattr --only-values -n user.kvfs.version f");
  kvfs.restart();
  EXPECT_EQ(atime_ns(kvfs.at("f")), read);
  EXPECT_EQ(sh("getfattr --only-values -n user.kvfs.version f"), version);
  append_file(kvfs.at("f"), "y");
  read_file(kvfs.at("f"));
  EXPECT_GT(atime_ns(kvfs.at("f")), read);
}

TEST(NoatimeTest, ReadingIsNotNoted) {
  KvfsOptions options;
  options.mount_options = {"noatime"};
  KvfsProcess kvfs(std::move(options));
  output_of("mkdir -p " + kvfs.at(""));
  write_file(kvfs.at("f"), "x");
  const int64_t made = atime_ns(kvfs.at("f"));
  read_file(kvfs.at("f"));
  EXPECT_EQ(atime_ns(kvfs.at("f")), made);
}

TEST(ShownOwnerTest, UidGidAndUmaskMakeAllFilesLookAlike) {
  KvfsOptions options;
  options.mount_options = {"uid=1234,gid=5678,umask=027"};
  KvfsProcess kvfs(std::move(options));
  output_of("mkdir -p " + kvfs.at("d"));
  write_file(kvfs.at("f"), "x");
  for (const char* name : {"f", "d", "", "../../.kvfs"})
    EXPECT_EQ(output_of(std::string("stat -c '%u %g' ") + kvfs.at(name)), "1234 5678") << name;
  EXPECT_EQ(output_of("stat -c %a " + kvfs.at("f")), "750");
  EXPECT_EQ(output_of("stat -c %a " + kvfs.at("d")), "750");
  EXPECT_EQ(output_of("ls -ln " + kvfs.at("") + " | tail -1 | cut -d' ' -f1,3,4"), "-rwxr-x--- 1234 5678");
}

}  // namespace
}  // namespace kvfs::test
