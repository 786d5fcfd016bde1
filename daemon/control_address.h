// The path by which the control socket is bound and found: that of a socket must be short, that of a store need not be.
#pragma once

#include <string>

namespace kvfs {

inline constexpr const char* kControlSocket = "control.sock";  // in the store's directory

/// Keeps the directory open as long as it lives.
class ControlAddress {
 public:
  explicit ControlAddress(const std::string& store_path);
  ~ControlAddress();
  ControlAddress(const ControlAddress&) = delete;
  ControlAddress& operator=(const ControlAddress&) = delete;

  /// Short enough for a socket, and valid in this process.
  const std::string& path() const { return path_; }

 private:
  int directory_ = -1;
  std::string path_;
};

}  // namespace kvfs
