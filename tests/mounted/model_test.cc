// Random operations on the mount beside a model: a string for one file's bytes, a local directory for a tree. The seed
// is printed with a failure; KVFS_TEST_SEED repeats it, KVFS_TEST_OPERATIONS makes a longer run.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

class RandomTest : public ::testing::Test {
 protected:
  RandomTest() {
    if (const char* text = std::getenv("KVFS_TEST_SEED")) seed = static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    if (const char* text = std::getenv("KVFS_TEST_OPERATIONS")) operations = std::atoi(text);
    random.seed(seed);
    output_of("mkdir -p " + kvfs.at(""));
  }
  ~RandomTest() override {
    if (!HasFailure()) return;
    std::string trace = "seed " + std::to_string(seed) + ", last operations:";
    for (const std::string& line : last_operations) trace += "\n  " + line;
    ADD_FAILURE() << trace;
  }

  size_t pick(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random); }
  void note(std::string operation) {
    constexpr size_t kRemembered = 40;
    last_operations.push_back(std::move(operation));
    if (last_operations.size() > kRemembered) last_operations.pop_front();
  }

  unsigned seed = std::random_device{}();
  int operations = 2'000;
  std::mt19937_64 random;
  std::deque<std::string> last_operations;
  KvfsProcess kvfs;
};

// ---- one file's bytes ----

class FileModelTest : public RandomTest {
 protected:
  static constexpr size_t kBytesMax = 400'000;

  // Offsets prefer what is special: the ends of pages, of rows and of chunks, and the file's own end.
  size_t offset() {
    static constexpr size_t kEdges[] = {0, 4'096, 8'192, 65'536, 131'072, 262'144};
    const size_t edge = pick(3) == 0 ? model.size() : kEdges[pick(std::size(kEdges))];
    const size_t jitter = pick(4) == 0 ? pick(70'000) : pick(5);
    return std::min(kBytesMax - 1, pick(2) == 0 ? edge + jitter : edge - std::min(edge, jitter));
  }
  size_t length() { return 1 + (pick(3) == 0 ? pick(100'000) : pick(5'000)); }

  void open() {
    fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    ASSERT_GE(fd, 0) << std::strerror(errno);
  }
  void reopen() {
    note("reopen");
    ASSERT_EQ(::close(fd), 0);
    open();
  }
  void write() {
    const size_t at = offset();
    const size_t count = std::min(length(), kBytesMax - at);
    const std::string bytes = random_bytes(count, static_cast<unsigned>(random()));
    note("write " + std::to_string(count) + " at " + std::to_string(at));
    ASSERT_EQ(::pwrite(fd, bytes.data(), count, static_cast<off_t>(at)), static_cast<ssize_t>(count));
    if (model.size() < at + count) model.resize(at + count);
    model.replace(at, count, bytes);
  }
  void append() {
    const std::string bytes = random_bytes(1 + pick(3'000), static_cast<unsigned>(random()));
    if (model.size() + bytes.size() > kBytesMax) return;
    note("append " + std::to_string(bytes.size()));
    const int appender = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    ASSERT_EQ(::write(appender, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ASSERT_EQ(::close(appender), 0);
    model += bytes;
  }
  void truncate() {
    const size_t size = pick(8) == 0 ? 0 : offset();
    note("truncate to " + std::to_string(size));
    ASSERT_EQ(::ftruncate(fd, static_cast<off_t>(size)), 0);
    model.resize(size);
  }
  void punch_or_zero() {
    if (model.empty()) return;
    const size_t at = pick(model.size());
    const size_t count = length();
    const bool punches = pick(2) == 0;
    const bool keeps_size = punches || pick(2) == 0;
    const size_t end = std::min(at + count, keeps_size ? model.size() : kBytesMax);
    note((punches ? "punch " : "zero ") + std::to_string(end - at) + " at " + std::to_string(at));
    ASSERT_EQ(::fallocate(
                  fd, (punches ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | (keeps_size ? FALLOC_FL_KEEP_SIZE : 0),
                  static_cast<off_t>(at), static_cast<off_t>(end - at)),
              0);
    if (model.size() < end) model.resize(end);
    std::fill(model.begin() + static_cast<ptrdiff_t>(at), model.begin() + static_cast<ptrdiff_t>(end), '\0');
  }
  void allocate() {
    const size_t end = offset() + 1;
    const bool keeps_size = pick(2) == 0;
    note("allocate " + std::to_string(end) + (keeps_size ? " and keep the size" : ""));
    ASSERT_EQ(::fallocate(fd, keeps_size ? FALLOC_FL_KEEP_SIZE : 0, 0, static_cast<off_t>(end)), 0);
    if (!keeps_size && model.size() < end) model.resize(end);
  }
  void collapse_or_insert() {
    note("collapse or insert: refused");
    EXPECT_NE(::fallocate(fd, pick(2) == 0 ? FALLOC_FL_COLLAPSE_RANGE : FALLOC_FL_INSERT_RANGE, 0, 4096), 0);
    EXPECT_EQ(errno, EOPNOTSUPP);
  }
  void copy_within() {
    if (model.size() < 2) return;
    const size_t from = pick(model.size());
    size_t count = std::min(length(), model.size() - from);
    const size_t to = offset();
    count = std::min(count, kBytesMax - to);
    if (from < to + count && to < from + count) return;  // overlapping ranges are refused
    note("copy " + std::to_string(count) + " from " + std::to_string(from) + " to " + std::to_string(to));
    for (size_t done = 0; done < count;) {
      auto source = static_cast<off_t>(from + done);
      auto target = static_cast<off_t>(to + done);
      const ssize_t n = ::copy_file_range(fd, &source, fd, &target, count - done, 0);
      ASSERT_GT(n, 0) << std::strerror(errno);
      done += static_cast<size_t>(n);
    }
    const std::string bytes = model.substr(from, count);
    if (model.size() < to + count) model.resize(to + count);
    model.replace(to, count, bytes);
  }
  void drop_caches() {
    note("drop caches");
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  }
  void write_mapped() {
    if (model.empty()) return;
    const size_t at = pick(model.size());
    const size_t count = std::min(length(), model.size() - at);
    note("write " + std::to_string(count) + " at " + std::to_string(at) + " by a mapping");
    void* memory = ::mmap(nullptr, model.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_NE(memory, MAP_FAILED);
    const std::string bytes = random_bytes(count, static_cast<unsigned>(random()));
    std::memcpy(static_cast<char*>(memory) + at, bytes.data(), count);
    EXPECT_EQ(::msync(memory, model.size(), MS_SYNC), 0);
    ::munmap(memory, model.size());
    model.replace(at, count, bytes);
  }
  void sync_and_read_over_http() {
    note("fsync");
    ASSERT_EQ(::fsync(fd), 0);
    EXPECT_TRUE(http.get("/v1/default/file").body == model) << "over HTTP after fsync";
  }
  void replace_over_http() {
    model = random_bytes(pick(3) == 0 ? pick(300'000) : pick(10'000), static_cast<unsigned>(random()));
    note("replace by HTTP with " + std::to_string(model.size()));
    ASSERT_EQ(::close(fd), 0);  // what is staged in an open file would win later
    ASSERT_EQ(http.put("/v1/default/file", model).status / 100, 2);
    open();
  }
  void check() {
    const size_t at = model.empty() ? 0 : pick(model.size());
    const size_t count = length();
    note("read " + std::to_string(count) + " at " + std::to_string(at));
    std::string bytes(count, '\0');
    const ssize_t n = ::pread(fd, bytes.data(), count, static_cast<off_t>(at));
    ASSERT_GE(n, 0);
    bytes.resize(static_cast<size_t>(n));
    EXPECT_TRUE(bytes == model.substr(at, count));
    struct stat attributes {};
    ASSERT_EQ(::fstat(fd, &attributes), 0);
    EXPECT_EQ(attributes.st_size, static_cast<off_t>(model.size()));
  }

  const std::string path = kvfs.at("file");
  HttpClient http = kvfs.http();
  int fd = -1;
  std::string model;
};

TEST_F(FileModelTest, BytesAreThoseOfTheModelWhateverIsDone) {
  open();
  for (int i = 0; i < operations && !HasFailure(); ++i) {
    switch (pick(21)) {
      case 0:
        truncate();
        break;
      case 1:
        reopen();
        break;
      case 2:
        append();
        break;
      case 3:
        write_mapped();
        break;
      case 4:
        sync_and_read_over_http();
        break;
      case 5:
        if (pick(4) == 0) replace_over_http();
        break;
      case 16:
        punch_or_zero();
        break;
      case 17:
        allocate();
        break;
      case 18:
        if (pick(4) == 0) collapse_or_insert();
        break;
      case 19:
        copy_within();
        break;
      case 20:
        drop_caches();
        break;
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
        write();
        break;
      default:
        check();
        break;
    }
  }
  ASSERT_EQ(::close(fd), 0);
  EXPECT_TRUE(read_file(path) == model);
  kvfs.restart();
  EXPECT_TRUE(read_file(path) == model);
}

// ---- a tree of names ----

class TreeModelTest : public RandomTest {
 protected:
  /// Up to three components of five names: operations meet each other often.
  std::string random_path() {
    std::string path;
    for (size_t depth = 1 + pick(3); depth > 0; --depth) path += "/" + std::string(1, static_cast<char>('a' + pick(5)));
    return path;
  }

  /// Runs one operation in both trees; what it returns, with errno, must be the same.
  void both(const std::string& name, const std::function<int(const std::string& root)>& operation) {
    errno = 0;
    const int expected = operation(reference) < 0 ? errno : 0;
    errno = 0;
    const int found = operation(mounted) < 0 ? errno : 0;
    note(name + " -> " + std::to_string(expected));
    EXPECT_EQ(found, expected) << name << ": " << std::strerror(found) << " instead of " << std::strerror(expected);
  }

  static int write_some(const std::string& path, int flags, const std::string& bytes) {
    const int fd = ::open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, 0640);
    if (fd < 0) return -1;
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    return ::close(fd) == 0 && n == static_cast<ssize_t>(bytes.size()) ? 0 : -1;
  }

  void step() {
    const std::string a = random_path();
    const std::string b = random_path();
    const std::string bytes = random_bytes(pick(4) == 0 ? 20'000 : pick(100), static_cast<unsigned>(random()));
    const auto mode = static_cast<mode_t>(0400 | pick(01000));
    switch (pick(13)) {
      case 0:
        both("mkdir " + a, [&](auto& root) { return ::mkdir((root + a).c_str(), 0755); });
        break;
      case 1:
        both("rmdir " + a, [&](auto& root) { return ::rmdir((root + a).c_str()); });
        break;
      case 2:
        both("unlink " + a, [&](auto& root) { return ::unlink((root + a).c_str()); });
        break;
      case 3:
        both("symlink " + a, [&](auto& root) { return ::symlink("target", (root + a).c_str()); });
        break;
      case 4:
        both("append " + a, [&](auto& root) { return write_some(root + a, O_APPEND, bytes); });
        break;
      case 5:
        both("create " + a, [&](auto& root) { return write_some(root + a, O_CREAT | O_EXCL, bytes); });
        break;
      case 6:
        both("chmod " + a, [&](auto& root) { return ::chmod((root + a).c_str(), mode); });
        break;
      case 7:
        both("truncate " + a, [&](auto& root) { return ::truncate((root + a).c_str(), 50); });
        break;
      case 8:
        both("exchange " + a + " " + b, [&](auto& root) {
          return ::renameat2(AT_FDCWD, (root + a).c_str(), AT_FDCWD, (root + b).c_str(), RENAME_EXCHANGE);
        });
        break;
      case 9:
        both("link " + a + " " + b, [&](auto& root) { return ::link((root + a).c_str(), (root + b).c_str()); });
        break;
      case 10:
      case 11:
        both("rename " + a + " " + b, [&](auto& root) { return ::rename((root + a).c_str(), (root + b).c_str()); });
        break;
      default:
        both("write " + a, [&](auto& root) { return write_some(root + a, O_CREAT | O_TRUNC, bytes); });
        break;
    }
  }

  /// Everything but times and inode numbers. The size and link count of a directory are the file system's own.
  std::string tree_of(const std::string& root) {
    return output_of(
        R"(find . -mindepth 1 \( -type d -printf '%P %y %m\n' -o -printf '%P %y %m %s %n %l\n' \) | sort; )"
        R"(find . -type f -print0 | sort -z | xargs -0r sha256sum)",
        root);
  }

  const std::string mounted = kvfs.at("tree");
  const std::string reference = kvfs.scratch("tree");
};

TEST_F(TreeModelTest, NamesAreThoseOfALocalFileSystemWhateverIsDone) {
  make_directory(mounted);
  make_directory(reference);
  for (int i = 0; i < operations && !HasFailure(); ++i) {
    step();
    if (i % 200 == 199) {
      EXPECT_EQ(tree_of(mounted), tree_of(reference));
    }
  }
  kvfs.restart();
  EXPECT_EQ(tree_of(mounted), tree_of(reference));
  output_of("rm -rf " + mounted);
  EXPECT_EQ(kvfs.stat("keys"), "0");
}

}  // namespace
}  // namespace kvfs::test
