#include "httpbridge/precondition.h"

#include <algorithm>
#include <charconv>

#include "httpbridge/compression.h"
#include "httpbridge/http_date.h"
#include "store/runtime.h"

namespace kvfs::http {

namespace {

struct TagList {
  bool any = false;
  std::vector<Version> versions;
};

/// Tags that are not ours (weak ones compare unequal in If-Match; in If-None-Match their opaque part counts).
Result<TagList> parse_tags(std::string_view text, bool weak_counts) {
  TagList list;
  if (text == "*") {
    list.any = true;
    return list;
  }
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '\t' || text[at] == ',') {
      ++at;
      continue;
    }
    const bool weak = text.substr(at, 2) == "W/";
    if (weak) at += 2;
    std::string_view opaque;
    if (at < text.size() && text[at] == '"') {
      const size_t end = text.find('"', at + 1);
      if (end == std::string_view::npos) return {Errc::invalid, "an entity tag must end with a quotation mark"};
      opaque = text.substr(at + 1, end - at - 1);
      at = end + 1;
    } else {  // unquoted, as many clients type it
      const size_t end = std::min(text.find_first_of(", \t", at), text.size());
      opaque = text.substr(at, end - at);
      if (opaque.empty()) return {Errc::invalid, "an entity tag is empty"};
      at = end;
    }
    if (opaque.ends_with(kGzipMark)) opaque.remove_suffix(kGzipMark.size());
    Version version = 0;
    const char* const end = opaque.data() + opaque.size();
    const auto [stop, error] = std::from_chars(opaque.data(), end, version);
    if (error == std::errc() && stop == end && (!weak || weak_counts)) list.versions.push_back(version);
  }
  return list;
}

}  // namespace

std::string etag(Version version) {
  char text[24];
  char* const end = std::to_chars(text, text + sizeof text, version).ptr;
  std::string out;
  out.reserve(24);
  out.push_back('"');
  out.append(text, end);
  out.push_back('"');
  return out;
}

Result<Precondition> precondition_of(const Headers& headers) {
  Precondition precondition;
  if (headers.if_match.data() != nullptr) {
    auto tags = parse_tags(headers.if_match, false);
    if (!tags) return tags.error();
    if (tags->any)
      precondition.if_present = true;
    else
      precondition.if_match = std::move(tags->versions);
  } else {
    precondition.if_unmodified_since_s = parse_http_date(headers.if_unmodified_since);
  }
  if (headers.if_none_match.data() != nullptr) {
    auto tags = parse_tags(headers.if_none_match, true);
    if (!tags) return tags.error();
    if (tags->any)
      precondition.if_absent = true;
    else
      precondition.if_none_match = std::move(tags->versions);
  }
  return precondition;
}

Result<void> check_demand(const ReadTxn& txn, DirId collection, bool conditional) {
  if (conditional || !txn.runtime().has_settings() || !settings_of(txn, collection).require_preconditions) return {};
  return {Errc::precondition_required, "this collection takes changes only with If-Match or If-None-Match"};
}

Result<int> evaluate_read(const Headers& headers, Version version, int64_t mtime_ns) {
  const auto holds = [version](const TagList& tags) {
    return tags.any || std::find(tags.versions.begin(), tags.versions.end(), version) != tags.versions.end();
  };
  const auto failed = [version] { return Error{Errc::precondition_failed, "the value's ETag is " + etag(version)}; };
  const int64_t modified = mtime_ns / 1'000'000'000;
  if (headers.if_match.data() != nullptr) {
    auto tags = parse_tags(headers.if_match, false);
    if (!tags) return tags.error();
    if (!holds(*tags)) return failed();
  } else if (const auto since = parse_http_date(headers.if_unmodified_since); since && modified > *since) {
    return failed();
  }
  if (headers.if_none_match.data() != nullptr) {
    auto tags = parse_tags(headers.if_none_match, true);
    if (!tags) return tags.error();
    if (holds(*tags)) return 304;
  } else if (const auto since = parse_http_date(headers.if_modified_since); since && modified <= *since) {
    return 304;
  }
  return 200;
}

}  // namespace kvfs::http
