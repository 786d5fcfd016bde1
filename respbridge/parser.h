// Requests of the Redis protocol: arrays of bulk strings, and inline commands as people type them. Knows no socket and
// no store.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvfs::resp {

struct ParserLimits {
  size_t arguments_max = 1024 * 1024;
  uint64_t bulk_bytes_max = 512 * 1024 * 1024;
  size_t inline_bytes_max = 64 * 1024;
};

/// What a client that has not authenticated may send (Redis has the same limits).
inline constexpr size_t kUnauthenticatedArgumentsMax = 10;
inline constexpr uint64_t kUnauthenticatedBulkBytesMax = 16 * 1024;

/// Incremental: goes on where the last call stopped, so that a command that arrives byte by byte is scanned once.
/// Used by one thread at a time.
class Parser {
 public:
  enum class Status {
    command,     // arguments() and consumed() are set; no arguments: a blank line or an empty array, to be passed over
    incomplete,  // more bytes are needed
    error,       // error() says why; the connection cannot go on
  };

  explicit Parser(const ParserLimits& limits) : limits_(limits) {}

  /// Parses the command that `input` begins with. After `incomplete`, call again with the same bytes and more behind
  /// them (they may have moved). After `command`, `input` begins consumed() bytes later.
  Status parse(std::string_view input);

  /// Views into the input of the last parse(), or, for quoted inline arguments, into storage kept until forget().
  const std::vector<std::string_view>& arguments() const { return arguments_; }
  size_t consumed() const { return consumed_; }
  /// As Redis words it, without "-ERR Protocol error: ".
  const std::string& error() const { return error_; }
  /// Ends the views of quoted inline arguments.
  void forget() { unquoted_.clear(); }

  /// How many bytes the command being received has announced beyond what was given: to grow the input buffer in time.
  uint64_t announced() const { return announced_; }

  /// While true, kUnauthenticated* hold.
  void restrict(bool restricted) { restricted_ = restricted; }

 private:
  struct Part {
    size_t offset;
    size_t length;
  };

  struct Header {
    std::optional<int64_t> number;
    size_t end = 0;  // of its line: where the CR stands
  };

  Status parse_inline(std::string_view input);
  Status parse_header(std::string_view input, const char* too_long, Header& header);
  Status parse_array_header(std::string_view input);
  Status parse_parts(std::string_view input);
  Status parse_length(std::string_view input);
  bool split_inline(std::string_view line);
  Status fail(std::string text);
  Status finish(size_t consumed);

  const ParserLimits limits_;
  bool restricted_ = false;

  // Of the command being received; offsets from the beginning of the input.
  bool in_array_ = false;
  size_t at_ = 0;       // where parsing goes on
  size_t scanned_ = 0;  // bytes of the present line already searched for its end
  size_t missing_ = 0;  // arguments still to come
  int64_t bulk_ = -1;   // length of the present argument; -1: its header is to come
  uint64_t announced_ = 0;
  std::vector<Part> parts_;

  std::vector<std::string_view> arguments_;
  std::deque<std::string> unquoted_;
  size_t consumed_ = 0;
  std::string error_;
};

}  // namespace kvfs::resp
