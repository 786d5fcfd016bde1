#include "httpbridge/json_tree.h"

#include <algorithm>
#include <charconv>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

constexpr size_t kIndexedFrom = 16;

JsonNode parse_value(std::string_view text, size_t& at);

void parse_members(std::string_view text, size_t& at, JsonNode& node) {
  for (at = skip_json_blanks(text, at + 1); text[at] != '}'; at = skip_json_blanks(text, at)) {
    if (text[at] == ',') at = skip_json_blanks(text, at + 1);
    const size_t name_end = end_of_json_string(text, at);
    std::string name = decode_json_string(text.substr(at, name_end - at));
    at = skip_json_blanks(text, name_end) + 1;  // past the colon
    node.members.put(std::move(name), parse_value(text, at));
  }
  ++at;
}

void parse_elements(std::string_view text, size_t& at, JsonNode& node) {
  for (at = skip_json_blanks(text, at + 1); text[at] != ']'; at = skip_json_blanks(text, at)) {
    if (text[at] == ',') ++at;
    node.elements.push_back(parse_value(text, at));
  }
  ++at;
}

/// The value from `at` on, past which `at` is moved. REQUIRES: valid JSON.
JsonNode parse_value(std::string_view text, size_t& at) {
  JsonNode node;
  at = skip_json_blanks(text, at);
  if (text[at] == '{') {
    node.kind = JsonNode::Kind::object;
    parse_members(text, at, node);
  } else if (text[at] == '[') {
    node.kind = JsonNode::Kind::array;
    parse_elements(text, at, node);
  } else {
    const size_t end =
        text[at] == '"' ? end_of_json_string(text, at) : std::min(text.find_first_of(",]} \t\r\n", at), text.size());
    node.text = text.substr(at, end - at);
    at = end;
  }
  return node;
}

}  // namespace

JsonObject::JsonObject() = default;
JsonObject::JsonObject(const JsonObject& other) : members_(other.members_) {}
JsonObject::JsonObject(JsonObject&& other) noexcept
    : members_(std::move(other.members_)), index_(std::move(other.index_)) {}
JsonObject& JsonObject::operator=(JsonObject other) noexcept {
  members_.swap(other.members_);
  index_.swap(other.index_);
  return *this;
}
JsonObject::~JsonObject() = default;

JsonObject::Members::iterator JsonObject::locate(std::string_view name) {
  if (members_.size() < kIndexedFrom)
    return std::find_if(members_.begin(), members_.end(), [name](const auto& member) { return member.name == name; });
  if (!index_) {
    index_ = std::make_unique<Index>();
    for (auto at = members_.begin(); at != members_.end(); ++at) index_->emplace(at->name, at);
  }
  const auto found = index_->find(name);
  return found == index_->end() ? members_.end() : found->second;
}

JsonNode* JsonObject::find(std::string_view name) {
  const auto at = locate(name);
  return at == members_.end() ? nullptr : &at->value;
}

void JsonObject::put(std::string name, JsonNode value) {
  if (const auto at = locate(name); at != members_.end()) {
    at->value = std::move(value);
    return;
  }
  members_.push_back({std::move(name), std::move(value)});
  if (index_) index_->emplace(members_.back().name, std::prev(members_.end()));
}

bool JsonObject::erase(std::string_view name) {
  const auto at = locate(name);
  if (at == members_.end()) return false;
  if (index_) index_->erase(name);
  members_.erase(at);
  return true;
}

JsonNode JsonNode::parse(std::string_view text) {
  size_t at = 0;
  return parse_value(text, at);
}

void JsonNode::append_to(std::string& out) const {
  switch (kind) {
    case Kind::scalar:
      out.append(text);
      return;
    case Kind::object: {
      out.push_back('{');
      for (const auto& [name, value] : members) {
        if (out.back() != '{') out.push_back(',');
        append_json_string(out, name);
        out.push_back(':');
        value.append_to(out);
      }
      out.push_back('}');
      return;
    }
    case Kind::array: {
      out.push_back('[');
      for (size_t i = 0; i < elements.size(); ++i) {
        if (i > 0) out.push_back(',');
        elements[i].append_to(out);
      }
      out.push_back(']');
      return;
    }
  }
}

namespace {

bool equal_scalars(const std::string& a, const std::string& b) {
  if (a == b) return true;
  if (is_json_string(a) && is_json_string(b)) return decode_json_string(a) == decode_json_string(b);
  double x = 0, y = 0;
  const auto parsed = [](const std::string& text, double& out) {
    return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
  };
  return parsed(a, x) && parsed(b, y) && x == y;
}

}  // namespace

bool equal_json(const JsonNode& a, const JsonNode& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case JsonNode::Kind::scalar:
      return equal_scalars(a.text, b.text);
    case JsonNode::Kind::array:
      return std::equal(a.elements.begin(), a.elements.end(), b.elements.begin(), b.elements.end(), equal_json);
    case JsonNode::Kind::object:
      break;
  }
  if (a.members.size() != b.members.size()) return false;
  return std::all_of(a.members.begin(), a.members.end(), [&b](const auto& member) {
    const JsonNode* other = b.members.find(member.name);
    return other != nullptr && equal_json(member.value, *other);
  });
}

void merge_patch(JsonNode& target, const JsonNode& patch) {
  if (patch.kind != JsonNode::Kind::object) {
    target = patch;
    return;
  }
  if (target.kind != JsonNode::Kind::object) {
    target = {};
    target.kind = JsonNode::Kind::object;
  }
  for (const auto& [name, value] : patch.members) {
    if (value.is_null()) {
      target.members.erase(name);
    } else if (JsonNode* present = target.member(name)) {
      merge_patch(*present, value);
    } else {
      JsonNode made;
      merge_patch(made, value);
      target.members.put(name, std::move(made));
    }
  }
}

}  // namespace kvfs::http
