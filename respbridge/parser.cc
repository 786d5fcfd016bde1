#include "respbridge/parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "respbridge/numbers.h"

namespace kvfs::resp {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r' || c == '\0'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

/// A number of up to four digits before a CR, which nearly all headers are, and where that CR stands.
std::optional<std::pair<int64_t, size_t>> brief_number(std::string_view input, size_t at) {
  constexpr size_t kDigitsMax = 4;
  int64_t number = 0;
  size_t end = at;
  for (; end < input.size() && end - at < kDigitsMax && input[end] >= '0' && input[end] <= '9'; ++end)
    number = number * 10 + (input[end] - '0');
  const bool whole = end > at && end + 1 < input.size() && input[end] == '\r';
  if (!whole || (input[at] == '0' && end - at > 1)) return std::nullopt;
  return std::pair(number, end);
}

/// Takes a double-quoted part; `at` stands behind its opening quote and ends behind the closing one.
bool take_double_quoted(std::string_view line, size_t& at, std::string& out) {
  while (at < line.size()) {
    const char c = line[at];
    if (c == '"') return ++at, true;
    if (c != '\\' || at + 1 >= line.size()) {
      out.push_back(c);
      ++at;
      continue;
    }
    if (line[at + 1] == 'x' && at + 3 < line.size() && hex_value(line[at + 2]) >= 0 && hex_value(line[at + 3]) >= 0) {
      out.push_back(static_cast<char>(hex_value(line[at + 2]) * 16 + hex_value(line[at + 3])));
      at += 4;
      continue;
    }
    out.push_back(unescaped(line[at + 1]));
    at += 2;
  }
  return false;
}

bool take_single_quoted(std::string_view line, size_t& at, std::string& out) {
  while (at < line.size()) {
    if (line[at] == '\'') return ++at, true;
    if (line.substr(at, 2) == "\\'") ++at;
    out.push_back(line[at++]);
  }
  return false;
}

}  // namespace

Parser::Status Parser::fail(std::string text) {
  error_ = std::move(text);
  return Status::error;
}

Parser::Status Parser::finish(size_t consumed) {
  consumed_ = consumed;
  in_array_ = false;
  at_ = scanned_ = missing_ = 0;
  bulk_ = -1;
  announced_ = 0;
  return Status::command;
}

Parser::Status Parser::parse(std::string_view input) {
  if (input.empty()) return Status::incomplete;
  if (!in_array_) {
    if (input[0] != '*') return parse_inline(input);
    if (const Status status = parse_array_header(input); status != Status::command || !in_array_) return status;
  }
  return parse_parts(input);
}

Parser::Status Parser::parse_inline(std::string_view input) {
  const size_t end = input.find('\n', scanned_);
  if (end == input.npos) {
    scanned_ = input.size();
    if (input.size() > limits_.inline_bytes_max) return fail("too big inline request");
    return Status::incomplete;
  }
  std::string_view line = input.substr(0, end);
  if (line.size() > limits_.inline_bytes_max) return fail("too big inline request");
  if (line.ends_with('\r')) line.remove_suffix(1);
  arguments_.clear();
  if (!split_inline(line)) return fail("unbalanced quotes in request");
  return finish(end + 1);
}

bool Parser::split_inline(std::string_view line) {
  size_t at = 0;
  while (true) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return true;
    const size_t begin = at;
    while (at < line.size() && !is_space(line[at]) && line[at] != '"' && line[at] != '\'') ++at;
    if (at == line.size() || is_space(line[at])) {
      arguments_.push_back(line.substr(begin, at - begin));
      continue;
    }
    std::string& argument = unquoted_.emplace_back(line.substr(begin, at - begin));
    while (at < line.size() && !is_space(line[at])) {
      const char c = line[at++];
      if (c != '"' && c != '\'') {
        argument.push_back(c);
        continue;
      }
      if (!(c == '"' ? take_double_quoted(line, at, argument) : take_single_quoted(line, at, argument))) return false;
      if (at < line.size() && !is_space(line[at])) return false;  // a closing quote ends the argument
    }
    arguments_.push_back(argument);
  }
}

/// The number behind the first byte of the line at at_. `too_long`: what to say of a line that does not end.
Parser::Status Parser::parse_header(std::string_view input, const char* too_long, Header& header) {
  if (const auto brief = brief_number(input, at_ + 1)) {
    header = {brief->first, brief->second};
    return Status::command;
  }
  const size_t end = input.find('\r', scanned_);
  if (std::min(end, input.size()) - at_ > limits_.inline_bytes_max) return fail(too_long);
  if (end == input.npos || end + 1 >= input.size()) {
    scanned_ = std::min(end, input.size());
    return Status::incomplete;
  }
  header = {parse_integer(input.substr(at_ + 1, end - at_ - 1)), end};
  return Status::command;
}

Parser::Status Parser::parse_array_header(std::string_view input) {
  Header header;
  if (const Status status = parse_header(input, "too big mbulk count string", header); status != Status::command)
    return status;
  const auto [count, end] = header;
  if (!count || (*count > 0 && static_cast<uint64_t>(*count) > limits_.arguments_max))
    return fail("invalid multibulk length");
  if (restricted_ && *count > static_cast<int64_t>(kUnauthenticatedArgumentsMax))
    return fail("unauthenticated multibulk length");
  arguments_.clear();
  parts_.clear();
  if (*count <= 0) return finish(end + 2);
  in_array_ = true;
  at_ = scanned_ = end + 2;
  missing_ = static_cast<size_t>(*count);
  return Status::command;
}

Parser::Status Parser::parse_length(std::string_view input) {
  if (at_ >= input.size()) return Status::incomplete;
  Header header;
  if (const Status status = parse_header(input, "too big bulk count string", header); status != Status::command)
    return status;
  const auto [length, end] = header;
  if (input[at_] != '$') {
    std::string text = "expected '$', got '";
    text.push_back(input[at_]);
    return fail(text + "'");
  }
  if (!length || *length < 0 || static_cast<uint64_t>(*length) > limits_.bulk_bytes_max)
    return fail("invalid bulk length");
  if (restricted_ && static_cast<uint64_t>(*length) > kUnauthenticatedBulkBytesMax)
    return fail("unauthenticated bulk length");
  bulk_ = *length;
  at_ = end + 2;
  return Status::command;
}

Parser::Status Parser::parse_parts(std::string_view input) {
  while (missing_ > 0) {
    if (bulk_ < 0)
      if (const Status status = parse_length(input); status != Status::command) return status;
    const size_t needed = at_ + static_cast<size_t>(bulk_) + 2;
    if (input.size() < needed) {
      announced_ = needed - input.size();
      return Status::incomplete;
    }
    parts_.push_back({at_, static_cast<size_t>(bulk_)});
    at_ = scanned_ = needed;
    bulk_ = -1;
    announced_ = 0;
    --missing_;
  }
  arguments_.clear();
  for (const Part& part : parts_) arguments_.push_back(input.substr(part.offset, part.length));
  return finish(at_);
}

}  // namespace kvfs::resp
