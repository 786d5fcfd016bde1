// A JSON document that can be changed. A value stays the text it was until somebody looks into it, so that a document
// takes little more memory than its text: what a change does not touch is never taken apart. Used for merge patch (RFC
// 7396) and JSON patch (RFC 6902); everything else works on text (json_text.h).
#pragma once

#include <cstdint>
#include <deque>
#include <forward_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/result.h"

namespace kvfs::http {

class JsonObject;
struct JsonElementList;

/// A value: a view of its text, or the members or elements that it was taken apart into. A copy of what was only read
/// is a view again. Not for several threads, reading included.
class JsonNode {
 public:
  JsonNode() = default;  // null
  JsonNode(const JsonNode& other);
  JsonNode(JsonNode&& other) noexcept { swap(other); }
  JsonNode& operator=(JsonNode other) noexcept {
    swap(other);
    return *this;
  }
  ~JsonNode();

  /// REQUIRES: text that validate_json() accepted, which outlives the node and its copies. Of several members with one
  /// name the last counts.
  static JsonNode parse(std::string_view text);
  static JsonNode empty_object() { return parse("{}"); }

  bool is_object() const;
  bool is_array() const;
  bool is_null() const;
  /// The token of a scalar; of others the text, as it came, or empty where they may have been changed.
  std::string_view text() const;

  /// Taken apart at the first call. The others make a copy of the node that is no view any more.
  /// REQUIRES: is_object(), is_array().
  const JsonObject& object() const;
  const std::deque<JsonNode>& array() const;
  JsonObject& object();
  std::deque<JsonNode>& array();

  /// Null where there is none, or this is no object.
  const JsonNode* member(std::string_view name) const;
  JsonNode* member(std::string_view name);

  /// Without blanks; scalars as they came.
  void append_to(std::string& out) const;
  /// Of its text as it came, or, where it was changed, of append_to(), give or take a few.
  size_t bytes() const;
  /// 0: a scalar.
  size_t depth() const;

 private:
  enum class Form : uint8_t { text, object, array };
  union Place {
    const char* text;
    JsonObject* object;
    JsonElementList* list;
  };
  Form form() const { return static_cast<Form>(tagged_ & 3); }
  void set_text(std::string_view text) {
    place_.text = text.data();
    tagged_ = uint64_t{text.size()} << 2;
  }
  void open() const;
  void swap(JsonNode& other) noexcept;

  // Taking apart does not change what the node means.
  mutable Place place_{.text = "null"};
  mutable uint64_t tagged_ = 4 << 2;  // the text's length, then the form
};
static_assert(sizeof(JsonNode) == 16, "an array of single digits has one for every two bytes");

struct JsonMember {
  std::string_view name;  // decoded
  JsonNode value;
};

/// Members in the order in which they came; found by name in constant time however many they are. A member that is
/// removed leaves a gap, without a name.
class JsonObject {
 public:
  explicit JsonObject(std::string_view text);
  JsonObject(const JsonObject& other);
  JsonObject& operator=(const JsonObject&) = delete;

  JsonNode* find(std::string_view name);
  const JsonNode* find(std::string_view name) const { return const_cast<JsonObject*>(this)->find(name); }
  /// Replaces the value of a present member. The name is copied.
  void put(std::string_view name, JsonNode value);
  bool erase(std::string_view name);
  size_t size() const { return members_.size() - gaps_; }
  static bool is_gap(const JsonMember& member) { return member.name.data() == nullptr; }
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

 private:
  friend class JsonNode;
  JsonMember* locate(std::string_view name);
  std::string_view own(std::string name) { return names_.emplace_front(std::move(name)); }
  /// `name` lives as long as this.
  void put_view(std::string_view name, JsonNode value);

  std::string_view text_;  // null data: what it was taken from no longer tells what it is
  std::deque<JsonMember> members_;
  size_t gaps_ = 0;
  std::unique_ptr<std::unordered_map<std::string_view, JsonMember*>> index_;  // once there are many
  std::forward_list<std::string> names_;
};

/// Equal as JSON: numbers by value, strings by what they stand for, objects whatever the order of members.
bool equal_json(const JsonNode& a, const JsonNode& b);

/// RFC 7396: `patch` applied to `target`.
void merge_patch(JsonNode& target, const JsonNode& patch);

}  // namespace kvfs::http
