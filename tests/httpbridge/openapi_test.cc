// The OpenAPI document and the table of routes say the same.
#include <gtest/gtest.h>

#include <set>

#include "httpbridge/embedded.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_tree.h"
#include "httpbridge/router.h"

namespace kvfs::http {
namespace {

std::string without_names(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == '}') inside = false;
    if (!inside) out.push_back(c);
    if (c == '{') inside = true;
  }
  return out;
}

TEST(OpenApi, NamesEveryRouteAndNoOther) {
  const auto valid = validate_json(openapi_document());
  ASSERT_TRUE(valid) << valid.error().message();
  JsonNode document = JsonNode::parse(openapi_document());
  std::set<std::string> documented, routed;
  for (const auto& [path, item] : document.member("paths")->object())
    for (const auto& [method, operation] : item.object()) {
      documented.insert(std::string(method) + " " + without_names(path));
      EXPECT_NE(operation.member("responses"), nullptr) << method << " " << path;
    }
  for (const Route* route : Router::instance().routes()) {
    std::string method(to_string(route->method));
    for (char& c : method) c = static_cast<char>(c | 0x20);
    routed.insert(method + " " + without_names(route->path));
  }
  EXPECT_EQ(documented, routed);
}

TEST(OpenApi, ParametersOfPathsHaveNothingOfQueries) {
  JsonNode document = JsonNode::parse(openapi_document());
  for (const auto& [name, parameter] : document.member("components")->member("parameters")->object())
    for (const char* of_queries : {"allowReserved", "allowEmptyValue"}) {
      const bool in_path = parameter.member("in")->text() == "\"path\"";
      EXPECT_FALSE(in_path && parameter.member(of_queries) != nullptr) << name;
    }
}

TEST(OpenApi, RefersOnlyToWhatItHolds) {
  JsonNode document = JsonNode::parse(openapi_document());
  const std::string_view text = openapi_document();
  for (size_t at = 0; (at = text.find("\"#/components/", at)) != std::string_view::npos; ++at) {
    const std::string_view path = text.substr(at + 14, text.find('"', at + 1) - at - 14);
    const size_t slash = path.find('/');
    JsonNode* kind = document.member("components")->member(path.substr(0, slash));
    ASSERT_NE(kind, nullptr) << path;
    EXPECT_NE(kind->member(path.substr(slash + 1)), nullptr) << path;
  }
}

}  // namespace
}  // namespace kvfs::http
