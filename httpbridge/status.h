// From the store's error codes to HTTP's, and how an error looks as a body. The one place that knows.
#pragma once

#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs::http {

class Response;

int http_status(Errc code);
std::string_view reason_phrase(int status);

/// How errors are told: RFC 9457 problem details, or {"error": "..."}.
enum class ErrorStyle { problem, dialect };

/// Makes `response` say `status`, with the connection's fields untouched; forgets body and content type.
void set_error(Response& response, ErrorStyle style, int status, std::string_view detail, std::string_view code = {});
void set_error(Response& response, ErrorStyle style, const Error& error);

}  // namespace kvfs::http
