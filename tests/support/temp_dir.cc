#include "tests/support/temp_dir.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include <stdexcept>

namespace kvfs::test {

namespace {

int remove_one(const char* path, const struct stat*, int, FTW*) {
  ::remove(path);
  return 0;
}

}  // namespace

TempDir::TempDir() {
  const char* base = ::getenv("TMPDIR");
  path_ = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/kvfs-test-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory " + path_);
}

TempDir::~TempDir() {
  constexpr int kOpenDirectoriesMax = 32;
  ::nftw(path_.c_str(), remove_one, kOpenDirectoriesMax, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

}  // namespace kvfs::test
