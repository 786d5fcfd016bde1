// A directory that lives as long as the object. Under $TMPDIR or /tmp.
#pragma once

#include <string>

namespace kvfs::test {

class TempDir {
 public:
  TempDir();
  /// Removes everything below it. Mounts below must be gone by then: it does not cross file systems.
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace kvfs::test
