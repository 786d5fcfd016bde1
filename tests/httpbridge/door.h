// The door without a network: requests as text go through parser, service and handlers over a store in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "httpbridge/service.h"
#include "store/store.h"

namespace kvfs::http {

struct Answer {
  int status = 0;
  std::string head;  // as it would go out, without the blank line
  std::string body;
  /// The field's value, empty where absent.
  std::string field(std::string_view name) const;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

class Door {
 public:
  explicit Door(HttpOptions options = {});

  Answer ask(std::string_view method, std::string_view target, std::string_view body = {}, const Fields& fields = {});
  Answer get(std::string_view target, const Fields& fields = {}) { return ask("GET", target, {}, fields); }
  Answer put(std::string_view target, std::string_view body, const Fields& fields = {}) {
    return ask("PUT", target, body, fields);
  }
  Answer post(std::string_view target, std::string_view body, const Fields& fields = {}) {
    return ask("POST", target, body, fields);
  }
  Answer del(std::string_view target, const Fields& fields = {}) { return ask("DELETE", target, {}, fields); }
  Answer patch(std::string_view target, std::string_view body, const Fields& fields = {}) {
    return ask("PATCH", target, body, fields);
  }

  /// The first request in `bytes`, as it came from a client, and its answer (its status 0: the request is not
  /// complete). `used`: how many bytes it took; 0: the connection would end.
  Answer feed(std::string_view bytes, size_t& used);

  Store& store() { return *store_; }
  Service& service() { return *service_; }
  Connection& connection() { return connection_; }
  Context& context() { return *context_; }
  /// Moves the store's clock.
  void pass_ms(uint64_t ms) { now_ns_ += ms * 1'000'000; }

 private:
  Answer finish(Request& request, Response& response);
  uint64_t now_ns_ = 1'700'000'000'000'000'000;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Context> context_;
  Connection connection_;
};

}  // namespace kvfs::http
