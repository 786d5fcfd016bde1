#include "httpbridge/json_patch.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "httpbridge/json_text.h"

namespace kvfs::http {

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
    parent->members.put(last, std::move(value));
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
  if (parent->kind == JsonNode::Kind::object) return parent->members.erase(tokens.back());
  const auto index = parse_index(tokens.back(), parent->elements.size());
  parent->elements.erase(parent->elements.begin() + static_cast<std::ptrdiff_t>(*index));
  return true;
}

Result<std::vector<std::string>> pointer_member(const JsonNode& operation, std::string_view name) {
  const JsonNode* node = operation.members.find(name);
  if (node == nullptr || node->kind != JsonNode::Kind::scalar || !is_json_string(node->text))
    return {Errc::invalid, "\"" + std::string(name) + "\" must be a string"};
  return parse_pointer(decode_json_string(node->text));
}

struct Extent {
  size_t bytes = 0;  // as text, about
  size_t depth = 0;  // 0: a scalar
};

Extent extent_of(const JsonNode& node) {
  if (node.kind == JsonNode::Kind::scalar) return {node.text.size() + 1, 0};
  Extent all{2, 1};
  const auto add = [&all](const JsonNode& part) {
    const Extent extent = extent_of(part);
    all.bytes += extent.bytes;
    all.depth = std::max(all.depth, extent.depth + 1);
  };
  for (const JsonNode& element : node.elements) add(element);
  for (const auto& [name, value] : node.members) {
    all.bytes += name.size() + 3;
    add(value);
  }
  return all;
}

/// A document on its way through the operations of a patch.
class Patcher {
 public:
  Patcher(const JsonNode& document, const JsonPatchLimits& limits)
      : document_(document), limits_(limits), bytes_(extent_of(document).bytes) {}

  Result<void> apply(const JsonNode& operation);
  JsonNode take() { return std::move(document_); }

 private:
  using Pointer = std::vector<std::string>;
  Result<void> admit(const JsonNode& value, const Pointer& path);
  Result<void> transfer(const JsonNode& operation, const Pointer& path, bool move);
  Result<void> add(const Pointer& path, JsonNode value);
  void forget(const JsonNode* gone) {
    if (gone != nullptr) bytes_ -= std::min(bytes_, extent_of(*gone).bytes);
  }

  JsonNode document_;
  const JsonPatchLimits& limits_;
  size_t bytes_;
};

Error nowhere() { return {Errc::not_found, "the path leads nowhere"}; }

Result<void> Patcher::admit(const JsonNode& value, const Pointer& path) {
  const Extent extent = extent_of(value);
  if (path.size() + extent.depth > kJsonDepthMax)
    return {Errc::invalid, "the document would be nested more than " + std::to_string(kJsonDepthMax) + " deep"};
  bytes_ += extent.bytes;
  if (limits_.bytes_peak != nullptr) *limits_.bytes_peak = std::max(*limits_.bytes_peak, bytes_);
  if (bytes_ > limits_.bytes_max)
    return {Errc::value_too_large, "the document would be larger than " + std::to_string(limits_.bytes_max) + " bytes"};
  return {};
}

Result<void> Patcher::add(const Pointer& path, JsonNode value) {
  const JsonNode* parent = path.empty() ? nullptr : find(document_, path, path.size() - 1);
  if (path.empty())
    forget(&document_);
  else if (parent != nullptr && parent->kind == JsonNode::Kind::object)
    forget(parent->members.find(path.back()));
  if (auto r = admit(value, path); !r) return r;
  return add_at(document_, path, std::move(value)) ? Result<void>() : nowhere();
}

Result<void> Patcher::transfer(const JsonNode& operation, const Pointer& path, bool move) {
  const auto from = pointer_member(operation, "from");
  if (!from) return from.error();
  const JsonNode* source = find(document_, *from, from->size());
  if (source == nullptr) return nowhere();
  const bool below = path.size() > from->size() && std::equal(from->begin(), from->end(), path.begin());
  if (move && below) return {Errc::invalid, "a value cannot be moved below itself"};
  JsonNode value = *source;
  if (move && !from->empty()) {
    forget(source);
    remove_at(document_, *from);
  }
  return add(path, std::move(value));
}

Result<void> Patcher::apply(const JsonNode& operation) {
  if (operation.kind != JsonNode::Kind::object) return {Errc::invalid, "an operation is an object"};
  const JsonNode* op_node = operation.members.find("op");
  if (op_node == nullptr || !is_json_string(op_node->text)) return {Errc::invalid, "\"op\" must be a string"};
  const std::string op = decode_json_string(op_node->text);
  const auto path = pointer_member(operation, "path");
  if (!path) return path.error();
  if (op == "move" || op == "copy") return transfer(operation, *path, op == "move");
  JsonNode* present = find(document_, *path, path->size());
  if (op == "remove") {
    forget(present);
    return remove_at(document_, *path) ? Result<void>() : nowhere();
  }
  if (op != "add" && op != "replace" && op != "test")
    return {Errc::invalid, "\"op\" is add, remove, replace, move, copy or test"};
  const JsonNode* given = operation.members.find("value");
  if (given == nullptr) return {Errc::invalid, "\"" + op + "\" needs a \"value\""};
  if (present == nullptr && op != "add") return nowhere();
  if (op == "test")
    return equal_json(*present, *given) ? Result<void>() : Error{Errc::precondition_failed, "the test does not hold"};
  if (op == "add") return add(*path, *given);
  forget(present);
  if (auto r = admit(*given, *path); !r) return r;
  *present = *given;
  return {};
}

}  // namespace

Result<void> json_patch(JsonNode& document, const JsonNode& operations, const JsonPatchLimits& limits) {
  if (operations.kind != JsonNode::Kind::array) return {Errc::invalid, "a JSON patch is an array of operations"};
  Patcher patcher(document, limits);
  for (size_t i = 0; i < operations.elements.size(); ++i) {
    if (auto r = limits.in_time(); !r) return r;
    if (auto r = patcher.apply(operations.elements[i]); !r)
      return {r.error().code, "operation " + std::to_string(i) + ": " + r.error().message()};
  }
  document = patcher.take();
  return {};
}

}  // namespace kvfs::http
