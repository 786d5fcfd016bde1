// Several processes do random things to one tree, as fsstress does. Each has a directory of its own, in which every
// call must answer as on a local file system, and all meet in a shared one, in which nothing may be half done. At the
// end what the tree is must agree with what the daemon counts, with what it is after a restart, and with `kvfs check`.
// KVFS_TEST_SEED repeats a run, KVFS_TEST_OPERATIONS makes a longer one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

namespace fs = std::filesystem;

constexpr int kProcesses = 6;

int error_of(long result) { return result < 0 ? errno : 0; }

/// One process's choices, the same for the same seed. Runs in a child: no expectations, but the first complaint.
class Actor {
 public:
  Actor(unsigned seed, int number) : random_(seed + static_cast<unsigned>(number)), number_(number) {}

  size_t below(size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random_); }
  std::string name() { return "n" + std::to_string(below(12)); }
  std::string path() { return below(3) == 0 ? name() : "d" + std::to_string(below(3)) + "/" + name(); }

  /// The same call in both trees; `call` gets the tree's directory.
  void alike(const std::string& what, const std::function<int(const std::string&)>& call) {
    const int expected = call(local);
    const int actual = call(own);
    if (expected != actual) complain(what + ": " + std::strerror(actual) + ", and not " + std::strerror(expected));
  }
  /// A call in the shared tree, in which names come and go.
  void allowed(const std::string& what, long result) {
    static const std::set<int> kExpected{0,      ENOENT, ENOTDIR, EEXIST, ENOTEMPTY, EISDIR, ELOOP,
                                         EINVAL, ESTALE, EBUSY,   ENXIO,  EPERM,     EXDEV};
    if (const int error = error_of(result); !kExpected.contains(error)) complain(what + ": " + std::strerror(error));
  }
  void complain(const std::string& what) {
    if (complaint.empty()) complaint = "process " + std::to_string(number_) + ": " + what;
  }

  void act_alone();
  void act_among_others();
  std::string own;     // in the mount
  std::string local;   // beside it
  std::string shared;  // in the mount
  std::string complaint;

 private:
  std::mt19937_64 random_;
  const int number_;
};

int write_at(const std::string& path, int flags, off_t offset, const std::string& bytes) {
  const int fd = ::open(path.c_str(), flags | O_NONBLOCK, 0644);  // it may be a FIFO
  if (fd < 0) return errno;
  const int error = ::pwrite(fd, bytes.data(), bytes.size(), offset) < 0 ? errno : 0;
  return ::close(fd) < 0 ? errno : error;
}

void Actor::act_alone() {
  const std::string a = "/" + path();
  const std::string b = "/" + path();
  const size_t choice = below(15);
  const auto offset = static_cast<off_t>(below(4) == 0 ? below(300'000) : below(3'000));
  const std::string bytes(1 + (below(4) == 0 ? below(150'000) : below(500)), static_cast<char>('a' + below(26)));
  const auto mode = static_cast<mode_t>(0600 | below(0100));
  const std::string directory = below(2) == 0 ? "/d" + std::to_string(below(3)) : a;
  const std::string what = std::to_string(choice) + " " + a + " " + b;
  alike(what, [&](const std::string& root) -> int {
    const std::string from = root + a;
    const std::string to = root + b;
    switch (choice) {
      case 0:
      case 1:
        return write_at(from, O_CREAT | O_RDWR, offset, bytes);
      case 2:
        return write_at(from, O_WRONLY | O_APPEND, 0, bytes);
      case 3:
        return write_at(from, O_CREAT | O_WRONLY | O_TRUNC, 0, bytes);
      case 4:
        return error_of(::truncate(from.c_str(), offset));
      case 5:
        return error_of(::rename(from.c_str(), to.c_str()));
      case 6:
        return error_of(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE));
      case 7:
        return error_of(::link(from.c_str(), to.c_str()));
      case 8:
        return error_of(::symlink(a.c_str() + 1, to.c_str()));
      case 9:
        return error_of(::unlink(from.c_str()));
      case 10:
        return error_of(::mkdir((root + directory).c_str(), 0755));
      case 11:
        return error_of(::rmdir(from.c_str()));
      case 12:
        return error_of(::chmod(from.c_str(), mode));
      case 13: {
        const int fd = ::open(from.c_str(), O_RDWR);
        if (fd < 0) return errno;
        const int error = error_of(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, 70'000));
        return ::close(fd) < 0 ? errno : error;
      }
      default:
        return error_of(::mkfifo(from.c_str(), 0640));
    }
  });
}

void Actor::act_among_others() {
  const std::string a = shared + "/" + path();
  const std::string b = shared + "/" + path();
  switch (below(12)) {
    case 0:
    case 1: {  // whole files of one letter each, by a temporary name
      const std::string temporary = shared + "/tmp" + std::to_string(number_);
      const std::string bytes(1 + below(100'000), static_cast<char>('A' + number_));
      if (const int error = try_write_file(temporary, bytes); error != 0)
        complain("write " + temporary + ": " + std::strerror(error));
      allowed("replace", ::rename(temporary.c_str(), a.c_str()));
      ::unlink(temporary.c_str());
      break;
    }
    case 2:
      if (const auto bytes = try_read_file(a); bytes && !bytes->empty()) {
        if (bytes->find_first_not_of(bytes->front()) != std::string::npos) complain("half of two values in " + a);
      }
      break;
    case 3:
      allowed("rename", ::rename(a.c_str(), b.c_str()));
      break;
    case 4:
      allowed("exchange", ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE));
      break;
    case 5:
      allowed("link", ::link(a.c_str(), b.c_str()));
      break;
    case 6:
      allowed("unlink", ::unlink(a.c_str()));
      break;
    case 7:
      allowed("mkdir", ::mkdir((shared + "/d" + std::to_string(below(3))).c_str(), 0755));
      break;
    case 8:
      allowed("rmdir", ::rmdir(a.c_str()));
      break;
    case 9:
      allowed("chmod", ::chmod(a.c_str(), 0644));
      break;
    case 10:
      allowed("setxattr", ::lsetxattr(a.c_str(), "trusted.by", &number_, sizeof number_, 0));
      break;
    default:
      allowed("list", -list_error(shared + "/d" + std::to_string(below(3))));
      break;
  }
}

class FsstressTest : public ::testing::Test {
 protected:
  FsstressTest() {
    if (const char* text = std::getenv("KVFS_TEST_SEED")) seed = static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    if (const char* text = std::getenv("KVFS_TEST_OPERATIONS")) operations = std::atoi(text);
    for (int i = 0; i < kProcesses; ++i) output_of("mkdir -p " + own(i) + " " + local(i));
    output_of("mkdir " + kvfs.at("shared"));
  }
  std::string own(int number) const { return kvfs.at("own" + std::to_string(number)); }
  std::string local(int number) const { return kvfs.scratch("local" + std::to_string(number)); }

  /// The exit status of a process that has acted; its complaint, if it has one, is on its standard error.
  int act(int number) {
    Actor actor(seed, number);
    actor.own = own(number);
    actor.local = local(number);
    actor.shared = kvfs.at("shared");
    for (int i = 0; i < operations && actor.complaint.empty(); ++i)
      actor.below(2) == 0 ? actor.act_alone() : actor.act_among_others();
    if (!actor.complaint.empty()) std::fprintf(stderr, "seed %u, %s\n", seed, actor.complaint.c_str());
    return actor.complaint.empty() ? 0 : 1;
  }
  /// Types, modes, link counts, sizes, targets and bytes of everything below.
  static std::string tree(const std::string& directory) {
    return output_of(
        "find . \\( -type d -printf '%y %m %n %p\\n' \\) -o -printf '%y %m %n %s %l %p\\n' | sort;"
        "find . -type f | sort | xargs -r md5sum",
        directory);
  }
  /// What each inode's link count says, against the names that lead to it.
  void expect_links_to_be_counted() {
    std::map<ino_t, std::pair<nlink_t, nlink_t>> files;  // told, counted
    uint64_t values = 0;
    for (const auto& entry : fs::recursive_directory_iterator(kvfs.at(""))) {
      const struct stat st = stat_of(entry.path());
      if (S_ISDIR(st.st_mode)) {
        const auto directories =
            std::count_if(fs::directory_iterator(entry.path()), fs::directory_iterator(),
                          [](const auto& below) { return below.symlink_status().type() == fs::file_type::directory; });
        EXPECT_EQ(st.st_nlink, static_cast<nlink_t>(directories + 2)) << entry.path();
        continue;
      }
      auto& file = files[st.st_ino];
      file.first = st.st_nlink;
      ++file.second;
      if (S_ISREG(st.st_mode)) ++values;
    }
    for (const auto& [inode, counts] : files) EXPECT_EQ(counts.first, counts.second) << "inode " << inode;
    EXPECT_EQ(kvfs.stat("keys"), std::to_string(values));
  }

  unsigned seed = std::random_device{}();
  int operations = 1'200;
  KvfsProcess kvfs;
};

TEST_F(FsstressTest, ProcessesThatDoRandomThingsFindWhatTheyHaveDoneAndTheStoreIsSound) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(act(i));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status << ", see above";
  }
  for (int i = 0; i < kProcesses; ++i) EXPECT_EQ(tree(own(i)), tree(local(i))) << "process " << i;
  for (const auto& entry : fs::recursive_directory_iterator(kvfs.at("shared"))) {
    if (!entry.is_regular_file()) continue;
    const std::string bytes = read_file(entry.path());
    EXPECT_EQ(bytes.find_first_not_of(bytes.substr(0, 1)), std::string::npos) << entry.path();
  }
  expect_links_to_be_counted();
  const std::string before = tree(kvfs.at(""));
  EXPECT_EQ(kvfs.stop(), 0);
  const auto checked = shell(kvfs_executable() + " check " + kvfs.store_path());
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  kvfs.start();
  EXPECT_EQ(tree(kvfs.at("")), before);
}

}  // namespace
}  // namespace kvfs::test
