// A stored value as an answer's body, sent in pieces without a transaction.
#pragma once

#include <algorithm>
#include <span>

#include "httpbridge/response.h"
#include "store/value.h"

namespace kvfs::http {

class ValueSource final : public BodySource {
 public:
  ValueSource(ValueReader reader, uint64_t offset, uint64_t length)
      : reader_(std::move(reader)), offset_(offset), left_(length), size_(length) {}

  std::optional<uint64_t> size() const override { return size_; }

  Result<Piece> read(std::span<char> out) override {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(out.size(), left_));
    const auto got = reader_.read(offset_, wanted, out.data());
    if (!got) return got.error();
    if (*got == 0 && left_ > 0) return {Errc::corrupt, "a value is shorter than its size says"};
    offset_ += *got;
    left_ -= *got;
    return Piece{*got, left_ == 0 ? State::done : State::more};
  }

 private:
  ValueReader reader_;
  uint64_t offset_;
  uint64_t left_;
  const uint64_t size_;
};

}  // namespace kvfs::http
