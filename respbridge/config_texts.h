// Values of CONFIG SET that are more than a number or a switch: how each is written, and what it means.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/result.h"

namespace kvfs::resp {

/// `names` is "a, b, c". The name as it is there. Errors: invalid, as Redis says it.
Result<std::string> checked_choice(std::string_view names, std::string_view value);
/// Seconds and changes by turns. Errors: likewise.
Result<std::string> checked_save_points(std::string_view value);

/// "50 99 99.9": shares of a hundred.
Result<std::vector<double>> parse_percentiles(std::string_view value);
/// As written by CONFIG GET, and in the names of INFO latencystats.
std::string format_percentile(double percentile);
Result<std::string> checked_percentiles(std::string_view value);

/// client-output-buffer-limit: bytes, 0 being none, and how long the second may last.
struct OutputLimit {
  uint64_t hard = 0;
  uint64_t soft = 0;
  uint64_t soft_s = 0;
};
/// Of clients that are `normal`, `slave` and `pubsub`.
using OutputLimits = std::array<OutputLimit, 3>;
inline constexpr size_t kPubsubLimit = 2;
/// `before` with what `value` says of some classes.
Result<OutputLimits> parse_output_limits(std::string_view value, OutputLimits before);
std::string format_output_limits(const OutputLimits& limits);

/// "100", "1k" (1000), "1kb" (1024), "1mb", "1gb".
std::optional<int64_t> parse_memory(std::string_view text);

}  // namespace kvfs::resp
