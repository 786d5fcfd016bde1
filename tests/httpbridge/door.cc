#include "tests/httpbridge/door.h"

#include <boost/beast/http/error.hpp>

#include "httpbridge/request_parser.h"

namespace kvfs::http {

std::string Answer::field(std::string_view name) const {
  const size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return {};
  const size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

Door::Door(HttpOptions options) {
  StoreOptions store_options;
  store_options.engine.kind = "memory";
  store_options.expiry_interval_ms = 0;
  store_options.clock_ns = [this] { return now_ns_; };
  store_ = *Store::open(store_options);
  service_ = *Service::make(*store_, std::move(options), 1);
  context_ = std::make_unique<Context>(*service_, service_->shard(0), [](std::function<void()> run) { run(); });
  connection_.peer = "127.0.0.1";
}

Answer Door::ask(std::string_view method, std::string_view target, std::string_view body, const Fields& fields) {
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  for (const auto& [name, value] : fields) head.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty()) head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  head.append("\r\n");

  Request request;
  Response response;
  RequestParser parser(request, service_->options());
  boost::system::error_code error;
  parser.put({head.data(), head.size()}, error);
  if (error) {
    service_->fail(request, response, parser.refused_status() != 0 ? parser.refused_status() : 400,
                   parser.refused_detail());
  } else {
    request.peer = connection_.peer;
    if (service_->admit(*context_, connection_, request, response) == Service::Next::body) {
      Result<void> taken;
      if (request.upload)
        taken = service_->take_upload(request, body);
      else if (request.route->body != BodyUse::none)
        request.body = body;
      if (taken)
        service_->handle(*context_, request, response);
      else
        service_->fail(request, response, taken.error());
    }
  }
  return finish(request, response);
}

Answer Door::feed(std::string_view bytes, size_t& used) {
  used = 0;
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  Request request;
  Response response;
  RequestParser parser(request, service_->options());
  boost::system::error_code error;
  size_t taken = parser.put({bytes.data(), end + 4}, error);
  if (error || !parser.is_header_done()) {
    service_->fail(request, response,
                   parser.refused_status() != 0 ? parser.refused_status() : RequestParser::status_of(error),
                   parser.refused_detail());
    return finish(request, response);
  }
  request.peer = connection_.peer;
  const Service::Next next = service_->admit(*context_, connection_, request, response);
  std::string body;
  while (!parser.is_done() && taken < bytes.size()) {
    parser.clear_body_piece();
    const size_t now = parser.put({bytes.data() + taken, bytes.size() - taken}, error);
    if (error && error != boost::beast::http::error::need_more) {
      service_->fail(request, response, 400, "malformed body");
      return finish(request, response);
    }
    taken += now;
    body.append(parser.body_piece());
    if (now == 0) break;
  }
  if (!parser.is_done()) return {};
  used = taken;
  if (next == Service::Next::answer) return finish(request, response);
  Result<void> stored;
  if (request.upload)
    stored = service_->take_upload(request, body);
  else if (request.route->body != BodyUse::none)
    request.body = body;
  if (stored)
    service_->handle(*context_, request, response);
  else
    service_->fail(request, response, stored.error());
  return finish(request, response);
}

Answer Door::finish(Request& request, Response& response) {
  Answer answer;
  answer.status = response.status;
  response.append_head(request, static_cast<int64_t>(store_->now_ms() / 1000), answer.head);
  answer.head.resize(answer.head.size() - 2);
  if (request.method == Method::head) return answer;
  answer.body = response.body;
  std::string piece(10'000, '\0');
  for (bool more = response.source != nullptr; more;) {
    const auto got = response.source->read({piece.data(), piece.size()});
    EXPECT_TRUE(got);
    if (!got) break;
    answer.body.append(piece, 0, got->bytes);
    more = got->state == BodySource::State::more;
  }
  return answer;
}

}  // namespace kvfs::http
