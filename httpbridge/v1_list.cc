// GET of a collection: its keys in order, by prefix, delimiter and range, in pages or as a stream of lines.
#include "httpbridge/http_date.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"
#include "httpbridge/watch.h"

namespace kvfs::http {

namespace {

struct ListRequest {
  ListQuery query;
  bool values = false;
  bool lines = false;    // NDJSON
  bool limited = false;  // the client named a limit
  uint64_t value_bytes_max = 0;
};

bool is_yes(std::string_view text) { return text.empty() || text == "1" || text == "true" || text == "yes"; }

Result<ListRequest> parse(const Context& context, const Request& request) {
  ListRequest list;
  list.value_bytes_max = std::min(context.options.memory_value_bytes_max, context.options.answer_bytes_max);
  list.lines = request.headers.accept.find("application/x-ndjson") != std::string_view::npos;
  QueryFields fields(request.query);
  for (;;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    const std::string& name = fields.name();
    const std::string& value = fields.value();
    if (name == "prefix") {
      list.query.prefix = value;
    } else if (name == "delimiter") {
      list.query.delimiter = value;
    } else if (name == "start") {
      list.query.start = value;
    } else if (name == "end") {
      list.query.end = value;
    } else if (name == "end_inclusive") {
      list.query.end_incl = value;
    } else if (name == "reverse") {
      list.query.reverse = is_yes(value);
    } else if (name == "values") {
      list.values = is_yes(value);
    } else if (name == "limit") {
      list.limited = true;
    } else if (name == "cursor" && !value.empty()) {
      auto after = decode_cursor(value);
      if (!after) return after.error();
      list.query.after = std::move(*after);
    }
  }
  const auto limit = limit_of(request.query, context.options.list_limit_default, context.options.list_limit_max);
  if (!limit) return limit.error();
  list.query.limit = *limit;
  return list;
}

/// Appends one key's object. False where the value could not be read.
Result<void> append_entry(std::string& out, const ReadTxn& txn, std::string_view key, const Entry& entry,
                          const ListRequest& list) {
  out.push_back('{');
  append_text_member(out, "key", key);
  out.append(",\"size\":");
  append_json_number(out, entry.size);
  out.append(",\"version\":\"");
  append_json_number(out, entry.version);
  out.append("\",\"modified\":\"");
  append_rfc3339(out, entry.mtime_ns);
  out.push_back('"');
  if (!entry.content_type.empty() && valid_utf8(entry.content_type)) {
    out.append(",\"content_type\":");
    append_json_string(out, entry.content_type);
  }
  if (entry.expires_ms != 0) out.append(",\"ttl\":").append(format_ttl(entry.expires_ms, txn.now_ms()));
  if (list.values) {
    if (entry.size > list.value_bytes_max) {
      out.append(",\"value_omitted\":true");
    } else if (!entry.chunked) {
      out.append(",\"value\":");
      append_value_json(out, entry.inline_value, entry.content_type);
    } else {
      const auto bytes = read_whole_value(txn, entry, list.value_bytes_max);
      if (!bytes) return bytes.error();
      out.append(",\"value\":");
      append_value_json(out, *bytes, entry.content_type);
    }
  }
  out.push_back('}');
  return {};
}

/// One page into memory: `on_key` and `on_prefix` get each item's JSON text appended to `out` by the caller's rules.
struct Page {
  std::string keys;      // objects with `separator` between them
  std::string prefixes;  // strings with commas
  std::optional<std::string> cursor;
};
Result<Page> read_page(Context& context, const ListRequest& list, DirId collection, char separator) {
  return context.store.read([&](const ReadTxn& txn) -> Result<Page> {
    Page page;
    std::optional<Error> failed;
    const auto fits = [&] { return page.keys.size() + page.prefixes.size() < context.options.answer_bytes_max; };
    page.cursor = list_keys(
        txn, collection, list.query,
        [&](std::string_view key, const Entry& entry) {
          if (auto r = context.in_time(); !r) {
            failed = r.error();
            return false;
          }
          if (!page.keys.empty() && separator == ',') page.keys.push_back(separator);
          if (auto r = append_entry(page.keys, txn, key, entry, list); !r) {
            failed = r.error();
            return false;
          }
          if (separator != ',') page.keys.push_back(separator);
          return fits();
        },
        [&](std::string_view prefix) {
          if (separator != ',') {
            page.keys.push_back('{');
            append_text_member(page.keys, "prefix", prefix);
            page.keys.append("}").push_back(separator);
            return fits();
          }
          if (!page.prefixes.empty()) page.prefixes.push_back(',');
          if (valid_utf8(prefix)) {
            append_json_string(page.prefixes, prefix);
          } else {
            page.prefixes.push_back('{');
            append_text_member(page.prefixes, "prefix", prefix);
            page.prefixes.push_back('}');
          }
          return fits();
        });
    if (failed) return *failed;
    return page;
  });
}

/// A whole collection as lines, a page at a time: bounded memory, no snapshot held between pages.
class LineSource final : public BodySource {
 public:
  LineSource(Context& context, ListRequest list, DirId collection)
      : context_(context), list_(std::move(list)), collection_(collection) {}

  std::optional<uint64_t> size() const override { return std::nullopt; }

  Result<Piece> read(std::span<char> out) override {
    while (at_ == page_.size() && !ended_) {
      auto page = read_page(context_, list_, collection_, '\n');
      if (!page) return page.error();
      page_ = std::move(page->keys);
      at_ = 0;
      ended_ = !page->cursor;
      list_.query.after = std::move(page->cursor);
    }
    const size_t bytes = page_.copy(out.data(), out.size(), at_);
    at_ += bytes;
    return Piece{bytes, ended_ && at_ == page_.size() ? State::done : State::more};
  }

 private:
  Context& context_;
  ListRequest list_;
  const DirId collection_;
  std::string page_;
  size_t at_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<void> v1_list(Context& context, Request& request, Response& response) {
  if (wants_watch(request)) return watch_changes(context, request, response);
  if (request.query == "info") return v1_collection_info(context, request, response);
  auto list = parse(context, request);
  if (!list) return list.error();
  const auto collection = collection_of(context, request);
  if (!collection) return collection.error();
  if (list->lines) {
    response.content_type = "application/x-ndjson";
    if (!list->limited) {
      response.source = std::make_unique<LineSource>(context, std::move(*list), *collection);
      return {};
    }
  } else {
    response.content_type = "application/json";
  }
  auto page = read_page(context, *list, *collection, list->lines ? '\n' : ',');
  if (!page) return page.error();
  if (page->cursor) response.add("Kvfs-Cursor", encode_cursor(*page->cursor));
  if (list->lines) {
    response.body = std::move(page->keys);
    return {};
  }
  std::string& body = response.body;
  body.reserve(page->keys.size() + page->prefixes.size() + 64);
  body.append("{\"keys\":[").append(page->keys).append("]");
  if (!list->query.delimiter.empty()) body.append(",\"prefixes\":[").append(page->prefixes).append("]");
  if (page->cursor) body.append(",\"cursor\":\"").append(encode_cursor(*page->cursor)).append("\"");
  body.append("}");
  return {};
}

}  // namespace kvfs::http
