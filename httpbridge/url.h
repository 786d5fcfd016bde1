// Percent-encoding and query strings. Paths are bytes: nothing is normalised.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs::http {

/// Decodes into `out` (cleared first), byte for byte; '+' stays '+'. Errors: invalid ('%' without two hex digits).
Result<void> percent_decode(std::string_view text, std::string& out);
/// Everything but unreserved characters and '/' becomes %XX.
std::string percent_encode(std::string_view bytes);

/// Walks "a=1&b" as (a, 1), (b, ""). Names and values are decoded; in queries '+' means a space.
class QueryFields {
 public:
  explicit QueryFields(std::string_view query) : rest_(query) {}
  /// False at the end. Errors: invalid.
  Result<bool> next();
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

 private:
  std::string_view rest_;
  std::string name_;
  std::string value_;
};

/// The first field of that name, decoded; nullopt where absent. Errors: invalid.
Result<std::optional<std::string>> query_value(std::string_view query, std::string_view name);

}  // namespace kvfs::http
