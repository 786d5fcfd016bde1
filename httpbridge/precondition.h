// ETags and conditional requests (RFC 9110, section 13). An ETag is the entry's version in decimal, quoted, strong.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "httpbridge/request.h"
#include "store/keyspace.h"

namespace kvfs::http {

/// `"117..."`, with the quotes.
std::string etag(Version version);

/// If-Match, If-None-Match and (without If-Match) If-Unmodified-Since as the store's condition. A weak or foreign tag
/// matches nothing, a date that is none counts for nothing. Errors: invalid.
Result<Precondition> precondition_of(const Headers& headers);
inline bool names_versions(const Headers& headers) {
  return headers.if_match.data() != nullptr || headers.if_none_match.data() != nullptr;
}
inline bool has_precondition(const Headers& headers) {
  return names_versions(headers) || headers.if_unmodified_since.data() != nullptr;
}

/// Whether a change may do without a condition: settings of the collection (require_preconditions) may demand one.
/// Errors: precondition_required.
Result<void> check_demand(const ReadTxn& txn, DirId collection, bool conditional);

/// What a GET or HEAD of an entry that is there must answer: 200 or 304. Errors: invalid, precondition_failed.
Result<int> evaluate_read(const Headers& headers, Version version, int64_t mtime_ns);

}  // namespace kvfs::http
