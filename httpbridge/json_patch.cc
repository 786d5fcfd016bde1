#include "httpbridge/json_patch.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

/// "/a~1b/0" as a/b, 0. Errors: invalid.
Result<std::vector<std::string>> parse_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer.front() != '/') return {Errc::invalid, "a JSON pointer is empty or begins with '/'"};
  for (size_t at = 0; at < pointer.size(); ++at) {
    if (pointer[at] == '/') {
      tokens.emplace_back();
    } else if (pointer[at] != '~') {
      tokens.back().push_back(pointer[at]);
    } else {
      const char escaped = ++at < pointer.size() ? pointer[at] : '\0';
      if (escaped != '0' && escaped != '1') return {Errc::invalid, "in a JSON pointer '~' stands before 0 or 1"};
      tokens.back().push_back(escaped == '0' ? '~' : '/');
    }
  }
  return tokens;
}

std::optional<size_t> parse_index(const std::string& token, size_t count) {
  size_t index = 0;
  const auto [stop, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc() || stop != token.data() + token.size() || (token.size() > 1 && token[0] == '0'))
    return std::nullopt;
  return index < count ? std::optional(index) : std::nullopt;
}

/// `Node` const: what is only read stays a view of its text.
template <class Node>
Node* child(Node& node, const std::string& token) {
  if (!node.is_array()) return node.member(token);
  auto& elements = node.array();
  const auto index = parse_index(token, elements.size());
  return index ? &elements[*index] : nullptr;
}

template <class Node>
Node* find(Node& document, const std::vector<std::string>& tokens, size_t count) {
  Node* node = &document;
  for (size_t i = 0; i < count && node != nullptr; ++i) node = child(*node, tokens[i]);
  return node;
}

bool add_at(JsonNode& document, const std::vector<std::string>& tokens, JsonNode value) {
  if (tokens.empty()) {
    document = std::move(value);
    return true;
  }
  JsonNode* parent = find(document, tokens, tokens.size() - 1);
  if (parent == nullptr) return false;
  const std::string& last = tokens.back();
  if (parent->is_object()) {
    parent->object().put(last, std::move(value));
    return true;
  }
  if (!parent->is_array()) return false;
  std::deque<JsonNode>& elements = parent->array();
  const auto index = last == "-" ? std::optional(elements.size()) : parse_index(last, elements.size() + 1);
  if (!index) return false;
  elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return true;
}

bool remove_at(JsonNode& document, const std::vector<std::string>& tokens) {
  if (tokens.empty()) return false;
  JsonNode* parent = find(document, tokens, tokens.size() - 1);
  if (parent == nullptr || child(*parent, tokens.back()) == nullptr) return false;
  if (parent->is_object()) return parent->object().erase(tokens.back());
  std::deque<JsonNode>& elements = parent->array();
  const auto index = parse_index(tokens.back(), elements.size());
  elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(*index));
  return true;
}

Result<std::vector<std::string>> pointer_member(const JsonNode& operation, std::string_view name) {
  const JsonNode* node = operation.member(name);
  if (node == nullptr || !is_json_string(node->text()))
    return {Errc::invalid, "\"" + std::string(name) + "\" must be a string"};
  return parse_pointer(decode_json_string(node->text()));
}

/// A document on its way through the operations of a patch.
class Patcher {
 public:
  Patcher(const JsonNode& document, const JsonPatchLimits& limits)
      : document_(document), limits_(limits), bytes_(document.bytes()) {}

  Result<void> apply(const JsonNode& operation);
  JsonNode take() { return std::move(document_); }

 private:
  using Pointer = std::vector<std::string>;
  Result<void> admit(const JsonNode& value, const Pointer& path);
  Result<void> transfer(const JsonNode& operation, const Pointer& path, bool move);
  Result<void> add(const Pointer& path, JsonNode value);
  void forget(const JsonNode* gone) {
    if (gone != nullptr) bytes_ -= std::min(bytes_, gone->bytes());
  }

  JsonNode document_;
  const JsonPatchLimits& limits_;
  size_t bytes_;
};

Error nowhere() { return {Errc::not_found, "the path leads nowhere"}; }

Result<void> Patcher::admit(const JsonNode& value, const Pointer& path) {
  if (path.size() + value.depth() > kJsonDepthMax)
    return {Errc::invalid, "the document would be nested more than " + std::to_string(kJsonDepthMax) + " deep"};
  bytes_ += value.bytes();
  if (limits_.bytes_peak != nullptr) *limits_.bytes_peak = std::max(*limits_.bytes_peak, bytes_);
  if (bytes_ > limits_.bytes_max)
    return {Errc::value_too_large, "the document would be larger than " + std::to_string(limits_.bytes_max) + " bytes"};
  return {};
}

Result<void> Patcher::add(const Pointer& path, JsonNode value) {
  const JsonNode* parent = path.empty() ? nullptr : find(std::as_const(document_), path, path.size() - 1);
  if (path.empty())
    forget(&document_);
  else if (parent != nullptr && parent->is_object())
    forget(parent->member(path.back()));
  if (auto r = admit(value, path); !r) return r;
  return add_at(document_, path, std::move(value)) ? Result<void>() : nowhere();
}

Result<void> Patcher::transfer(const JsonNode& operation, const Pointer& path, bool move) {
  const auto from = pointer_member(operation, "from");
  if (!from) return from.error();
  const JsonNode* source = find(std::as_const(document_), *from, from->size());
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
  if (!operation.is_object()) return {Errc::invalid, "an operation is an object"};
  const JsonNode* op_node = operation.member("op");
  if (op_node == nullptr || !is_json_string(op_node->text())) return {Errc::invalid, "\"op\" must be a string"};
  const std::string op = decode_json_string(op_node->text());
  const auto path = pointer_member(operation, "path");
  if (!path) return path.error();
  if (op == "move" || op == "copy") return transfer(operation, *path, op == "move");
  const JsonNode* present = find(std::as_const(document_), *path, path->size());
  if (op == "remove") {
    forget(present);
    return remove_at(document_, *path) ? Result<void>() : nowhere();
  }
  if (op != "add" && op != "replace" && op != "test")
    return {Errc::invalid, "\"op\" is add, remove, replace, move, copy or test"};
  const JsonNode* given = operation.member("value");
  if (given == nullptr) return {Errc::invalid, "\"" + op + "\" needs a \"value\""};
  if (present == nullptr && op != "add") return nowhere();
  if (op == "test")
    return equal_json(*present, *given) ? Result<void>() : Error{Errc::precondition_failed, "the test does not hold"};
  if (op == "add") return add(*path, *given);
  forget(present);
  if (auto r = admit(*given, *path); !r) return r;
  *find(document_, *path, path->size()) = *given;
  return {};
}

}  // namespace

Result<void> json_patch(JsonNode& document, const JsonNode& operations, const JsonPatchLimits& limits) {
  if (!operations.is_array()) return {Errc::invalid, "a JSON patch is an array of operations"};
  Patcher patcher(document, limits);
  size_t index = 0;
  for (const JsonNode& listed : operations.array()) {
    if (auto r = limits.in_time(); !r) return r;
    const JsonNode operation = listed;  // what it is taken apart into goes with it
    if (auto r = patcher.apply(operation); !r)
      return {r.error().code, "operation " + std::to_string(index) + ": " + r.error().message()};
    ++index;
  }
  document = patcher.take();
  return {};
}

}  // namespace kvfs::http
