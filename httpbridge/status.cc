#include "httpbridge/status.h"

#include "httpbridge/json_text.h"
#include "httpbridge/response.h"

namespace kvfs::http {

int http_status(Errc code) {
  switch (code) {
    case Errc::not_found: return 404;
    case Errc::exists: return 409;
    case Errc::not_directory: return 409;
    case Errc::is_directory: return 409;
    case Errc::not_empty: return 409;
    case Errc::invalid: return 400;
    case Errc::name_too_long: return 400;
    case Errc::key_too_long: return 400;
    case Errc::value_too_large: return 413;
    case Errc::precondition_failed: return 412;
    case Errc::precondition_required: return 428;
    case Errc::stale: return 409;
    case Errc::not_permitted: return 403;
    case Errc::access_denied: return 403;
    case Errc::no_space: return 507;
    case Errc::quota_exceeded: return 507;
    case Errc::read_only: return 503;
    case Errc::cross_tenant: return 403;
    case Errc::loop: return 409;
    case Errc::too_many_links: return 409;
    case Errc::wrong_type: return 409;
    case Errc::out_of_range: return 400;
    case Errc::busy: return 409;
    case Errc::limit_reached: return 503;
    case Errc::timeout: return 504;
    case Errc::corrupt: return 500;
    case Errc::io: return 500;
    case Errc::unsupported: return 501;
    case Errc::no_attribute: return 404;
  }
  return 500;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

void set_error(Response& response, ErrorStyle style, int status, std::string_view detail, std::string_view code) {
  response.status = status;
  response.source.reset();
  response.content_length.reset();
  response.body.clear();
  std::string& body = response.body;
  if (detail.empty()) detail = reason_phrase(status);
  if (style == ErrorStyle::dialect) {
    response.content_type = "application/json";
    body.append("{\"error\":");
    append_json_string(body, detail);
    body.append("}");
    return;
  }
  response.content_type = "application/problem+json";
  body.append("{\"type\":\"about:blank\",\"title\":");
  append_json_string(body, reason_phrase(status));
  body.append(",\"status\":").append(std::to_string(status)).append(",\"detail\":");
  append_json_string(body, detail);
  if (!code.empty()) {
    body.append(",\"code\":");
    append_json_string(body, code);
  }
  body.append("}");
}

void set_error(Response& response, ErrorStyle style, const Error& error) {
  const int status = http_status(error.code);
  const std::string detail = error.detail.empty() ? std::string(reason_phrase(status)) : error.detail;
  set_error(response, style, status, detail, to_string(error.code));
}

}  // namespace kvfs::http
