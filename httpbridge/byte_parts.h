// Several ranges of a value as one body, multipart/byteranges (RFC 9110, section 14.6).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "httpbridge/range.h"
#include "httpbridge/response.h"
#include "store/value.h"

namespace kvfs::http {

class PartsSource final : public BodySource {
 public:
  /// `content_type`: of the value.
  PartsSource(ValueReader reader, const std::vector<ByteRange>& ranges, std::string_view content_type);

  /// For Content-Type: names the boundary, which nobody who stored the value could know.
  const std::string& content_type() const { return content_type_; }
  std::optional<uint64_t> size() const override { return size_; }
  Result<Piece> read(std::span<char> out) override;

 private:
  struct Part {
    std::string head;  // boundary and fields, or the end
    ByteRange range;
  };

  ValueReader reader_;
  std::string content_type_;
  std::vector<Part> parts_;
  uint64_t size_ = 0;
  size_t part_ = 0;
  uint64_t at_ = 0;  // within the part's head and bytes
};

}  // namespace kvfs::http
