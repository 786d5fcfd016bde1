// A small blocking HTTP/1.1 client on one kept-alive connection to a port of this machine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace kvfs::test {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

/// Thread safety: none; use one per thread.
class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit HttpClient(uint16_t port, std::string api_key = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  /// Connects if it must. Throws where no complete answer came: then the request may or may not have been carried out.
  HttpResponse request(const std::string& method, const std::string& target, const std::string& body = {},
                       const Headers& headers = {});

  HttpResponse get(const std::string& target) { return request("GET", target); }
  HttpResponse put(const std::string& target, const std::string& body) { return request("PUT", target, body); }
  HttpResponse post(const std::string& target, const std::string& body) { return request("POST", target, body); }
  HttpResponse del(const std::string& target) { return request("DELETE", target); }

 private:
  struct Connection;
  uint16_t port_;
  std::string api_key_;
  std::unique_ptr<Connection> connection_;
};

/// Every byte but letters, digits and "-._~" as %XX; '/' too unless `keep_slashes`.
std::string percent_encoded(const std::string& bytes, bool keep_slashes = false);

/// A port of the loopback interface that nobody listens on now.
uint16_t free_port();

}  // namespace kvfs::test
