// The access log in the combined format that log tools know.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs::http {

/// Thread safety: all functions may be called from any thread.
class AccessLog {
 public:
  /// `path` "-": standard output. Errors: access_denied, not_found, io.
  static Result<std::unique_ptr<AccessLog>> open(const std::string& path);
  ~AccessLog();

  struct Line {
    std::string_view peer;
    std::string_view user;  // the API key's name
    std::string_view method;
    std::string_view target;
    bool http_1_0 = false;
    int status = 0;
    uint64_t body_bytes = 0;
    std::string_view referer;
    std::string_view user_agent;
    uint64_t duration_us = 0;
  };
  /// What a client chose is escaped, so that no line can be forged.
  void write(const Line& line, int64_t unix_seconds);
  /// Closes and opens the file again (after rotation).
  void reopen();
  void flush();

 private:
  explicit AccessLog(std::string path) : path_(std::move(path)) {}
  const std::string path_;
  std::mutex mutex_;
  FILE* file_ = nullptr;  // guarded by mutex_
};

}  // namespace kvfs::http
