#include "fusefs/chunk_pieces.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "store/value.h"

namespace kvfs {

namespace {

constexpr size_t kRunsMax = 16;

}  // namespace

ChunkPieces::~ChunkPieces() {
  for (auto run = runs_.begin(); run != runs_.end();) run = erase(run);
}

ChunkPieces::Runs::iterator ChunkPieces::erase(Runs::iterator run) {
  if (run->second.moved) {
    moved_bytes_ -= run->second.length();
    chunks_.discard(*run->second.moved);
  } else {
    memory_bytes_ -= run->second.length();
  }
  return runs_.erase(run);
}

bool ChunkPieces::write(uint32_t at, std::string_view bytes) {
  const uint32_t end = at + static_cast<uint32_t>(bytes.size());
  // The runs that it overlaps or touches: [first, last). What has been moved is not joined with, only covered.
  const auto end_of = [](Runs::const_iterator run) { return run->first + run->second.length(); };
  auto first = runs_.upper_bound(at);
  if (first != runs_.begin())
    if (const auto before = std::prev(first); end_of(before) + (before->second.moved ? 0 : 1) > at) first = before;
  auto last = first;
  for (; last != runs_.end() && last->first < end + (last->second.moved ? 0 : 1); ++last)
    if (last->second.moved && (last->first < at || end_of(last) > end)) return false;
  if (first == last && runs_.size() >= kRunsMax) return false;
  if (first != last && first->first <= at && !first->second.moved && std::next(first) == last) {
    // Within one run, or at its end: the usual case.
    std::string& run = first->second.bytes;
    const size_t offset = at - first->first;
    const size_t before = run.size();
    if (offset == before)
      run.append(bytes);
    else
      run.replace(offset, bytes.size(), bytes);
    memory_bytes_ += run.size() - before;
    return true;
  }
  const uint32_t begin = first != last && !first->second.moved ? std::min(at, first->first) : at;
  std::string joined;
  if (begin < at) joined.assign(first->second.bytes, 0, at - begin);
  joined.append(bytes);
  if (first != last)
    if (const auto& [from, run] = *std::prev(last); !run.moved && from + run.length() > end)
      joined.append(run.bytes, end - from);
  while (first != last) first = erase(first);
  memory_bytes_ += joined.size();
  runs_.emplace(begin, Run{std::move(joined), std::nullopt});
  return true;
}

Result<void> ChunkPieces::read(uint32_t at, size_t length, char* out) const {
  for (const auto& [begin, run] : runs_) {
    const auto from = std::max<size_t>(begin, at);
    const auto to = std::min<size_t>(begin + run.length(), at + length);
    if (from >= to) continue;
    if (!run.moved) {
      std::memcpy(out + (from - at), run.bytes.data() + (from - begin), to - from);
    } else if (auto done = chunks_.read(*run.moved, static_cast<uint32_t>(from - begin),
                                        static_cast<uint32_t>(to - from), out + (from - at));
               !done) {
      return done;
    }
  }
  return {};
}

Result<void> ChunkPieces::move() {
  for (auto& [begin, run] : runs_) {
    if (run.moved) continue;
    const auto moved = chunks_.append(run.bytes);
    if (!moved) return moved.error();
    memory_bytes_ -= run.bytes.size();
    moved_bytes_ += run.bytes.size();
    run = {{}, *moved};
  }
  return {};
}

std::optional<std::string> ChunkPieces::take_whole() {
  if (runs_.size() != 1 || runs_.begin()->second.bytes.size() != kChunkBytes) return std::nullopt;
  std::string bytes = std::move(runs_.begin()->second.bytes);
  runs_.clear();
  memory_bytes_ = 0;
  return bytes;
}

}  // namespace kvfs
