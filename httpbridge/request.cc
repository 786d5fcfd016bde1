#include "httpbridge/request.h"

namespace kvfs::http {

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::put: return "PUT";
    case Method::post: return "POST";
    case Method::patch: return "PATCH";
    case Method::del: return "DELETE";
    case Method::options: return "OPTIONS";
    case Method::other: return "other";
  }
  return "other";
}

void Request::reset() {
  method = Method::other;
  method_name = target = path = query = body = {};
  headers = {};
  http_1_0 = false;
  keep_alive = true;
  chunked = false;
  content_length = 0;
  route = nullptr;
  collection.clear();
  collection_named = false;
  key.clear();
  upload.reset();
}

}  // namespace kvfs::http
