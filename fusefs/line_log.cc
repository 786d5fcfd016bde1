#include "fusefs/line_log.h"

#include "fusefs/control_handle.h"

namespace kvfs {

void LineLog::append(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  text_.append(lines);
  if (text_.size() <= bytes_max_) return;
  // Rather some more at once than a little with each line.
  const size_t line_end = text_.find('\n', text_.size() - bytes_max_ / 4 * 3);
  const size_t cut = line_end == std::string::npos ? text_.size() : line_end + 1;
  forgotten_ += cut;
  text_.erase(0, cut);
}

uint64_t LineLog::size() const {
  const std::lock_guard lock(mutex_);
  return forgotten_ + text_.size();
}

size_t LineLog::read(Reader& reader, uint64_t offset, size_t length, char* out) const {
  const std::lock_guard lock(mutex_);
  if (!reader.begun) {
    reader.begun = true;
    if (offset == 0) reader.skipped = forgotten_;
  }
  if (offset + reader.skipped < forgotten_ &&
      (offset < reader.note_at || offset >= reader.note_at + reader.note.size())) {
    reader.note = missed_(forgotten_ - offset - reader.skipped);
    reader.note_at = offset;
    // May wrap: what counts is offset + skipped.
    reader.skipped = forgotten_ - (offset + reader.note.size());
  }
  if (offset >= reader.note_at && offset - reader.note_at < reader.note.size())
    return read_text(reader.note, offset - reader.note_at, length, out);
  return read_text(text_, offset + reader.skipped - forgotten_, length, out);
}

}  // namespace kvfs
