// Answers compressed with gzip for clients that ask for it: which, when, and what that means for ETags.
#pragma once

#include <string_view>

#include "httpbridge/options.h"
#include "httpbridge/request.h"
#include "httpbridge/response.h"

namespace kvfs::http {

/// Whether an Accept-Encoding field takes gzip at least as gladly as the bytes as they are (RFC 9110, section 12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

/// Whether bytes of this type get smaller: text, JSON, XML, scripts. Not what is compressed already.
bool compresses_well(std::string_view content_type);

/// The encoding's mark in an ETag: `"117"` as gzip is `"117-gzip"`. Both are strong, and If-Match and If-None-Match
/// take either, since both name the same version of the value. If-Range does not: ranges are of the bytes as they are.
inline constexpr std::string_view kGzipMark = "-gzip";

/// Compresses the answer where that is worth it and wanted, and says in Vary that it depends on Accept-Encoding.
/// Streams stay streams. Parts (206), events and errors are left alone.
void compress_answer(const HttpOptions& options, const Request& request, Response& response);

}  // namespace kvfs::http
