// PATCH of one key: appended bytes, a range of bytes, JSON merge patch (RFC 7396), JSON patch (RFC 6902).
#include <malloc.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>

#include "httpbridge/json_patch.h"
#include "httpbridge/json_text.h"
#include "httpbridge/modify.h"
#include "httpbridge/precondition.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"

namespace kvfs::http {

namespace {

constexpr size_t kTrimmedFrom = 1024 * 1024;

enum class Kind { append, range, merge, patch };

struct PatchRequest {
  Kind kind = Kind::append;
  uint64_t offset = 0;
};

std::optional<uint64_t> parse_offset(std::string_view text) {
  uint64_t offset = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  return error == std::errc() && stop == text.data() + text.size() ? std::optional(offset) : std::nullopt;
}

bool is_type(std::string_view text, std::string_view type) {
  return boost::beast::iequals({text.data(), text.size()}, {type.data(), type.size()});
}

/// "bytes 5-9/*": where the body goes.
Result<uint64_t> parse_content_range(std::string_view field, size_t body_bytes) {
  const Error malformed{Errc::invalid, "Content-Range must look like 'bytes 0-99/*' and agree with the body's length"};
  if (!field.starts_with("bytes ")) return malformed;
  field.remove_prefix(6);
  const size_t dash = field.find('-'), slash = field.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return malformed;
  const auto first = parse_offset(field.substr(0, dash));
  const auto last = parse_offset(field.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first || *last - *first + 1 != body_bytes) return malformed;
  if (const std::string_view whole = field.substr(slash + 1); whole != "*")
    if (const auto length = parse_offset(whole); !length || *length <= *last) return malformed;
  return *first;
}

/// What the request asks for; nullopt: its Content-Type says nothing that is known.
Result<std::optional<PatchRequest>> parse(const Request& request) {
  if (const auto append = query_value(request.query, "append"); !append)
    return append.error();
  else if (*append)
    return std::optional(PatchRequest{Kind::append, 0});
  const auto offset = query_value(request.query, "offset");
  if (!offset) return offset.error();
  if (*offset) {
    const auto at = parse_offset(**offset);
    if (!at) return {Errc::invalid, "offset must be a number of bytes"};
    return std::optional(PatchRequest{Kind::range, *at});
  }
  if (request.headers.content_range.data() != nullptr) {
    const auto at = parse_content_range(request.headers.content_range, request.body.size());
    if (!at) return at.error();
    return std::optional(PatchRequest{Kind::range, *at});
  }
  const std::string_view type =
      trim_json(request.headers.content_type.substr(0, request.headers.content_type.find(';')));
  if (is_type(type, "application/merge-patch+json")) return std::optional(PatchRequest{Kind::merge, 0});
  if (is_type(type, "application/json-patch+json")) return std::optional(PatchRequest{Kind::patch, 0});
  return std::optional<PatchRequest>();
}

Result<Modified> patch_json(const Context& context, Kind kind, const JsonNode& patch, const Value* present,
                            size_t& bytes_peak) {
  JsonNode document;
  if (present == nullptr && kind == Kind::patch) return Errc::not_found;
  if (present != nullptr) {
    const std::string_view stored = trim_json(present->bytes);
    bytes_peak = std::max(bytes_peak, stored.size());
    if (!validate_json(stored)) return {Errc::wrong_type, "the value is not JSON"};
    document = JsonNode::parse(stored);
  }
  if (kind == Kind::merge) {
    merge_patch(document, patch);
  } else if (auto r = json_patch(
                 document, patch,
                 {context.options.memory_value_bytes_max, [&context] { return context.in_time(); }, &bytes_peak});
             !r) {
    // A path that leads nowhere is the patch's fault; not_found would mean the key.
    return {r.error().code == Errc::not_found ? Errc::wrong_type : r.error().code, r.error().detail};
  }
  Modified modified{{}, "application/json"};
  document.append_to(modified.bytes);
  return modified;
}

}  // namespace

Result<void> v1_patch(Context& context, Request& request, Response& response) {
  const auto asked = parse(request);
  if (!asked) return asked.error();
  if (!*asked) {
    response.add("Accept-Patch", kPatchTypes);
    set_error(
        response, ErrorStyle::problem, 415,
        "say what the patch is: Content-Type application/merge-patch+json or application/json-patch+json, ?append, "
        "?offset=N or Content-Range");
    return {};
  }
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const Kind kind = (*asked)->kind;
  const WriteOptions write_options = write_options_of(context, request);
  Result<PutOutcome> outcome = Errc::invalid;
  size_t bytes_peak = 0;
  if (kind == Kind::append || kind == Kind::range) {
    const auto offset = kind == Kind::range ? std::optional((*asked)->offset) : std::nullopt;
    outcome = write_bytes(context, request, request.key, offset, request.body, *precondition, write_options);
  } else {
    if (auto valid = validate_json(request.body); !valid) return valid.error();
    bytes_peak = request.body.size();
    const JsonNode patch = JsonNode::parse(request.body);
    outcome = modify_value(context, request, request.key, *precondition, write_options,
                           [&](const Value* present) { return patch_json(context, kind, patch, present, bytes_peak); });
  }
  // The C library would keep the small pieces that a document was taken apart into.
  if (bytes_peak > kTrimmedFrom) ::malloc_trim(0);
  if (!outcome) return outcome.error();
  tell_put(response, *outcome, context.store.now_ms());
  return {};
}

}  // namespace kvfs::http
