// A directory for stores that are about to crash, and the run's settings.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>

namespace kvfs::crash {

/// Where memory is a file system it is used: the model knows what is durable, so the disk need not be waited for.
/// Removed at the end, unless keep() was called.
class CrashDirectory {
 public:
  CrashDirectory() {
    std::error_code ignored;
    const bool memory = std::filesystem::is_directory("/dev/shm", ignored);
    std::string name = (memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) + "/kvfs-crash-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  ~CrashDirectory() {
    std::error_code ignored;
    if (!keep_) std::filesystem::remove_all(path_, ignored);
  }
  CrashDirectory(const CrashDirectory&) = delete;
  CrashDirectory& operator=(const CrashDirectory&) = delete;

  const std::string& path() const { return path_; }
  void keep() { keep_ = true; }

 private:
  std::string path_;
  bool keep_ = false;
};

/// KVFS_TEST_SEED repeats a run as far as threads allow.
inline uint64_t seed_of_run() {
  const char* const given = std::getenv("KVFS_TEST_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

/// KVFS_TEST_LIVES lengthens a run.
inline uint64_t lives_of_run(uint64_t otherwise) {
  const char* const given = std::getenv("KVFS_TEST_LIVES");
  return given != nullptr ? std::stoull(given) : otherwise;
}

}  // namespace kvfs::crash
