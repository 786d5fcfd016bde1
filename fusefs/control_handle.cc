#include "fusefs/control_handle.h"

#include <algorithm>
#include <cstring>

namespace kvfs {

Result<size_t> ControlHandle::write(uint64_t, std::string_view) { return Errc::access_denied; }

size_t read_text(std::string_view text, uint64_t offset, size_t length, char* out) {
  if (offset >= text.size()) return 0;
  const size_t bytes = std::min(length, text.size() - static_cast<size_t>(offset));
  std::memcpy(out, text.data() + offset, bytes);
  return bytes;
}

Result<size_t> TextHandle::read(uint64_t offset, size_t length, char* out) {
  return read_text(text_, offset, length, out);
}

Result<size_t> TextHandle::write(uint64_t offset, std::string_view bytes) {
  if (!take_) return Errc::access_denied;
  const std::lock_guard lock(mutex_);
  std::string& text = written_ ? *written_ : written_.emplace();
  if (offset + bytes.size() > kWrittenBytesMax)
    return Error{Errc::value_too_large, "a control file takes at most 65536 bytes"};
  if (text.size() < offset) text.resize(static_cast<size_t>(offset), ' ');
  text.replace(static_cast<size_t>(offset), bytes.size(), bytes);
  return bytes.size();
}

Result<void> TextHandle::flush() {
  const std::lock_guard lock(mutex_);
  if (!written_) return {};
  const std::string text = std::move(*written_);
  written_.reset();
  return take_(text);
}

Result<size_t> LineHandle::write(uint64_t, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  std::string_view rest = bytes;
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    std::string line = std::move(begun_);
    begun_.clear();
    line.append(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (line.size() > kLineBytesMax) return Error{Errc::value_too_large, "a line has at most 1048576 bytes"};
    if (auto taken = take_line(line); !taken) return taken.error();
  }
  if (begun_.size() + rest.size() > kLineBytesMax) {
    begun_.clear();
    return Error{Errc::value_too_large, "a line has at most 1048576 bytes"};
  }
  begun_.append(rest);
  return bytes.size();
}

Result<void> LineHandle::flush() {
  const std::lock_guard lock(mutex_);
  if (begun_.empty()) return {};
  const std::string line = std::move(begun_);
  begun_.clear();
  return take_line(line);
}

}  // namespace kvfs
