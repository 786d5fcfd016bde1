// One HTTP request as handlers see it: no socket, no parser. All views live until its response has been built.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/key.h"
#include "store/value.h"

namespace kvfs::http {

struct Route;

enum class Method : uint8_t { get, head, put, post, patch, del, options, other };
std::string_view to_string(Method method);

/// The fields that any handler asks for; absent ones have a null data(). Values are without surrounding blanks.
struct Headers {
  std::string_view accept;
  std::string_view accept_encoding;
  std::string_view authorization;
  std::string_view content_encoding;
  std::string_view content_range;
  std::string_view content_type;
  std::string_view expect;
  std::string_view host;
  std::string_view if_match;
  std::string_view if_modified_since;
  std::string_view if_none_match;
  std::string_view if_range;
  std::string_view if_unmodified_since;
  std::string_view kvfs_sync;
  std::string_view kvfs_tenant;
  std::string_view kvfs_ttl;
  std::string_view kvfs_type;
  std::string_view last_event_id;
  std::string_view origin;
  std::string_view range;
  std::string_view referer;
  std::string_view request_method;  // Access-Control-Request-Method
  std::string_view user_agent;
  std::string_view x_api_key;
  std::string_view x_request_id;
};

/// Who asks. Views live as long as the key table they came from, which the session keeps.
struct Caller {
  std::string_view name;    // of the key; "anonymous" without one
  std::string_view tenant;  // empty: an administrator of all tenants who named none
  DirId tenant_dir = 0;
  bool read_only = false;
  bool admin = false;
  bool all_tenants = false;
};

struct Request {
  Method method = Method::other;
  std::string_view method_name;
  std::string_view target;  // as sent
  std::string_view path;    // the target before '?', still encoded
  std::string_view query;   // after '?', still encoded
  Headers headers;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  uint64_t content_length = 0;  // 0 with chunked

  std::string_view peer;  // the client's address as text
  bool loopback = false;  // came in by a loopback address or a Unix socket

  // Set by Service::admit().
  const Route* route = nullptr;
  Caller caller;
  std::string collection;  // decoded; the default one where none is named
  bool collection_named = false;
  std::string key;  // decoded, byte for byte

  // The body: in memory, or on its way into the store.
  std::string_view body;
  std::optional<ValueWriter> upload;

  /// Empties all, keeping allocations.
  void reset();
};

}  // namespace kvfs::http
