// The table of routes: method and path to handler. Every request that is answered by a handler is a row in it.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "httpbridge/metrics.h"
#include "httpbridge/request.h"
#include "httpbridge/response.h"
#include "httpbridge/status.h"
#include "store/result.h"

namespace kvfs::http {

class Context;

/// Fills the response. An error becomes the route's style of error body. REQUIRES: calls nothing that waits for a
/// client.
using Handler = Result<void> (*)(Context& context, Request& request, Response& response);

/// What a caller must be allowed to do.
enum class Access : uint8_t { open, read, write, admin, metrics };

/// How a body is taken: not at all (read and dropped), into memory (body_bytes_max), or, where it is larger than a row,
/// as a stream into Request::upload (value_bytes_max).
enum class BodyUse : uint8_t { none, memory, value };

struct Route {
  Method method;
  std::string_view path;  // literals, then "/{collection}", then "/{key}", which takes the rest with its slashes
  Handler handler;
  Operation operation;
  Access access;
  BodyUse body;
  ErrorStyle style;
  /// Judges a large or announced body by the head, before it is sent: an error, or a response with a status other than
  /// 200, is the answer. What it lets pass is judged again by the handler.
  Handler before_body = nullptr;
};

class Router {
 public:
  /// All routes of the door.
  static const Router& instance();
  explicit Router(std::span<const std::span<const Route>> tables);

  struct Match {
    const Route* route = nullptr;  // null: 404, or 405 where `allow` is not empty
    std::string_view collection;   // still encoded; null data(): the path names none
    std::string_view key;          // still encoded
    std::string_view allow;        // methods of the path, for Allow
    ErrorStyle style = ErrorStyle::dialect;
    bool key_missing = false;  // 400: the path ends where a key was meant
  };
  /// `path` is raw: only parameters are decoded, by the caller. HEAD falls back on GET.
  Match match(Method method, std::string_view path) const;

  /// How an error below `path` is told where no route is known.
  static ErrorStyle style_of(std::string_view path);

  /// All routes, for the tests and the OpenAPI document.
  const std::vector<const Route*>& routes() const { return routes_; }

 private:
  struct Resource {
    std::string_view literal;
    bool collection = false;
    bool key = false;
    ErrorStyle style = ErrorStyle::dialect;
    std::array<const Route*, 8> by_method{};
    std::string allow;
  };
  Resource& resource_of(const Route& route);
  static bool matches(const Resource& resource, std::string_view path, Match& match);

  std::vector<Resource> resources_;  // in order of specificity within a literal
  std::vector<const Route*> routes_;
};

/// The tables, one for each file of handlers.
std::span<const Route> v1_routes();
std::span<const Route> record_routes();
std::span<const Route> kv_routes();
std::span<const Route> objects_routes();
std::span<const Route> cluster_routes();
std::span<const Route> operations_routes();

}  // namespace kvfs::http
