#include "httpbridge/response.h"

#include <charconv>

#include "httpbridge/http_date.h"
#include "httpbridge/status.h"

namespace kvfs::http {

namespace {

void append_number(std::string& out, uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// The Date line changes once a second: made once for each thread and second.
std::string_view date_line(int64_t unix_seconds) {
  thread_local int64_t made_for = -1;
  thread_local std::string line;
  if (made_for != unix_seconds) {
    line = "Date: " + format_http_date(unix_seconds) + "\r\n";
    made_for = unix_seconds;
  }
  return line;
}

bool has_body(int status) { return status != 204 && status != 304 && status >= 200; }

}  // namespace

void Response::reset() {
  status = 200;
  content_type.clear();
  body.clear();
  content_length.reset();
  source.reset();
  close = false;
  streaming = false;
  headers_.clear();
}

void Response::add(std::string_view name, std::string_view value) {
  headers_.append(name).append(": ").append(value).append("\r\n");
}

void Response::add(std::string_view name, uint64_t value) {
  headers_.append(name).append(": ");
  append_number(headers_, value);
  headers_.append("\r\n");
}

void Response::add_untrusted(std::string_view name, std::string_view value) {
  headers_.append(name).append(": ");
  for (const char c : value)
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) headers_.push_back(c);
  headers_.append("\r\n");
}

void Response::add_etag(uint64_t version) {
  headers_.append("ETag: \"");
  append_number(headers_, version);
  headers_.append("\"\r\n");
}

void Response::mark_etag(std::string_view mark) {
  constexpr std::string_view kField = "ETag: \"";
  const size_t at = headers_.starts_with(kField) ? 0 : headers_.find("\r\nETag: \"");
  if (at == std::string::npos) return;
  headers_.insert(headers_.find("\"\r\n", at + kField.size()), mark);
}

void Response::text(int code, std::string_view type, std::string_view bytes) {
  status = code;
  content_type = type;
  body = bytes;
}

void Response::append_head(const Request& request, int64_t unix_seconds, std::string& out) const {
  if (status == 200 && !request.http_1_0) {
    out.append("HTTP/1.1 200 OK\r\nServer: kvfs\r\n");
  } else {
    out.append(request.http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ");
    append_number(out, static_cast<uint64_t>(status));
    out.append(" ").append(reason_phrase(status)).append("\r\nServer: kvfs\r\n");
  }
  out.append(date_line(unix_seconds));
  if (!content_type.empty() && has_body(status)) out.append("Content-Type: ").append(content_type).append("\r\n");
  const std::optional<uint64_t> known = content_length ? content_length
                                        : source       ? source->size()
                                                       : std::optional<uint64_t>(body.size());
  if (has_body(status)) {
    if (known) {
      out.append("Content-Length: ");
      append_number(out, *known);
      out.append("\r\n");
    } else if (!request.http_1_0) {
      out.append("Transfer-Encoding: chunked\r\n");
    }
  }
  if (streaming)
    out.append("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
  else if (request.method == Method::get || request.method == Method::head)  // else caches guess by Last-Modified
    out.append("Cache-Control: no-cache\r\n");
  out.append(headers_);
  if (close)
    out.append("Connection: close\r\n");
  else if (request.http_1_0)
    out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
}

}  // namespace kvfs::http
