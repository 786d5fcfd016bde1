// What programs do to files every day, on the mount.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/child_process.h"
#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

bool kernel_is_before(int major, int minor) {
  utsname name{};
  int its_major = 0;
  int its_minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &its_major, &its_minor) != 2) return false;
  return std::pair(its_major, its_minor) < std::pair(major, minor);
}

class PosixTest : public ::testing::Test {
 protected:
  PosixTest() { output_of("mkdir -p " + kvfs.at("")); }
  std::string sh(const std::string& command) { return output_of(command, kvfs.at("")); }
  KvfsProcess kvfs;
};

TEST_F(PosixTest, EchoCatListRemove) { EXPECT_EQ(sh("echo hello > f; cat f; ls; rm f; ls"), "hello\nf"); }

TEST_F(PosixTest, AppendingKeepsWhatIsThere) {
  sh("echo one > log; echo two >> log; echo three >> log");
  EXPECT_EQ(read_file(kvfs.at("log")), "one\ntwo\nthree\n");
}

TEST_F(PosixTest, TwoWritersAppendWithoutLosingALine) {
  sh("for w in a b; do (for i in $(seq 200); do echo $w$i >> log; done) & done; wait");
  EXPECT_EQ(sh("sort -u log | wc -l"), "400");
}

TEST_F(PosixTest, FcntlBeginsAndEndsAppending) {
  const int fd = ::open(kvfs.at("log").c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(::pwrite(fd, "abc", 3, 0), 3);
  EXPECT_EQ(::fcntl(fd, F_SETFL, 0), 0);
  EXPECT_EQ(::pwrite(fd, "A", 1, 0), 1);
  EXPECT_EQ(::fcntl(fd, F_SETFL, O_APPEND), 0);
  EXPECT_EQ(::pwrite(fd, "d", 1, 0), 1);
  ::close(fd);
  EXPECT_EQ(read_file(kvfs.at("log")), "Abcd");
}

TEST_F(PosixTest, AMappingOfAFileThatIsOpenForAppendingIsWrittenInPlace) {
  const std::string bytes(5000, 'a');
  const int fd = ::open(kvfs.at("log").c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  void* mapped = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  static_cast<char*>(mapped)[0] = 'A';
  EXPECT_EQ(::msync(mapped, bytes.size(), MS_SYNC), 0);
  ::munmap(mapped, bytes.size());
  ::close(fd);
  EXPECT_EQ(read_file(kvfs.at("log")), "A" + bytes.substr(1));
}

TEST_F(PosixTest, RedirectionTruncates) {
  sh("echo 'a longer first line' > f; echo b > f");
  EXPECT_EQ(read_file(kvfs.at("f")), "b\n");
}

TEST_F(PosixTest, RenameReplacesAFile) {
  sh("echo old > target; echo new > temporary; mv -f temporary target");
  EXPECT_EQ(read_file(kvfs.at("target")), "new\n");
  EXPECT_FALSE(exists(kvfs.at("temporary")));
}

TEST_F(PosixTest, ANameThatIsReplacedAllTheTimeIsAlwaysThereAndWhole) {
  for (const size_t size : {size_t{100}, size_t{30'000}}) {
    const std::string target = kvfs.at("target");
    write_file(target, std::string(size, '-'));
    std::atomic<int> writing{2};
    const auto write_and_rename = [&](char letter) {
      const std::string temporary = kvfs.at(std::string(1, letter));
      for (int i = 0; i < 500; i++) {
        if (try_write_file(temporary, std::string(size, letter)) != 0) break;
        if (std::rename(temporary.c_str(), target.c_str()) != 0) break;
      }
      writing--;
    };
    std::thread first(write_and_rename, 'a');
    std::thread second(write_and_rename, 'b');
    int failed = 0;
    std::string bytes(size + 1, '?');
    while (writing > 0) {
      const int fd = ::open(target.c_str(), O_RDONLY | O_CLOEXEC);
      const ssize_t got = fd < 0 ? -1 : ::read(fd, bytes.data(), bytes.size());
      if (got != static_cast<ssize_t>(size) || bytes.find_first_not_of(bytes[0]) != size) failed++;
      if (fd >= 0) ::close(fd);
    }
    first.join();
    second.join();
    EXPECT_EQ(failed, 0) << size;
  }
}

TEST_F(PosixTest, DirectoriesMoveWithAllBelowThem) {
  sh("mkdir -p a/b/c other; echo deep > a/b/c/f; mv a/b other/moved");
  EXPECT_EQ(read_file(kvfs.at("other/moved/c/f")), "deep\n");
  EXPECT_EQ(list_directory(kvfs.at("a")), std::vector<std::string>{});
}

TEST_F(PosixTest, ADirectoryIsNotMovedBelowItself) {
  sh("mkdir -p a/b");
  EXPECT_NE(::rename(kvfs.at("a").c_str(), kvfs.at("a/b/c").c_str()), 0);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(PosixTest, RenameOntoAFullDirectoryIsRefused) {
  sh("mkdir -p a b; touch b/f");
  EXPECT_NE(::rename(kvfs.at("a").c_str(), kvfs.at("b").c_str()), 0);
  EXPECT_TRUE(errno == ENOTEMPTY || errno == EEXIST) << errno;
  sh("rm b/f");
  EXPECT_EQ(::rename(kvfs.at("a").c_str(), kvfs.at("b").c_str()), 0);
}

TEST_F(PosixTest, RenameNoReplaceAndExchange) {
  write_file(kvfs.at("a"), "A");
  write_file(kvfs.at("b"), "B");
  EXPECT_NE(::renameat2(AT_FDCWD, kvfs.at("a").c_str(), AT_FDCWD, kvfs.at("b").c_str(), RENAME_NOREPLACE), 0);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(::renameat2(AT_FDCWD, kvfs.at("a").c_str(), AT_FDCWD, kvfs.at("b").c_str(), RENAME_EXCHANGE), 0);
  EXPECT_EQ(read_file(kvfs.at("a")) + read_file(kvfs.at("b")), "BA");
}

TEST_F(PosixTest, EmptyDirectoriesStayAndFullOnesAreNotRemoved) {
  sh("mkdir empty full; touch full/f");
  EXPECT_NE(::rmdir(kvfs.at("full").c_str()), 0);
  EXPECT_EQ(errno, ENOTEMPTY);
  kvfs.restart();
  EXPECT_TRUE(exists(kvfs.at("empty")));
  sh("rm -rf full; rmdir empty");
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{});
}

TEST_F(PosixTest, SymbolicLinksKeepTheirTargetAndWork) {
  sh("mkdir d; echo x > d/f; ln -s d/f relative; ln -s /nowhere/at/all dangling");
  EXPECT_EQ(sh("cat relative; readlink dangling"), "x\n/nowhere/at/all");
  EXPECT_EQ(stat_of(kvfs.at("dangling")).st_size, 15);
}

TEST_F(PosixTest, ModesOwnersAndNanosecondTimesSurviveARestart) {
  sh("echo x > f; chmod 0751 f; chown 1234:5678 f; touch -d '2001-02-03 04:05:06.123456789' f");
  sh("mkdir d; chmod 2775 d; touch -d '1999-12-31 23:59:59.999999999' d");
  const std::string format = "stat -c '%a %u %g %.9Y %i' f d";
  const std::string before = sh(format);
  EXPECT_EQ(before.substr(0, before.find(' ', 14)), "751 1234 5678 981173106.123456789");
  kvfs.restart();
  EXPECT_EQ(sh(format), before);
}

TEST_F(PosixTest, WritingSetsTheTimes) {
  sh("echo x > f; touch -d '2001-02-03' f");
  const auto before = stat_of(kvfs.at("f"));
  sh("echo y >> f");
  const auto after = stat_of(kvfs.at("f"));
  EXPECT_GT(mtime_ns(after), mtime_ns(before));
  EXPECT_GE(after.st_ctim.tv_sec, before.st_ctim.tv_sec);
}

TEST_F(PosixTest, TruncateShrinksAndGrowsWithZeros) {
  write_file(kvfs.at("f"), "abcdef");
  ASSERT_EQ(::truncate(kvfs.at("f").c_str(), 3), 0);
  EXPECT_EQ(read_file(kvfs.at("f")), "abc");
  ASSERT_EQ(::truncate(kvfs.at("f").c_str(), 6), 0);
  EXPECT_EQ(read_file(kvfs.at("f")), std::string("abc\0\0\0", 6));
  // and across the size at which a value leaves its row for chunks
  const std::string large = random_bytes(300'000, 1);
  write_file(kvfs.at("g"), large);
  ASSERT_EQ(::truncate(kvfs.at("g").c_str(), 100'001), 0);
  ASSERT_EQ(::truncate(kvfs.at("g").c_str(), 200'000), 0);
  EXPECT_EQ(read_file(kvfs.at("g")), large.substr(0, 100'001) + std::string(99'999, '\0'));
  ASSERT_EQ(::truncate(kvfs.at("g").c_str(), 10), 0);
  EXPECT_EQ(read_file(kvfs.at("g")), large.substr(0, 10));
}

TEST_F(PosixTest, SparseFilesReadAsZerosBetweenTheirParts) {
  const std::string path = kvfs.at("sparse");
  constexpr off_t kFar = 5'000'000'000;  // beyond 4 GiB
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0644);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::pwrite(fd, "end", 3, kFar), 3);
  ASSERT_EQ(::pwrite(fd, "middle", 6, 100'000), 6);
  ASSERT_EQ(::close(fd), 0);
  EXPECT_EQ(stat_of(path).st_size, kFar + 3);
  const int reader = ::open(path.c_str(), O_RDONLY);
  std::string bytes(20, 'x');
  ASSERT_EQ(::pread(reader, bytes.data(), 20, 99'993), 20);
  EXPECT_EQ(bytes, std::string(7, '\0') + "middle" + std::string(7, '\0'));
  ASSERT_EQ(::pread(reader, bytes.data(), 20, kFar - 5), 8);
  EXPECT_EQ(bytes.substr(0, 8), std::string(5, '\0') + "end");
  ::close(reader);
}

TEST_F(PosixTest, RandomWritesWithinALargeFileLandWhereTheyShould) {
  std::string expected = random_bytes(1'000'000, 2);
  const std::string path = kvfs.at("f");
  write_file(path, expected);
  const int fd = ::open(path.c_str(), O_RDWR);
  for (unsigned i = 0; i < 50; ++i) {
    const std::string piece = random_bytes(1 + i * 977 % 9000, 100 + i);
    const size_t at = i * 19'997;
    ASSERT_EQ(::pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(at)), static_cast<ssize_t>(piece.size()));
    if (expected.size() < at + piece.size()) expected.resize(at + piece.size());
    expected.replace(at, piece.size(), piece);
  }
  ASSERT_EQ(::close(fd), 0);
  EXPECT_TRUE(read_file(path) == expected);
  kvfs.restart();
  EXPECT_TRUE(read_file(path) == expected);
}

TEST_F(PosixTest, AnOpenHandleSeesItsOwnWritesAndThoseOfOthersOnTheMount) {
  const int writer = ::open(kvfs.at("f").c_str(), O_CREAT | O_RDWR, 0644);
  ASSERT_EQ(::write(writer, "unpublished", 11), 11);
  EXPECT_EQ(stat_of(kvfs.at("f")).st_size, 11);
  EXPECT_EQ(read_file(kvfs.at("f")), "unpublished");
  ::close(writer);
}

TEST_F(PosixTest, ARemovedFileStaysReadableWhileItIsOpen) {
  const std::string data = random_bytes(200'000, 3);
  write_file(kvfs.at("f"), data);
  const int fd = ::open(kvfs.at("f").c_str(), O_RDWR);
  ASSERT_EQ(::unlink(kvfs.at("f").c_str()), 0);
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{});
  std::string bytes(data.size(), '\0');
  EXPECT_EQ(::pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(data.size()));
  EXPECT_TRUE(bytes == data);
  ASSERT_EQ(::pwrite(fd, "late", 4, 0), 4);
  ASSERT_EQ(::pread(fd, bytes.data(), 4, 0), 4);
  EXPECT_EQ(bytes.substr(0, 4), "late");
  struct stat attributes {};
  ASSERT_EQ(::fstat(fd, &attributes), 0);
  EXPECT_EQ(attributes.st_nlink, 0U);
  EXPECT_EQ(::close(fd), 0);
  EXPECT_FALSE(exists(kvfs.at("f")));
}

TEST_F(PosixTest, ARunningProgramIsNotTruncated) {
  sh("cp /bin/sleep program");
  const std::string program = kvfs.at("program");
  const std::string bytes = read_file(program);
  const auto refusal = [&](int flags) {
    const int fd = ::open(program.c_str(), flags | O_CLOEXEC);
    const int error = fd < 0 ? errno : 0;
    if (fd >= 0) ::close(fd);
    return error;
  };
  {
    ChildProcess running({program, "600"}, {}, "/dev/null");
    const std::string link = "/proc/" + std::to_string(running.pid()) + "/exe";
    ASSERT_TRUE(wait_until([&] { return std::filesystem::read_symlink(link) == program; }));
    EXPECT_EQ(refusal(O_RDONLY | O_TRUNC), ETXTBSY);
    EXPECT_EQ(refusal(O_RDWR | O_TRUNC), ETXTBSY);
    EXPECT_EQ(read_file(program), bytes);
    EXPECT_EQ(refusal(O_WRONLY), ETXTBSY);
    running.kill();
  }
  EXPECT_TRUE(wait_until([&] { return refusal(O_RDONLY | O_TRUNC) == 0; }));
  EXPECT_EQ(read_file(program), "");
}

TEST_F(PosixTest, ExclusiveCreationFailsWhereAFileIs) {
  write_file(kvfs.at("f"), "x");
  EXPECT_LT(::open(kvfs.at("f").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644), 0);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(PosixTest, AFileAndADirectoryAreNotTakenForEachOther) {
  write_file(kvfs.at("f"), "x");
  make_directory(kvfs.at("d"));
  EXPECT_EQ(stat_error(kvfs.at("f/below")), ENOTDIR);
  EXPECT_EQ(try_write_file(kvfs.at("d"), "x"), EISDIR);
  EXPECT_NE(::rmdir(kvfs.at("f").c_str()), 0);
  EXPECT_EQ(errno, ENOTDIR);
  EXPECT_NE(::unlink(kvfs.at("d").c_str()), 0);
  EXPECT_EQ(errno, EISDIR);
}

// vim -es writes as the editor does: a backup by rename, a new file, the backup removed.
TEST_F(PosixTest, EditorsSaveByRenamingAndLeaveNothingBehind) {
  sh("printf 'one\\ntwo\\n' > f; chmod 640 f");
  sh("mv f f~; printf 'one\\n2\\n' > f; chmod --reference=f~ f; rm f~");
  EXPECT_EQ(sh("cat f; stat -c %a f; ls -A"), "one\n2\n640\nf");
  sh("sed -i s/2/two/ f");
  EXPECT_EQ(sh("cat f; stat -c %a f; ls -A"), "one\ntwo\n640\nf");
}

TEST_F(PosixTest, FilesWithoutANameAreGivenOneOrGo) {
  const int fd = ::open(kvfs.at("").c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
  if (kernel_is_before(6, 2)) GTEST_SKIP() << "the kernel does not ask FUSE for them";
  ASSERT_GE(fd, 0) << std::strerror(errno);
  EXPECT_EQ(::write(fd, "hello", 5), 5);
  struct stat st {};
  ASSERT_EQ(::fstat(fd, &st), 0);
  EXPECT_EQ(st.st_nlink, 0u);
  EXPECT_EQ(st.st_size, 5);
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{});
  const std::string open_file = "/proc/self/fd/" + std::to_string(fd);
  ASSERT_EQ(::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, kvfs.at("named").c_str(), AT_SYMLINK_FOLLOW), 0);
  EXPECT_EQ(::close(fd), 0);
  EXPECT_EQ(read_file(kvfs.at("named")), "hello");
  EXPECT_EQ(sh("python3 -c 'import tempfile; f = tempfile.TemporaryFile(dir=\".\"); f.write(b\"x\"); f.seek(0); "
               "print(f.read())'; ls"),
            "b'x'\nnamed");
  const int exclusive = ::open(kvfs.at("").c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
  ASSERT_GE(exclusive, 0);
  const std::string its_path = "/proc/self/fd/" + std::to_string(exclusive);
  EXPECT_NE(::linkat(AT_FDCWD, its_path.c_str(), AT_FDCWD, kvfs.at("other").c_str(), AT_SYMLINK_FOLLOW), 0);
  ::close(exclusive);
}

TEST(OverlayTest, ADirectoryOfTheMountIsAnUpperLayer) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounts: needs root";
  KvfsProcess kvfs;
  output_of("mkdir -p " + kvfs.at("upper") + " " + kvfs.at("work"));
  const std::string local = output_of("mktemp -d");
  output_of("mkdir -p lower/d merged; echo low > lower/f; echo gone > lower/g; echo deep > lower/d/x", local);
  const auto mounted = shell("mount -t overlay overlay -o lowerdir=lower,upperdir=" + kvfs.at("upper") +
                                 ",workdir=" + kvfs.at("work") + " merged",
                             local);
  if (mounted.exit_code != 0) {
    output_of("rm -r " + local);
    if (read_file("/proc/filesystems").find("\toverlay\n") == std::string::npos)
      GTEST_SKIP() << "the kernel has no overlay file system";
    FAIL() << mounted.err;
  }
  const std::string seen = output_of(
      "cd merged; rm g; echo more >> f; mv f h; mkdir new; mv h new/; rm -r d; mkdir d; find . | sort; cat new/h",
      local);
  output_of("umount merged; rm -r " + local, local);
  EXPECT_EQ(seen, ".\n./d\n./new\n./new/h\nlow\nmore");
  EXPECT_EQ(output_of("stat -c '%F %t:%T' g", kvfs.at("upper")), "character special file 0:0");
}

TEST_F(PosixTest, FilesTellWhenTheyWereMade) {
  const int64_t before = time(nullptr);
  write_file(kvfs.at("f"), "x");
  ASSERT_EQ(sh("touch -d 2001-02-03 f; chmod 600 f; ln -s f l"), "");
  for (const char* name : {"f", "l"}) {
    struct statx st {};
    ASSERT_EQ(::statx(AT_FDCWD, kvfs.at(name).c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st), 0);
    if (kernel_is_before(6, 6)) GTEST_SKIP() << "the kernel does not ask FUSE for it";
    ASSERT_NE(st.stx_mask & STATX_BTIME, 0u) << name;
    EXPECT_GE(st.stx_btime.tv_sec, before);
    EXPECT_LE(st.stx_btime.tv_sec, st.stx_ctime.tv_sec);
    EXPECT_EQ(st.stx_nlink, 1u);
  }
}

TEST_F(PosixTest, LongNamesAreLimitedTo255Bytes) {
  write_file(kvfs.at(std::string(255, 'n')), "x");
  EXPECT_EQ(list_directory(kvfs.at("")), std::vector<std::string>{std::string(255, 'n')});
  EXPECT_EQ(try_write_file(kvfs.at(std::string(256, 'n')), "x"), ENAMETOOLONG);
}

TEST_F(PosixTest, FilesLiveBelowCollectionsOnly) {
  EXPECT_NE(try_write_file(kvfs.in_mount("file-beside-tenants"), "x"), 0);
  EXPECT_NE(try_write_file(kvfs.in_mount("default/file-beside-collections"), "x"), 0);
  make_directory(kvfs.in_mount("another"));
  make_directory(kvfs.in_mount("another/collection"));
  write_file(kvfs.in_mount("another/collection/f"), "x");
  EXPECT_EQ(read_file(kvfs.in_mount("another/collection/f")), "x");
}

TEST_F(PosixTest, FsyncAndCloseReportSuccess) {
  const int fd = ::open(kvfs.at("f").c_str(), O_CREAT | O_WRONLY, 0644);
  ASSERT_EQ(::write(fd, "abc", 3), 3);
  EXPECT_EQ(::fsync(fd), 0);
  EXPECT_EQ(kvfs.http().get("/v1/default/f").body, "abc");  // published by fsync, before the close
  EXPECT_EQ(::fdatasync(fd), 0);
  EXPECT_EQ(::close(fd), 0);
}

TEST_F(PosixTest, DfShowsTheSizeOfSomethingAndCountsFiles) {
  struct statvfs before {};
  ASSERT_EQ(::statvfs(kvfs.at("").c_str(), &before), 0);
  EXPECT_GT(before.f_blocks, 0U);
  EXPECT_LE(before.f_bfree, before.f_blocks);
  EXPECT_LE(before.f_bavail, before.f_bfree);
  EXPECT_EQ(before.f_namemax, 255U);
  EXPECT_NE(sh("df -P . | tail -1").find(kvfs.mount_point()), std::string::npos);
}

TEST_F(PosixTest, PermissionsAreEnforced) {
  sh("echo secret > f; chmod 600 f; chown 1000:1000 f; chmod 755 .");
  const auto stranger = shell("setpriv --reuid=2000 --regid=2000 --clear-groups cat f", kvfs.at(""));
  EXPECT_NE(stranger.exit_code, 0);
  EXPECT_NE(stranger.err.find("ermission"), std::string::npos) << stranger.err;
}

}  // namespace
}  // namespace kvfs::test
