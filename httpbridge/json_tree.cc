#include "httpbridge/json_tree.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "httpbridge/json_text.h"

namespace kvfs::http {

JsonNode JsonNode::parse(std::string_view text) {
  text = trim_json(text);
  JsonNode node;
  if (!text.empty() && text.front() == '{') {
    node.kind = Kind::object;
    for (JsonMembers members(text); members.next();) {
      JsonNode value = parse(members.value());
      if (JsonNode* present = node.member(members.name()))
        *present = std::move(value);
      else
        node.members.push_back({members.name(), std::move(value)});
    }
  } else if (!text.empty() && text.front() == '[') {
    node.kind = Kind::array;
    for (JsonElements elements(text); elements.next();) node.elements.push_back(parse(elements.value()));
  } else {
    node.text = text;
  }
  return node;
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

JsonNode* JsonNode::member(std::string_view name) {
  for (JsonMember& member : members)
    if (member.name == name) return &member.value;
  return nullptr;
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
    const auto other =
        std::find_if(b.members.begin(), b.members.end(), [&](const auto& m) { return m.name == member.name; });
    return other != b.members.end() && equal_json(member.value, other->value);
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
      std::erase_if(target.members, [&key = name](const auto& member) { return member.name == key; });
    } else if (JsonNode* present = target.member(name)) {
      merge_patch(*present, value);
    } else {
      JsonNode made;
      merge_patch(made, value);
      target.members.push_back({name, std::move(made)});
    }
  }
}

namespace {

/// "/a~1b/0" as a/b, 0. Errors: invalid.
Result<std::vector<std::string>> parse_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer.front() != '/') return {Errc::invalid, "a JSON pointer is empty or begins with '/'"};
  for (const char c : pointer) {
    if (c == '/') {
      tokens.emplace_back();
    } else if (!tokens.back().empty() && tokens.back().back() == '~' && (c == '0' || c == '1')) {
      tokens.back().back() = c == '0' ? '\x01' : '/';  // '~' itself must not begin another escape
    } else {
      tokens.back().push_back(c);
    }
  }
  for (std::string& token : tokens) std::replace(token.begin(), token.end(), '\x01', '~');
  return tokens;
}

std::optional<size_t> parse_index(const std::string& token, size_t count) {
  size_t index = 0;
  const auto [stop, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc() || stop != token.data() + token.size() || (token.size() > 1 && token[0] == '0'))
    return std::nullopt;
  return index < count ? std::optional(index) : std::nullopt;
}

JsonNode* child(JsonNode& node, const std::string& token) {
  if (node.kind == JsonNode::Kind::object) return node.member(token);
  if (node.kind != JsonNode::Kind::array) return nullptr;
  const auto index = parse_index(token, node.elements.size());
  return index ? &node.elements[*index] : nullptr;
}

JsonNode* find(JsonNode& document, const std::vector<std::string>& tokens, size_t count) {
  JsonNode* node = &document;
  for (size_t i = 0; i < count && node != nullptr; ++i) node = child(*node, tokens[i]);
  return node;
}

bool add_at(JsonNode& document, const std::vector<std::string>& tokens, JsonNode value) {
  if (tokens.empty()) {
    document = std::move(value);
    return true;
  }
  JsonNode* parent = find(document, tokens, tokens.size() - 1);
  if (parent == nullptr || parent->kind == JsonNode::Kind::scalar) return false;
  const std::string& last = tokens.back();
  if (parent->kind == JsonNode::Kind::object) {
    if (JsonNode* present = parent->member(last))
      *present = std::move(value);
    else
      parent->members.push_back({last, std::move(value)});
    return true;
  }
  const auto index =
      last == "-" ? std::optional(parent->elements.size()) : parse_index(last, parent->elements.size() + 1);
  if (!index) return false;
  parent->elements.insert(parent->elements.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return true;
}

bool remove_at(JsonNode& document, const std::vector<std::string>& tokens) {
  if (tokens.empty()) return false;
  JsonNode* parent = find(document, tokens, tokens.size() - 1);
  if (parent == nullptr || child(*parent, tokens.back()) == nullptr) return false;
  if (parent->kind == JsonNode::Kind::object)
    return std::erase_if(parent->members, [&](const auto& member) { return member.name == tokens.back(); }) > 0;
  const auto index = parse_index(tokens.back(), parent->elements.size());
  parent->elements.erase(parent->elements.begin() + static_cast<std::ptrdiff_t>(*index));
  return true;
}

Result<std::vector<std::string>> pointer_member(JsonNode& operation, std::string_view name) {
  const JsonNode* node = operation.member(name);
  if (node == nullptr || node->kind != JsonNode::Kind::scalar || !is_json_string(node->text))
    return {Errc::invalid, "\"" + std::string(name) + "\" must be a string"};
  return parse_pointer(decode_json_string(node->text));
}

Result<void> apply(JsonNode& document, JsonNode operation) {
  if (operation.kind != JsonNode::Kind::object) return {Errc::invalid, "an operation is an object"};
  const JsonNode* op_node = operation.member("op");
  if (op_node == nullptr || !is_json_string(op_node->text)) return {Errc::invalid, "\"op\" must be a string"};
  const std::string op = decode_json_string(op_node->text);
  const auto path = pointer_member(operation, "path");
  if (!path) return path.error();
  const Error nowhere{Errc::not_found, "the path leads nowhere"};
  JsonNode value;
  if (op == "add" || op == "replace" || op == "test") {
    const JsonNode* given = operation.member("value");
    if (given == nullptr) return {Errc::invalid, "\"" + op + "\" needs a \"value\""};
    value = *given;
  } else if (op == "move" || op == "copy") {
    const auto from = pointer_member(operation, "from");
    if (!from) return from.error();
    const JsonNode* source = find(document, *from, from->size());
    if (source == nullptr) return nowhere;
    const bool below = path->size() > from->size() && std::equal(from->begin(), from->end(), path->begin());
    if (op == "move" && below) return {Errc::invalid, "a value cannot be moved below itself"};
    value = *source;
    if (op == "move" && !from->empty()) remove_at(document, *from);
  } else if (op != "remove") {
    return {Errc::invalid, "\"op\" is add, remove, replace, move, copy or test"};
  }
  if (op == "test") {
    const JsonNode* present = find(document, *path, path->size());
    if (present == nullptr) return nowhere;
    if (!equal_json(*present, value)) return {Errc::precondition_failed, "the test does not hold"};
    return {};
  }
  if (op == "replace") {
    JsonNode* present = find(document, *path, path->size());
    if (present == nullptr) return nowhere;
    *present = std::move(value);
    return {};
  }
  const bool done = op == "remove" ? remove_at(document, *path) : add_at(document, *path, std::move(value));
  if (!done) return nowhere;
  return {};
}

}  // namespace

Result<void> json_patch(JsonNode& document, const JsonNode& operations) {
  if (operations.kind != JsonNode::Kind::array) return {Errc::invalid, "a JSON patch is an array of operations"};
  JsonNode patched = document;
  for (size_t i = 0; i < operations.elements.size(); ++i)
    if (auto r = apply(patched, operations.elements[i]); !r)
      return {r.error().code, "operation " + std::to_string(i) + ": " + r.error().message()};
  document = std::move(patched);
  return {};
}

}  // namespace kvfs::http
