// A JSON document that can be changed: scalars stay the text they were, members keep their order.
// Used for merge patch (RFC 7396) and JSON patch (RFC 6902); everything else works on text (json_text.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/result.h"

namespace kvfs::http {

struct JsonMember;

struct JsonNode {
  enum class Kind { scalar, object, array };
  Kind kind = Kind::scalar;
  std::string text;                 // scalar: its token
  std::vector<JsonMember> members;  // object
  std::vector<JsonNode> elements;   // array

  /// REQUIRES: text that validate_json() accepted. Of several members with one name the last counts.
  static JsonNode parse(std::string_view text);
  void append_to(std::string& out) const;
  JsonNode* member(std::string_view name);
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

/// RFC 6902: all operations or none. Errors: invalid (malformed operation), precondition_failed (a "test" that does not
/// hold), not_found (a path that leads nowhere), each naming the operation's number.
Result<void> json_patch(JsonNode& document, const JsonNode& operations);

}  // namespace kvfs::http
