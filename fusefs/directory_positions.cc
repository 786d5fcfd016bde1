#include "fusefs/directory_positions.h"

namespace kvfs {

uint64_t directory_offset(std::string_view position) {
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : position) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  hash ^= hash >> 32;
  return hash >> 2 | uint64_t{1} << 62;
}

void DirectoryPositions::gave(DirId dir, std::shared_ptr<const Answer> answer) {
  const std::lock_guard lock(mutex_);
  answers_.emplace_front(dir, std::move(answer));
  if (answers_.size() > kAnswersMax) answers_.pop_back();
}

void DirectoryPositions::removed(DirId dir, std::string position) {
  const uint64_t offset = directory_offset(position);
  const std::lock_guard lock(mutex_);
  removed_.put(offset ^ dir, Removed{dir, std::move(position)});
}

std::optional<std::string> DirectoryPositions::find(DirId dir, uint64_t offset) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [of, answer] : answers_) {
    if (of != dir) continue;
    for (const auto& [at, position] : *answer)
      if (at == offset) return position;
  }
  const Removed* gone = removed_.find(offset ^ dir);
  return gone != nullptr && gone->dir == dir ? std::optional(gone->position) : std::nullopt;
}

}  // namespace kvfs
