#include "httpbridge/router.h"

#include <algorithm>

namespace kvfs::http {

const Router& Router::instance() {
  static const std::array<std::span<const Route>, 6> tables = {v1_routes(),      record_routes(),  kv_routes(),
                                                               objects_routes(), cluster_routes(), operations_routes()};
  static const Router router(tables);
  return router;
}

Router::Router(std::span<const std::span<const Route>> tables) {
  for (const auto& table : tables) {
    for (const Route& route : table) {
      routes_.push_back(&route);
      resource_of(route).by_method[static_cast<size_t>(route.method)] = &route;
    }
  }
  for (Resource& resource : resources_) {
    auto& get = resource.by_method[static_cast<size_t>(Method::get)];
    auto& head = resource.by_method[static_cast<size_t>(Method::head)];
    if (get != nullptr && head == nullptr) head = get;
    for (size_t i = 0; i < resource.by_method.size(); ++i) {
      if (resource.by_method[i] == nullptr) continue;
      resource.allow.append(to_string(static_cast<Method>(i))).append(", ");
    }
    resource.allow.append("OPTIONS");
  }
}

Router::Resource& Router::resource_of(const Route& route) {
  std::string_view literal = route.path;
  const auto take = [&literal](std::string_view parameter) {
    if (!literal.ends_with(parameter)) return false;
    literal.remove_suffix(parameter.size());
    return true;
  };
  Resource wanted;
  wanted.key = take("/{key}");
  wanted.collection = take("/{collection}");
  wanted.literal = literal;
  wanted.style = route.style;
  for (Resource& resource : resources_)
    if (resource.literal == wanted.literal && resource.collection == wanted.collection && resource.key == wanted.key)
      return resource;
  return resources_.emplace_back(std::move(wanted));
}

bool Router::matches(const Resource& resource, std::string_view path, Match& match) {
  if (!path.starts_with(resource.literal)) return false;
  path.remove_prefix(resource.literal.size());
  match.collection = {};
  match.key = {};
  if (resource.collection) {
    if (path.size() < 2 || path.front() != '/') return false;
    const size_t end = std::min(path.find('/', 1), path.size());
    match.collection = path.substr(1, end - 1);
    if (match.collection.empty()) return false;
    path.remove_prefix(end);
  }
  if (!resource.key) return path.empty() || path == "/";
  if (path.size() < 2 || path.front() != '/') return false;
  match.key = path.substr(1);
  return true;
}

Router::Match Router::match(Method method, std::string_view path) const {
  Match match;
  for (const Resource& resource : resources_) {
    if (!matches(resource, path, match)) continue;
    match.style = resource.style;
    // A client whose key is empty by mistake must not remove or set up what the key would be in.
    match.key_missing = !resource.key && path.ends_with('/') && path.size() > 1 &&
                        (method == Method::del || (method == Method::put && resource.collection));
    if (match.key_missing) return match;
    match.route = resource.by_method[static_cast<size_t>(method)];
    match.allow = resource.allow;
    return match;
  }
  match.collection = match.key = {};
  match.style = style_of(path);
  return match;
}

ErrorStyle Router::style_of(std::string_view path) {
  static constexpr std::array<std::string_view, 4> kCanonical = {"/v1", "/admin", "/channels", "/trash"};
  for (const std::string_view first : kCanonical)
    if (path.starts_with(first) && (path.size() == first.size() || path[first.size()] == '/'))
      return ErrorStyle::problem;
  return ErrorStyle::dialect;
}

}  // namespace kvfs::http
