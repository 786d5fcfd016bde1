// The part of a session that takes requests' bodies: into memory, into the store, or nowhere.
#include <algorithm>
#include <boost/beast/http/error.hpp>

#include "httpbridge/session.h"

namespace kvfs::http {

namespace {

constexpr size_t kBulkBytes = 128 * 1024;        // for bodies
constexpr size_t kDiscardBytesMax = 256 * 1024;  // a refused body is read up to this, so that the connection can stay

bool is_continue(std::string_view expect) {
  constexpr std::string_view kContinue = "100-continue";
  if (expect.size() != kContinue.size()) return false;
  for (size_t i = 0; i < expect.size(); ++i)
    if ((expect[i] | 0x20) != (kContinue[i] | 0x20)) return false;
  return true;
}

/// The chunk's size line at the beginning of `input` is whole, but a quoted string in it is not: the parser would wait
/// for its end in the lines behind, while others take the next line for the chunk's bytes.
bool quote_crosses_line(std::string_view input) {
  if (input.starts_with("\r\n")) input.remove_prefix(2);  // of the chunk before
  const size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return false;
  bool quoted = false;
  for (size_t i = 0; i < end; ++i) {
    if (input[i] == '"') quoted = !quoted;
    if (quoted && input[i] == '\\') ++i;
  }
  return quoted;
}

}  // namespace

void Session::begin_body(Service::Next next) {
  answered_early_ = next == Service::Next::answer;
  const std::string_view expect = request_.headers.expect;
  if (expect.data() != nullptr && !is_continue(expect)) {
    worker_.service().fail(request_, response_, 417, "the only expectation that is met is 100-continue");
    answered_early_ = close_after_ = true;
  }
  if (parser_->is_done()) return finish_request();
  if (!answered_early_ && request_.route->body == BodyUse::none &&
      (request_.chunked || request_.content_length > kDiscardBytesMax)) {
    worker_.service().fail(request_, response_, 413, "this request takes no body");
    answered_early_ = true;
  }
  const bool awaits_continue = expect.data() != nullptr && !request_.http_1_0 && head_.empty();
  if (answered_early_ && (awaits_continue || request_.chunked || request_.content_length > kDiscardBytesMax)) {
    close_after_ = true;
    return answer();
  }
  body_mode_ = answered_early_ || request_.route->body == BodyUse::none ? BodyMode::discard
               : !request_.upload                                       ? BodyMode::memory
               : request_.chunked                                       ? BodyMode::chunked_upload
                                                                        : BodyMode::upload;
  if (awaits_continue) out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  stage_ = Stage::body;
  set_deadline(worker_.options().read_timeout_ms);
  if (body_mode_ == BodyMode::upload) {
    const std::string_view came = head_.unread().substr(0, request_.content_length);
    upload_left_ = request_.content_length - came.size();
    head_.consume_in_place(came.size());
    take_body_piece(came);
  } else if (request_.chunked || request_.content_length > head_.unread().size()) {
    bulk_.prepare(kBulkBytes);
    bulk_.append(head_.unread());
    head_.consume_in_place(head_.unread().size());
  }
}

Session::Step Session::advance_body() {
  if (body_mode_ == BodyMode::upload) {
    if (upload_left_ > 0) return Step::need_input;
    finish_request();
    return Step::again;
  }
  InputBuffer& input = bulk_.capacity() > 0 ? bulk_ : head_;
  const std::string_view unread = input.unread();
  if (unread.empty()) return Step::need_input;
  boost::system::error_code error;
  parser_->clear_body_piece();
  const size_t used = parser_->put({unread.data(), unread.size()}, error);
  if (error && error != boost::beast::http::error::need_more) {
    if (parser_->refused_status() != 0)
      refuse(parser_->refused_status(), parser_->refused_detail());
    else
      refuse(400, "malformed body: " + error.message());
    return Step::again;
  }
  if (!take_body_piece(parser_->body_piece())) return Step::again;
  if (&input == &head_)
    input.consume_in_place(used);
  else
    input.consume(used);
  if (parser_->is_done()) {
    finish_request();
    return Step::again;
  }
  if (used == 0 && unread.size() > RequestParser::kChunkLineBytesMax) {
    refuse(400, "a chunk's size line, or the trailers, are too long");
    return Step::again;
  }
  if (used == 0 && quote_crosses_line(unread)) {
    refuse(400, "a quoted string in a chunk's size line has no end");
    return Step::again;
  }
  return error ? Step::need_input : Step::again;
}

bool Session::take_body_piece(std::string_view piece) {
  if (piece.empty()) return true;
  switch (body_mode_) {
    case BodyMode::discard:
      return true;
    case BodyMode::upload:
    case BodyMode::chunked_upload:
      return !refused_upload(worker_.service().take_upload(request_, piece));
    case BodyMode::memory:
      break;
  }
  if (!request_.chunked && piece.size() == request_.content_length && bulk_.capacity() == 0) {
    request_.body = piece;  // all of it, and it stays where it is
    return true;
  }
  if (body_.size() + piece.size() > worker_.options().body_bytes_max) {
    worker_.service().fail(
        request_, response_, 413,
        "the body is larger than body_bytes_max, " + std::to_string(worker_.options().body_bytes_max) + " bytes");
    close_after_ = true;
    answer();
    return false;
  }
  body_.append(piece);
  request_.body = body_;
  return true;
}

std::span<char> Session::body_room() {
  if (body_mode_ != BodyMode::upload) return bulk_.prepare(kBulkBytes / 2);
  const std::span<char> room = request_.upload->room();
  return room.first(std::min(room.size(), upload_left_));
}

void Session::body_came(size_t bytes) {
  set_deadline(worker_.options().read_timeout_ms);
  if (body_mode_ != BodyMode::upload) return bulk_.commit(bytes);
  upload_left_ -= bytes;
  refused_upload(worker_.service().took_upload(request_, bytes));
}

bool Session::refused_upload(const Result<void>& taken) {
  if (taken) return false;
  worker_.service().fail(request_, response_, taken.error());
  close_after_ = true;
  answer();
  return true;
}

}  // namespace kvfs::http
