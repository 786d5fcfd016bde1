// A JSON document that can be changed: scalars stay the text they were, members keep their order.
// Used for merge patch (RFC 7396) and JSON patch (RFC 6902); everything else works on text (json_text.h).
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/result.h"

namespace kvfs::http {

struct JsonMember;
struct JsonNode;

/// The members of an object, in the order in which they came; found by name in constant time however many they are.
class JsonObject {
 public:
  JsonObject();
  JsonObject(const JsonObject& other);
  JsonObject(JsonObject&& other) noexcept;
  JsonObject& operator=(JsonObject other) noexcept;
  ~JsonObject();

  JsonNode* find(std::string_view name);
  const JsonNode* find(std::string_view name) const { return const_cast<JsonObject*>(this)->find(name); }
  /// Replaces the value of a present member.
  void put(std::string name, JsonNode value);
  bool erase(std::string_view name);
  size_t size() const { return members_.size(); }
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

 private:
  using Members = std::list<JsonMember>;
  using Index = std::unordered_map<std::string_view, Members::iterator>;  // of names in members_
  Members::iterator locate(std::string_view name);

  Members members_;
  std::unique_ptr<Index> index_;  // once there are many
};

struct JsonNode {
  enum class Kind { scalar, object, array };
  Kind kind = Kind::scalar;
  std::string text;                // scalar: its token
  JsonObject members;              // object
  std::vector<JsonNode> elements;  // array

  /// REQUIRES: text that validate_json() accepted. Of several members with one name the last counts.
  static JsonNode parse(std::string_view text);
  void append_to(std::string& out) const;
  JsonNode* member(std::string_view name) { return members.find(name); }
  bool is_null() const { return kind == Kind::scalar && text == "null"; }
};

struct JsonMember {
  std::string name;  // decoded
  JsonNode value;
};

/// Equal as JSON: numbers by value, strings by what they stand for, objects whatever the order of members.
bool equal_json(const JsonNode& a, const JsonNode& b);

/// RFC 7396: `patch` applied to `target`.
void merge_patch(JsonNode& target, const JsonNode& patch);

}  // namespace kvfs::http
