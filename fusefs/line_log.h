// Lines as a file that grows at its end and forgets at its beginning: what `tail -f` reads of events and channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace kvfs {

/// Offsets count all bytes since the log began, so that they and its size only grow, as tail(1) expects.
/// Thread safety: all functions may be called from any thread.
class LineLog {
 public:
  /// What a reader gets who comes for so many bytes that are forgotten: a line with its end.
  using Missed = std::function<std::string(uint64_t bytes)>;
  LineLog(size_t bytes_max, Missed missed) : bytes_max_(bytes_max), missed_(std::move(missed)) {}

  /// One or more lines, each with its end.
  void append(std::string_view lines);
  uint64_t size() const;

  /// Where one reader is. Guarded by the log.
  struct Reader {
    bool begun = false;
    uint64_t skipped = 0;  // what stands at a file offset was said so many bytes later
    std::string note;      // given instead of what is forgotten
    uint64_t note_at = 0;  // its file offset
  };
  /// A reader that begins at offset 0 is given all that is remembered; one that falls behind is told by a line and goes
  /// on with what is remembered. Fewer than `length` bytes at the end, and at a note.
  size_t read(Reader& reader, uint64_t offset, size_t length, char* out) const;

 private:
  const size_t bytes_max_;
  const Missed missed_;
  mutable std::mutex mutex_;
  std::string text_;        // guarded by mutex_
  uint64_t forgotten_ = 0;  // guarded by mutex_: bytes before text_
};

}  // namespace kvfs
