// An open file of a control directory: bytes that are made for whoever opened it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

/// Thread safety: all functions may be called from any thread.
class ControlHandle {
 public:
  virtual ~ControlHandle() = default;
  /// Up to `length` bytes into `out`; fewer at the end. Never waits for more.
  virtual Result<size_t> read(uint64_t offset, size_t length, char* out) = 0;
  virtual Result<size_t> write(uint64_t offset, std::string_view bytes);
  /// At each close of a descriptor, and once more when the last one is gone.
  virtual Result<void> flush() { return {}; }
};

/// Up to `length` bytes of `text` from `offset` on.
size_t read_text(std::string_view text, uint64_t offset, size_t length, char* out);

/// What was made at open, and what takes at close all that was written.
class TextHandle final : public ControlHandle {
 public:
  static constexpr size_t kWrittenBytesMax = 64 * 1024;
  using Take = std::function<Result<void>(std::string_view)>;
  TextHandle(std::string text, Take take) : text_(std::move(text)), take_(std::move(take)) {}

  Result<size_t> read(uint64_t offset, size_t length, char* out) override;
  Result<size_t> write(uint64_t offset, std::string_view bytes) override;
  Result<void> flush() override;

 private:
  const std::string text_;
  const Take take_;
  std::mutex mutex_;
  std::optional<std::string> written_;  // guarded by mutex_
};

/// Gives whole lines, as they are written, to what takes them; what follows the last line feed at close.
class LineHandle : public ControlHandle {
 public:
  static constexpr size_t kLineBytesMax = 1 << 20;
  Result<size_t> write(uint64_t offset, std::string_view bytes) override;
  Result<void> flush() override;

 private:
  /// Called by one thread at a time.
  virtual Result<void> take_line(std::string_view line) = 0;
  std::mutex mutex_;
  std::string begun_;  // guarded by mutex_: a line without its end
};

}  // namespace kvfs
