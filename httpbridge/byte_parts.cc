#include "httpbridge/byte_parts.h"

#include <algorithm>
#include <random>

namespace kvfs::http {

namespace {

std::string random_boundary() {
  std::random_device random;
  std::string boundary = "kvfs";
  for (int i = 0; i < 4; ++i) boundary += "-" + std::to_string(random());
  return boundary;
}

}  // namespace

PartsSource::PartsSource(ValueReader reader, const std::vector<ByteRange>& ranges, std::string_view content_type)
    : reader_(std::move(reader)) {
  const std::string boundary = random_boundary();
  content_type_ = "multipart/byteranges; boundary=" + boundary;
  for (const ByteRange& range : ranges) {
    std::string head = (parts_.empty() ? "--" : "\r\n--") + boundary + "\r\nContent-Type: ";
    head.append(content_type).append("\r\nContent-Range: ").append(content_range(range, reader_.size()));
    head.append("\r\n\r\n");
    parts_.push_back({std::move(head), range});
  }
  parts_.push_back({"\r\n--" + boundary + "--\r\n", {}});
  for (const Part& part : parts_) size_ += part.head.size() + part.range.length;
}

Result<BodySource::Piece> PartsSource::read(std::span<char> out) {
  size_t filled = 0;
  while (filled < out.size() && part_ < parts_.size()) {
    const Part& part = parts_[part_];
    const std::span<char> room = out.subspan(filled);
    if (at_ < part.head.size()) {
      const size_t copied = part.head.copy(room.data(), room.size(), static_cast<size_t>(at_));
      at_ += copied;
      filled += copied;
      continue;
    }
    const uint64_t done = at_ - part.head.size();
    if (done == part.range.length) {
      ++part_;
      at_ = 0;
      continue;
    }
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(room.size(), part.range.length - done));
    const auto got = reader_.read(part.range.offset + done, wanted, room.data());
    if (!got) return got.error();
    if (*got == 0) return {Errc::corrupt, "a value is shorter than its size says"};
    at_ += *got;
    filled += *got;
  }
  return Piece{filled, part_ == parts_.size() ? State::done : State::more};
}

}  // namespace kvfs::http
