#include "httpbridge/access_log.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace kvfs::http {

namespace {

/// As other servers escape them, bytes beyond ASCII too: some are controls to terminals.
void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  if (text.empty()) out.push_back('-');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\')
      out.append({'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]});
    else
      out.push_back(c);
  }
}

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path) {
  std::unique_ptr<AccessLog> log(new AccessLog(path));
  log->file_ = path == "-" ? stdout : std::fopen(path.c_str(), "ae");
  if (log->file_ == nullptr) {
    const Errc code = errno == EACCES ? Errc::access_denied : errno == ENOENT ? Errc::not_found : Errc::io;
    return {code, "cannot open the access log " + path + ": " + std::strerror(errno)};
  }
  return log;
}

AccessLog::~AccessLog() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

void AccessLog::write(const Line& line, int64_t unix_seconds) {
  std::string out;
  out.reserve(256);
  append_escaped(out, line.peer);
  out.append(" - ");
  append_escaped(out, line.user);
  char when[40];
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::strftime(when, sizeof when, " [%d/%b/%Y:%H:%M:%S +0000] \"", &parts);
  out.append(when);
  append_escaped(out, line.method);
  out.push_back(' ');
  append_escaped(out, line.target);
  out.append(line.http_1_0 ? " HTTP/1.0\" " : " HTTP/1.1\" ");
  out.append(std::to_string(line.status)).append(" ").append(std::to_string(line.body_bytes)).append(" \"");
  append_escaped(out, line.referer);
  out.append("\" \"");
  append_escaped(out, line.user_agent);
  out.append("\" ").append(std::to_string(line.duration_us)).append("us\n");
  const std::lock_guard lock(mutex_);
  if (file_ != nullptr) std::fwrite(out.data(), 1, out.size(), file_);
}

void AccessLog::reopen() {
  if (path_ == "-") return;
  const std::lock_guard lock(mutex_);
  if (FILE* fresh = std::fopen(path_.c_str(), "ae")) {
    if (file_ != nullptr) std::fclose(file_);
    file_ = fresh;
  }
}

void AccessLog::flush() {
  const std::lock_guard lock(mutex_);
  if (file_ != nullptr) std::fflush(file_);
}

}  // namespace kvfs::http
