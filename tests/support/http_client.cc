#include "tests/support/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <limits>
#include <stdexcept>

namespace kvfs::test {

namespace http = boost::beast::http;
using tcp = boost::asio::ip::tcp;

struct HttpClient::Connection {
  boost::asio::io_context context;
  tcp::socket socket{context};
  boost::beast::flat_buffer buffer;
};

HttpClient::HttpClient(uint16_t port, std::string api_key) : port_(port), api_key_(std::move(api_key)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpResponse HttpClient::request(const std::string& method, const std::string& target, const std::string& body,
                                 const Headers& headers) {
  try {
    if (!connection_) {
      connection_ = std::make_unique<Connection>();
      connection_->socket.connect({boost::asio::ip::address_v4::loopback(), port_});
      connection_->socket.set_option(tcp::no_delay(true));
    }
    http::request<http::string_body> message{http::string_to_verb(method), target, 11};
    message.set(http::field::host, "localhost:" + std::to_string(port_));
    if (!api_key_.empty()) message.set("X-API-Key", api_key_);
    for (const auto& [name, value] : headers) message.set(name, value);
    message.body() = body;
    if (!body.empty() || method == "PUT" || method == "POST") message.prepare_payload();
    http::write(connection_->socket, message);

    http::response_parser<http::string_body> parser;
    parser.body_limit(std::numeric_limits<uint64_t>::max());
    parser.skip(method == "HEAD");
    http::read(connection_->socket, connection_->buffer, parser);
    HttpResponse response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      std::string name(field.name_string());
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      response.headers[name] = std::string(field.value());
    }
    response.body = std::move(parser.get().body());
    if (!parser.keep_alive()) connection_.reset();
    return response;
  } catch (const boost::system::system_error& error) {
    connection_.reset();
    throw std::runtime_error(method + " " + target + ": " + error.what());
  }
}

std::string percent_encoded(const std::string& bytes, bool keep_slashes) {
  static const char* const kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte) != 0) || c == '-' || c == '.' || c == '_' || c == '~' ||
        (c == '/' && keep_slashes)) {
      text += c;
    } else {
      text += '%';
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  return text;
}

uint16_t free_port() {
  boost::asio::io_context context;
  const tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
  return acceptor.local_endpoint().port();
}

}  // namespace kvfs::test
