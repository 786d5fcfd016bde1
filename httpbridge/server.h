// The HTTP door: listeners, threads, and the end of both. Sessions and handlers are behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "httpbridge/options.h"
#include "store/result.h"

namespace kvfs {
class Store;
}

namespace kvfs::http {

/// Thread safety: all functions may be called from any thread.
class HttpServer {
 public:
  /// Binds all addresses, makes the tenants of the keys, starts the threads; answers when it returns.
  /// `store` must outlive the server. Errors, each saying what to do: invalid (an address, a key, a non-loopback
  /// listener without keys, certificate), busy (port or socket in use), access_denied (privileged port), io.
  static Result<std::unique_ptr<HttpServer>> start(Store& store, HttpOptions options);
  ~HttpServer();

  /// The bound ports, in the order of HttpOptions::listen; 0 for Unix sockets.
  std::vector<uint16_t> ports() const;
  /// The addresses as a person would type them: "http://127.0.0.1:3300".
  std::vector<std::string> urls() const;

  /// What GET /metrics answers, for other ways to it. Also after stop().
  std::string metrics_text() const;

  /// What replaces keys, rates, CORS origins and certificates without touching connections (SIGHUP), and cannot fail;
  /// until it is called everything stays as it was. Errors: invalid.
  Result<std::function<void()>> prepare_reload(const HttpOptions& options);

  /// Drains: /ready fails, listeners close, requests in flight finish within drain_timeout_ms. Idempotent.
  void stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvfs::http
