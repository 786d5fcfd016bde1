// request_bench: CPU time that each request of the mount takes in kvfs itself, without the kernel and its wake-ups:
// what a Filesystem over a store on disk does for lookup, create, write and close, rename, ... usage: request_bench
// [DIRECTORY [FILES]]
#include <fcntl.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fusefs/filesystem.h"

namespace {

using namespace kvfs;

constexpr Caller kCaller{0, 0, 0, 022};

template <class T>
T must(Result<T> result, const char* what) {
  if (result) return std::move(*result);
  fprintf(stderr, "request_bench: %s: %s\n", what, result.error().message().c_str());
  exit(1);
}
void must(const Result<void>& result, const char* what) {
  if (result) return;
  fprintf(stderr, "request_bench: %s: %s\n", what, result.error().message().c_str());
  exit(1);
}

double thread_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

class Bench {
 public:
  Bench(Filesystem& fs, int files)
      : fs_(fs), files_(files), handles_(static_cast<size_t>(files)), inodes_(handles_.size()) {
    Inode at = kRootDir;
    for (const char* name : {"tenant", "collection", "directory"})
      at = must(fs_.make_directory(at, name, 0755, kCaller), "mkdir").inode;
    directory_ = at;
  }

  void run() {
    each("lookup of what is not there", [&](size_t i) { must(fs_.lookup(directory_, name(i)), "lookup"); });
    each("create", [&](size_t i) {
      auto created = must(fs_.create(directory_, name(i), 0600, O_RDWR | O_CREAT | O_EXCL, kCaller), "create");
      inodes_[i] = created.node.inode;
      handles_[i] = std::move(created.opened.handle);
    });
    each("getattr, the directory", [&](size_t) { must(fs_.attributes(directory_), "getattr"); });
    each("write", [&](size_t i) { must(fs_.write(*handles_[i], 0, value_, kCaller), "write"); });
    each("setattr, mode of an open file", [&](size_t i) { set_mode(i, 0644); });
    each("flush", [&](size_t i) { must(fs_.flush(*handles_[i]), "flush"); });
    each("flush again", [&](size_t i) { must(fs_.flush(*handles_[i]), "flush"); });
    each("release", [&](size_t i) { fs_.release(std::move(handles_[i])); });
    each("setattr, times", [&](size_t i) {
      AttributeRequest request;
      request.mtime_ns = request.atime_ns = 1;
      must(fs_.set_attributes(inodes_[i], request, kCaller), "setattr");
    });
    each("rename to a new name", [&](size_t i) {
      must(fs_.rename(directory_, name(i), directory_, "to" + name(i), RenameFlag::none), "rename");
    });
    each(
        "rename over a name",
        [&](size_t i) {
          if (i % 2 == 0)
            must(fs_.rename(directory_, "to" + name(i), directory_, "to" + name(i + 1), RenameFlag::none), "rename");
        },
        2);
    each("lookup", [&](size_t i) { must(fs_.lookup(directory_, "to" + name(i | 1)), "lookup"); });
    each(
        "getattr",
        [&](size_t i) {
          if (i % 2 == 0) must(fs_.attributes(inodes_[i]), "getattr");
        },
        2);
    each(
        "open",
        [&](size_t i) {
          if (i % 2 == 0) handles_[i] = must(fs_.open(inodes_[i], O_RDONLY, kCaller), "open").handle;
        },
        2);
    each(
        "read",
        [&](size_t i) {
          if (i % 2 == 0) must(fs_.read(*handles_[i], 0, buffer_.size(), buffer_.data()), "read");
        },
        2);
    each(
        "release, read only",
        [&](size_t i) {
          if (i % 2 == 0) fs_.release(std::move(handles_[i]));
        },
        2);
    list("readdir, an entry", false);
    list("readdirplus, an entry", true);
    each(
        "unlink",
        [&](size_t i) {
          if (i % 2 == 1) must(fs_.unlink(directory_, "to" + name(i)), "unlink");
        },
        2);
    each("mkdir",
         [&](size_t i) { inodes_[i] = must(fs_.make_directory(directory_, name(i), 0755, kCaller), "mkdir").inode; });
    each("rmdir", [&](size_t i) { must(fs_.remove_directory(directory_, name(i)), "rmdir"); });
  }

 private:
  static std::string name(size_t i) { return "file" + std::to_string(i); }

  void set_mode(size_t i, uint32_t mode) {
    AttributeRequest request;
    request.mode = mode;
    must(fs_.set_attributes(inodes_[i], request, kCaller), "setattr");
  }

  void begin() {
    commits_before_ = fs_.store().last_commit();
    us_before_ = thread_us();
  }
  void end(const char* what, double count) {
    const double us = thread_us() - us_before_;
    const auto commits = static_cast<double>(fs_.store().last_commit() - commits_before_);
    printf("| %s | %.2f | %.2f |\n", what, us / count, commits / count);
  }

  void each(const char* what, const std::function<void(size_t)>& request, int share = 1) {
    begin();
    for (size_t i = 0; i < handles_.size(); ++i) request(i);
    end(what, static_cast<double>(files_) / share);
  }

  void list(const char* what, bool plus) {
    auto handle = must(fs_.open_directory(directory_), "opendir");
    begin();
    uint64_t offset = 0;
    int listed = 0;
    for (bool more = true; more;) {
      more = false;
      int room = 100;
      must(fs_.read_directory(*handle, offset, plus,
                              [&](std::string_view, const Node&, uint64_t next) {
                                if (room-- == 0) return false;
                                more = true;
                                offset = next;
                                ++listed;
                                return true;
                              }),
           "readdir");
    }
    end(what, listed);
  }

  Filesystem& fs_;
  const int files_;
  std::vector<std::unique_ptr<FileHandle>> handles_;
  std::vector<Inode> inodes_;
  Inode directory_ = 0;
  Sequence commits_before_ = 0;
  double us_before_ = 0;
  const std::string value_ = std::string(1000, 'v');
  std::string buffer_ = std::string(4096, 'b');
};

}  // namespace

int main(int argc, char** argv) {
  const std::string base = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  const int files = argc > 2 ? std::max(2, atoi(argv[2]) / 2 * 2) : 20'000;
  std::string path = base + "/request-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    perror("request_bench: mkdtemp");
    return 1;
  }
  {
    StoreOptions options;
    options.engine.path = path + "/store";
    const auto store = must(Store::open(options), "open");
    Filesystem fs(*store, {});
    printf("| request | CPU us | commits |\n|---|---:|---:|\n");
    Bench(fs, files).run();
  }
  std::filesystem::remove_all(path);
  return 0;
}
