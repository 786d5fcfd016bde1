#include "httpbridge/json_tree.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

constexpr size_t kIndexedFrom = 16;

size_t depth_of(std::string_view text) {
  size_t depth = 0, deepest = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_json_string(text, at);
      continue;
    }
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return deepest;
}

}  // namespace

/// The elements of an array.
struct JsonElementList {
  std::string_view text;  // null data: what they were taken from no longer tells what they are
  std::deque<JsonNode> elements;
};

JsonNode::JsonNode(const JsonNode& other) {
  const std::string_view source = other.text();
  if (source.data() != nullptr) {
    set_text(source);
    return;
  }
  if (other.is_object())
    place_.object = new JsonObject(*other.place_.object);
  else
    place_.list = new JsonElementList(*other.place_.list);
  tagged_ = other.tagged_;
}

JsonNode::~JsonNode() {
  if (form() == Form::object) delete place_.object;
  if (form() == Form::array) delete place_.list;
}

void JsonNode::swap(JsonNode& other) noexcept {
  std::swap(place_, other.place_);
  std::swap(tagged_, other.tagged_);
}

JsonNode JsonNode::parse(std::string_view text) {
  JsonNode node;
  node.set_text(trim_json(text));
  return node;
}

bool JsonNode::is_object() const { return form() == Form::object || (form() == Form::text && *place_.text == '{'); }

bool JsonNode::is_array() const { return form() == Form::array || (form() == Form::text && *place_.text == '['); }

bool JsonNode::is_null() const { return text() == "null"; }

std::string_view JsonNode::text() const {
  switch (form()) {
    case Form::text:
      return {place_.text, tagged_ >> 2};
    case Form::object:
      return place_.object->text_;
    case Form::array:
      return place_.list->text;
  }
  return {};
}

void JsonNode::open() const {
  if (form() != Form::text) return;
  const std::string_view source = text();
  if (*place_.text == '{') {
    place_.object = new JsonObject(source);
    tagged_ = static_cast<uint64_t>(Form::object);
    return;
  }
  auto list = std::make_unique<JsonElementList>();
  list->text = source;
  for (JsonElements elements(source); elements.next();) list->elements.push_back(parse(elements.value()));
  place_.list = list.release();
  tagged_ = static_cast<uint64_t>(Form::array);
}

const JsonObject& JsonNode::object() const {
  open();
  return *place_.object;
}

const std::deque<JsonNode>& JsonNode::array() const {
  open();
  return place_.list->elements;
}

JsonObject& JsonNode::object() {
  open();
  place_.object->text_ = {};
  return *place_.object;
}

std::deque<JsonNode>& JsonNode::array() {
  open();
  place_.list->text = {};
  return place_.list->elements;
}

const JsonNode* JsonNode::member(std::string_view name) const { return is_object() ? object().find(name) : nullptr; }
JsonNode* JsonNode::member(std::string_view name) { return is_object() ? object().find(name) : nullptr; }

void JsonNode::append_to(std::string& out) const {
  if (const std::string_view source = text(); source.data() != nullptr) return append_compact_json(out, source);
  const char opening = is_object() ? '{' : '[';
  out.push_back(opening);
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) out.push_back(',');
  };
  if (is_object()) {
    for (const JsonMember& member : object()) {
      if (JsonObject::is_gap(member)) continue;
      separate();
      append_json_string(out, member.name);
      out.push_back(':');
      member.value.append_to(out);
    }
  } else {
    for (const JsonNode& element : array()) {
      separate();
      element.append_to(out);
    }
  }
  out.push_back(opening == '{' ? '}' : ']');
}

size_t JsonNode::bytes() const {
  if (const std::string_view source = text(); source.data() != nullptr) return source.size();
  size_t sum = 2;
  if (is_object()) {
    for (const JsonMember& member : object())
      if (!JsonObject::is_gap(member)) sum += member.name.size() + 4 + member.value.bytes();
  } else {
    for (const JsonNode& element : array()) sum += element.bytes() + 1;
  }
  return sum;
}

size_t JsonNode::depth() const {
  if (const std::string_view source = text(); source.data() != nullptr) return depth_of(source);
  size_t deepest = 0;
  if (is_object()) {
    for (const JsonMember& member : object())
      if (!JsonObject::is_gap(member)) deepest = std::max(deepest, member.value.depth());
  } else {
    for (const JsonNode& element : array()) deepest = std::max(deepest, element.depth());
  }
  return deepest + 1;
}

JsonObject::JsonObject(std::string_view text) : text_(text) {
  for (JsonMembers members(text); members.next();) {
    const std::string_view raw = members.raw_name();
    const bool plain = raw.find('\\') == std::string_view::npos;
    put_view(plain ? raw.substr(1, raw.size() - 2) : own(members.name()), JsonNode::parse(members.value()));
  }
}

JsonObject::JsonObject(const JsonObject& other) {
  for (const JsonMember& member : other)
    if (!is_gap(member)) put(member.name, member.value);
}

JsonMember* JsonObject::locate(std::string_view name) {
  if (members_.size() < kIndexedFrom) {
    const auto at = std::find_if(members_.begin(), members_.end(),
                                 [name](const auto& member) { return !is_gap(member) && member.name == name; });
    return at == members_.end() ? nullptr : &*at;
  }
  if (!index_) {
    index_ = std::make_unique<std::unordered_map<std::string_view, JsonMember*>>();
    for (JsonMember& member : members_)
      if (!is_gap(member)) index_->emplace(member.name, &member);
  }
  const auto found = index_->find(name);
  return found == index_->end() ? nullptr : found->second;
}

JsonNode* JsonObject::find(std::string_view name) {
  JsonMember* const at = locate(name);
  return at == nullptr ? nullptr : &at->value;
}

void JsonObject::put(std::string_view name, JsonNode value) {
  if (JsonNode* const present = find(name))
    *present = std::move(value);
  else
    put_view(own(std::string(name)), std::move(value));
}

void JsonObject::put_view(std::string_view name, JsonNode value) {
  if (JsonMember* const at = locate(name)) {
    at->value = std::move(value);
    return;
  }
  members_.push_back({name, std::move(value)});
  if (index_) index_->emplace(name, &members_.back());
}

bool JsonObject::erase(std::string_view name) {
  JsonMember* const at = locate(name);
  if (at == nullptr) return false;
  if (index_) index_->erase(at->name);
  *at = {};
  ++gaps_;
  return true;
}

namespace {

/// A number as sign, digits without zeros at either end, and the power of ten of the first digit.
struct Decimal {
  bool negative = false;
  std::string digits;  // empty: zero
  int64_t power = 0;

  bool operator==(const Decimal&) const = default;
};

/// nullopt: no number, or an exponent beyond reason.
std::optional<Decimal> parse_decimal(std::string_view text) {
  constexpr int64_t kPowerMax = int64_t{1} << 60;
  Decimal number;
  number.negative = text.starts_with('-');
  if (number.negative) text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  for (const char c : mantissa)
    if (c != '.') number.digits.push_back(c);
  const size_t leading = std::min(number.digits.find_first_not_of('0'), number.digits.size());
  number.digits.erase(0, leading);
  while (!number.digits.empty() && number.digits.back() == '0') number.digits.pop_back();
  if (number.digits.empty()) return Decimal{};
  int64_t exponent = 0;
  if (e < text.size()) {
    std::string_view power = text.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc()) return std::nullopt;
    if (exponent > kPowerMax || exponent < -kPowerMax) return std::nullopt;
  }
  number.power = exponent + static_cast<int64_t>(point) - static_cast<int64_t>(leading);
  return number;
}

bool equal_scalars(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (is_json_string(a) && is_json_string(b)) return decode_json_string(a) == decode_json_string(b);
  const auto x = parse_decimal(a), y = parse_decimal(b);
  return x && y && *x == *y;
}

}  // namespace

bool equal_json(const JsonNode& a, const JsonNode& b) {
  if (a.is_object() != b.is_object() || a.is_array() != b.is_array()) return false;
  const std::string_view text = a.text();
  if (text.data() != nullptr && text == b.text()) return true;
  if (a.is_array())
    return std::equal(a.array().begin(), a.array().end(), b.array().begin(), b.array().end(), equal_json);
  if (!a.is_object()) return equal_scalars(a.text(), b.text());
  if (a.object().size() != b.object().size()) return false;
  return std::all_of(a.object().begin(), a.object().end(), [&b](const JsonMember& member) {
    if (JsonObject::is_gap(member)) return true;
    const JsonNode* other = b.member(member.name);
    return other != nullptr && equal_json(member.value, *other);
  });
}

void merge_patch(JsonNode& target, const JsonNode& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = JsonNode::empty_object();
  JsonObject& members = target.object();
  for (const auto& [name, value] : patch.object()) {
    if (value.is_null()) {
      members.erase(name);
    } else if (JsonNode* present = members.find(name)) {
      merge_patch(*present, value);
    } else {
      JsonNode made;
      merge_patch(made, value);
      members.put(name, std::move(made));
    }
  }
}

}  // namespace kvfs::http
