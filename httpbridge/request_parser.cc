#include "httpbridge/request_parser.h"

#include <boost/beast/core/string.hpp>
#include <utility>

namespace kvfs::http {

namespace beast = boost::beast;

namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

bool same(std::string_view a, std::string_view b) { return beast::iequals({a.data(), a.size()}, {b.data(), b.size()}); }

Method method_of(beast::http::verb method) {
  using Verb = beast::http::verb;
  switch (method) {
    case Verb::get:
      return Method::get;
    case Verb::head:
      return Method::head;
    case Verb::put:
      return Method::put;
    case Verb::post:
      return Method::post;
    case Verb::patch:
      return Method::patch;
    case Verb::delete_:
      return Method::del;
    case Verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

/// A request target as this server takes it: printable ASCII and bytes above it (clients that do not encode UTF-8).
bool sane_target(std::string_view target) {
  for (const char c : target)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
  return true;
}

/// uri-host [":" port] of RFC 9110, section 7.2; it may be empty.
bool sane_host(std::string_view host) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=%:[]";
  for (const char c : host)
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
        kOthers.find(c) == std::string_view::npos)
      return false;
  const size_t bracket = host.rfind(']');
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return true;
  return host.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

}  // namespace

RequestParser::RequestParser(Request& request, const HttpOptions& options) : request_(request), options_(options) {
  header_limit(static_cast<uint32_t>(options.header_bytes_max));
  body_limit(boost::none);
  eager(false);
}

int RequestParser::status_of(const error_code& error) {
  using Code = beast::http::error;
  if (error == Code::header_limit) return 431;
  if (error == Code::body_limit) return 413;
  if (error == Code::bad_version) return 505;
  return 400;
}

void RequestParser::refuse(int status, std::string_view detail, error_code& ec) {
  refused_status_ = status;
  refused_detail_ = detail;
  ec = beast::http::error::bad_field;
}

void RequestParser::on_request_impl(beast::http::verb method, string_view method_name, string_view target, int version,
                                    error_code& ec) {
  authority_ = {};
  request_.method = method_of(method);
  request_.method_name = view(method_name);
  std::string_view path = view(target);
  request_.http_1_0 = version < 11;
  if (path.size() > options_.target_bytes_max)
    return refuse(414, "the request target is longer than target_bytes_max", ec);
  if (!sane_target(path)) return refuse(400, "the request target holds control characters", ec);
  request_.target = path;
  if (const size_t fragment = path.find('#'); fragment != std::string_view::npos) path = path.substr(0, fragment);
  if (path.empty() || path.front() != '/') {  // absolute form, as proxies are asked
    const size_t scheme = path.find("://");
    const size_t rest = scheme == std::string_view::npos ? scheme : path.find_first_of("/?", scheme + 3);
    if (path == "*" && request_.method == Method::options)
      ;
    else if (method == beast::http::verb::connect)
      return refuse(501, "this server is no proxy", ec);
    else if (scheme == std::string_view::npos)
      return refuse(400, "the request target must begin with '/'", ec);
    else {
      authority_ = path.substr(scheme + 3, rest == std::string_view::npos ? rest : rest - scheme - 3);
      if (authority_.empty() || authority_.front() == ':') return refuse(400, "the request target names no host", ec);
      path = rest == std::string_view::npos ? std::string_view("/") : path.substr(rest);
    }
  }
  const size_t question = path.find('?');
  request_.path = question == 0 ? std::string_view("/") : path.substr(0, question);
  request_.query = question == std::string_view::npos ? std::string_view() : path.substr(question + 1);
}

void RequestParser::take(std::string_view& slot, std::string_view value, error_code& ec) {
  if (slot.data() != nullptr) return refuse(400, "a header field that may come once came twice", ec);
  slot = value;
}

void RequestParser::take_list(std::string_view& slot, std::string_view value) {
  if (slot.data() == nullptr) {
    slot = value;
    return;
  }
  joined_.push_back(std::string(slot).append(", ").append(value));
  slot = joined_.back();
}

void RequestParser::on_field_impl(field name, string_view name_text, string_view text, error_code& ec) {
  if (in_trailer_) {  // trailers may not change what the head said
    trailer_bytes_ += name_text.size() + text.size();
    if (trailer_bytes_ > kChunkLineBytesMax) refuse(400, "the trailers are too long", ec);
    return;
  }
  if (++fields_ > options_.header_count_max) return refuse(431, "more header fields than header_count_max", ec);
  // Beast gives a folded field from a buffer of its own; folding is obsolete and used for smuggling alone.
  const std::string_view value = view(text);
  const std::string_view label = view(name_text);
  if (!value.empty() && (value.data() < label.data() || value.data() > label.data() + options_.header_bytes_max))
    return refuse(400, "folded header fields are not taken", ec);
  for (const char* c = label.data() + label.size(); c < value.data(); ++c)
    if (*c == '\r') return refuse(400, "folded header fields are not taken", ec);
  for (const char c : value)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t')
      return refuse(400, "a header field holds control characters", ec);
  const std::string_view present = value.data() == nullptr ? std::string_view("") : value;
  Headers& h = request_.headers;
  switch (name) {
    case field::accept:
      return take_list(h.accept, present);
    case field::accept_encoding:
      return take_list(h.accept_encoding, present);
    case field::access_control_request_method:
      return take(h.request_method, present, ec);
    case field::authorization:
      return take(h.authorization, present, ec);
    case field::content_encoding:
      return take(h.content_encoding, present, ec);
    case field::content_length:  // also where both say the same: somebody before us may have read another one
      if (std::exchange(has_length_, true) || present.find(',') != std::string_view::npos)
        return refuse(400, "Content-Length may come once", ec);
      return;
    case field::content_range:
      return take(h.content_range, present, ec);
    case field::content_type:
      return take(h.content_type, present, ec);
    case field::expect:
      return take(h.expect, present, ec);
    case field::host:
      if (!sane_host(present)) return refuse(400, "Host must be a name or address, with or without a port", ec);
      return take(h.host, present, ec);
    case field::if_match:
      return take_list(h.if_match, present);
    case field::if_modified_since:
      return take(h.if_modified_since, present, ec);
    case field::if_none_match:
      return take_list(h.if_none_match, present);
    case field::if_range:
      return take(h.if_range, present, ec);
    case field::if_unmodified_since:
      return take(h.if_unmodified_since, present, ec);
    case field::origin:
      return take(h.origin, present, ec);
    case field::range:
      return take(h.range, present, ec);
    case field::referer:  // of these two, which are for the log, the first counts
      if (h.referer.data() == nullptr) h.referer = present;
      return;
    case field::user_agent:
      if (h.user_agent.data() == nullptr) h.user_agent = present;
      return;
    case field::transfer_encoding:
      if (request_.http_1_0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding", ec);
      if (!same(present, "chunked")) return refuse(501, "only Transfer-Encoding: chunked is taken", ec);
      return;
    case field::unknown:
      return take_other(label, present, ec);
    default:
      return;
  }
}

void RequestParser::take_other(std::string_view name, std::string_view value, error_code& ec) {
  Headers& h = request_.headers;
  if (same(name, "X-API-Key")) return take(h.x_api_key, value, ec);
  if (same(name, "X-Request-Id")) return take(h.x_request_id, value, ec);
  if (same(name, "Last-Event-ID")) return take(h.last_event_id, value, ec);
  if (name.size() < 5 || !same(name.substr(0, 5), "kvfs-")) return;
  if (same(name, "Kvfs-Ttl")) return take(h.kvfs_ttl, value, ec);
  if (same(name, "Kvfs-Type")) return take(h.kvfs_type, value, ec);
  if (same(name, "Kvfs-Sync")) return take(h.kvfs_sync, value, ec);
  if (same(name, "Kvfs-Tenant")) return take(h.kvfs_tenant, value, ec);
}

void RequestParser::on_header_impl(error_code& ec) {
  in_trailer_ = true;
  request_.keep_alive = keep_alive();
  request_.chunked = chunked();
  if (const auto length = content_length()) request_.content_length = *length;
  if (!request_.http_1_0 && request_.headers.host.data() == nullptr)
    return refuse(400, "HTTP/1.1 requests name a Host", ec);
  if (!authority_.empty()) request_.headers.host = authority_;  // RFC 9112 3.2.2
}

void RequestParser::on_body_init_impl(const boost::optional<uint64_t>&, error_code&) {}

size_t RequestParser::on_body_impl(string_view body, error_code&) {
  body_piece_ = view(body);
  return body.size();
}

void RequestParser::on_chunk_header_impl(uint64_t size, string_view extensions, error_code& ec) {
  if (extensions.size() > kChunkLineBytesMax) return refuse(400, "a chunk's size line is too long", ec);
  if (size > options_.value_bytes_max) refuse(413, "a chunk is larger than value_bytes_max", ec);
}

size_t RequestParser::on_chunk_body_impl(uint64_t, string_view body, error_code&) {
  body_piece_ = view(body);
  return body.size();
}

void RequestParser::on_finish_impl(error_code&) {}

}  // namespace kvfs::http
