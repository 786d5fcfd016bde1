// GET, HEAD, PUT and DELETE of one key: raw bytes, their type, ETags, conditions, ranges, time to live.
#include <algorithm>

#include "httpbridge/byte_parts.h"
#include "httpbridge/http_date.h"
#include "httpbridge/precondition.h"
#include "httpbridge/range.h"
#include "httpbridge/ttl.h"
#include "httpbridge/v1.h"
#include "httpbridge/v1_types.h"
#include "httpbridge/value_put.h"
#include "httpbridge/value_source.h"
#include "store/runtime.h"
#include "store/typed_value.h"

namespace kvfs::http {

namespace {

constexpr uint64_t kDirectBytesMax = 256 * 1024;  // larger answers are read while they are sent
constexpr std::string_view kUnknownType = "application/octet-stream";

/// A stored page must not run with the rights of this server's own console.
bool runs_in_browsers(std::string_view type) {
  const auto names = [&](std::string_view what) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
    return std::search(type.begin(), type.end(), what.begin(), what.end(), same) != type.end();
  };
  return names("html") || names("xml");
}

void tell_entry(Response& response, const Entry& entry, uint64_t now_ms) {
  response.content_type = entry.content_type.empty() ? kUnknownType : entry.content_type;
  response.add_etag(entry.version);
  response.add("X-Content-Type-Options", "nosniff");
  thread_local int64_t formatted_for = INT64_MIN;
  thread_local std::string formatted;
  if (const int64_t modified = entry.mtime_ns / 1'000'000'000; modified != formatted_for) {
    formatted = format_http_date(modified);
    formatted_for = modified;
  }
  response.add("Last-Modified", formatted);
  if (entry.expires_ms != 0) response.add("Kvfs-Ttl", format_ttl(entry.expires_ms, now_ms));
  if (runs_in_browsers(entry.content_type)) response.add("Content-Security-Policy", "sandbox");
  if (entry.type == ValueType::bytes) return;
  response.add("Kvfs-Type", to_string(entry.type));
  response.add("Vary", "Accept");
}

/// Ranges are for GET. If-Range: a range counts only for the version the client has a part of. A date tells no two
/// versions of one second apart (RFC 9110 8.8.2.2): it counts where the last change is a minute ago.
bool range_counts(const Request& request, const Entry& entry, uint64_t now_ms) {
  constexpr int64_t kMinuteMs = 60'000;
  const Headers& headers = request.headers;
  if (headers.range.data() == nullptr || request.method != Method::get) return false;
  if (headers.if_range.empty()) return true;
  if (headers.if_range.front() == '"') return headers.if_range == etag(entry.version);
  return static_cast<int64_t>(now_ms) - entry.mtime_ns / 1'000'000 >= kMinuteMs &&
         parse_http_date(headers.if_range) == entry.mtime_ns / 1'000'000'000;
}

Result<void> fill_body(const ReadTxn& txn, const Entry& entry, ByteRange range, bool head, Response& response) {
  if (head) {
    response.content_length = range.length;
    return {};
  }
  if (!entry.chunked && entry.type == ValueType::bytes) {
    response.body.assign(
        entry.inline_value.substr(static_cast<size_t>(range.offset), static_cast<size_t>(range.length)));
    return {};
  }
  if (range.length > kDirectBytesMax) {
    response.source = std::make_unique<ValueSource>(ValueReader(txn, entry), range.offset, range.length);
    return {};
  }
  response.body.resize(static_cast<size_t>(range.length));
  const auto got = read_value(txn, entry, range.offset, response.body.size(), response.body.data());
  if (!got) return got.error();
  response.body.resize(*got);
  return {};
}

}  // namespace

Result<void> answer_entry(const ReadTxn& txn, const Entry& entry, const Request& request, Response& response) {
  const auto status = evaluate_read(request.headers, entry.version, entry.mtime_ns);
  if (!status) return status.error();
  tell_entry(response, entry, txn.now_ms());
  response.status = *status;
  if (*status == 304) {
    response.content_length = entry.size;  // of what is not sent, for the choice of its encoding
    return {};
  }
  ByteRange range{0, entry.size};
  response.add("Accept-Ranges", "bytes");
  if (range_counts(request, entry, txn.now_ms())) {
    const RangeOutcome outcome = evaluate_range(request.headers.range, entry.size);
    if (outcome.kind == RangeOutcome::Kind::unsatisfiable) {
      const std::string size = std::to_string(entry.size);
      response.add("Content-Range", "bytes */" + size);
      set_error(response, request.route->style, 416, "the value has " + size + " bytes");
      return {};
    }
    if (outcome.kind == RangeOutcome::Kind::parts) response.status = 206;
    if (outcome.ranges.size() > 1) {
      auto parts = std::make_unique<PartsSource>(ValueReader(txn, entry), outcome.ranges, response.content_type);
      response.content_type = parts->content_type();
      response.source = std::move(parts);
      return {};
    }
    if (!outcome.ranges.empty()) {
      range = outcome.ranges.front();
      response.add("Content-Range", content_range(range, entry.size));
    }
  }
  return fill_body(txn, entry, range, request.method == Method::head, response);
}

void tell_put(Response& response, const PutOutcome& outcome, uint64_t now_ms) {
  response.status = outcome.created ? 201 : 204;
  response.add_etag(outcome.version);
  if (outcome.expires_ms != 0) response.add("Kvfs-Ttl", format_ttl(outcome.expires_ms, now_ms));
}

Result<void> v1_get(Context& context, Request& request, Response& response) {
  const auto collection = collection_of(context, request);
  if (!collection) return collection.error();
  return context.store.read([&](const ReadTxn& txn) -> Result<void> {
    const auto entry = get(txn, *collection, request.key);
    if (!entry) return entry.error();
    if (entry->type != ValueType::bytes && wants_typed_json(request))
      return answer_typed(txn, *entry, request, response);
    return answer_entry(txn, *entry, request, response);
  });
}

Result<void> v1_put(Context& context, Request& request, Response& response) {
  auto put = ValuePut::make(context, request);
  if (!put) return put.error();
  const Result<void> done =
      context.store.write([&](WriteTxn& txn) { return put->run(txn); }, write_options_of(context, request));
  return put->finish(done, response, context.store.now_ms());
}

Result<void> v1_check(Context& context, Request& request, Response&) {
  if (auto good = check_key(request.key); !good) return good;
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const auto collection = collection_of(context, request);
  if (!collection && collection.error().code != Errc::not_found) return collection.error();
  return context.store.read([&](const ReadTxn& txn) -> Result<void> {
    if (!collection) return check(*precondition, nullptr);
    if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free;
    const auto entry = get(txn, *collection, request.key);
    if (!entry && entry.error().code != Errc::not_found) return entry.error();
    return check(*precondition, entry ? &*entry : nullptr);
  });
}

Result<void> v1_delete(Context& context, Request& request, Response& response) {
  const auto removed = remove_value(context, request, request.key);
  if (!removed) return removed.error();
  response.status = 204;
  return {};
}

}  // namespace kvfs::http
