#include "store/dump_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "store/text.h"

namespace kvfs {

namespace {

namespace json = boost::json;
using What = DumpLine::What;

// DO NOT CHANGE the names: docs/format.md.
struct KindName {
  Kind kind;
  std::string_view name;
};
constexpr std::array kKinds = {KindName{Kind::file, "file"},
                               KindName{Kind::symlink, "symlink"},
                               KindName{Kind::fifo, "fifo"},
                               KindName{Kind::socket, "socket"},
                               KindName{Kind::char_device, "char_device"},
                               KindName{Kind::block_device, "block_device"}};
constexpr std::array<std::string_view, 3> kTypes = {"bytes", "counter", "set"};
struct WhatName {
  What what;
  std::string_view name;
};
constexpr std::array kWhats = {
    WhatName{What::root, "root"},           WhatName{What::tenant, "tenant"}, WhatName{What::collection, "collection"},
    WhatName{What::directory, "directory"}, WhatName{What::name, "name"},     WhatName{What::part, "part"},
    WhatName{What::members, "members"},     WhatName{What::end, "end"}};
constexpr std::string_view kHeader = "kvfs-dump";

void put_bytes(json::object& to, std::string_view name, std::string_view bytes) {
  if (is_utf8(bytes))
    to[name] = bytes;
  else
    to[std::string(name) + "_b64"] = encode_base64(bytes);
}

void put_number(json::object& to, std::string_view name, uint64_t number) {
  if (number != 0) to[name] = number;
}

json::array xattrs_json(std::string_view encoded) {
  json::array out;
  const auto map = Xattrs::decode(encoded);
  if (!map) throw StoreException(map.error());
  for (const auto& [name, value] : *map) {
    json::object xattr;
    put_bytes(xattr, "name", name);
    put_bytes(xattr, "value", value);
    out.emplace_back(std::move(xattr));
  }
  return out;
}

void put_attributes(json::object& to, const DumpLine& line) {
  const Entry& entry = line.entry;
  to["mode"] = fmt::format("{:04o}", entry.mode);
  to["uid"] = entry.uid;
  to["gid"] = entry.gid;
  to["atime_ns"] = entry.atime_ns;
  to["mtime_ns"] = entry.mtime_ns;
  to["ctime_ns"] = entry.ctime_ns;
  to["btime_ns"] = entry.btime_ns;
  put_number(to, "version", entry.version);
  put_number(to, "expires_ms", entry.expires_ms);
  put_number(to, "default_ttl_ms", entry.default_ttl_ms);
  put_number(to, "rdev", entry.rdev);
  put_number(to, "link_id", line.link_id);
  if (entry.implicit) to["implicit"] = true;
  if (entry.type != ValueType::bytes) to["type"] = kTypes[static_cast<size_t>(entry.type)];
  if (!entry.content_type.empty()) put_bytes(to, "content_type", entry.content_type);
  if (!entry.xattrs.empty()) to["xattrs"] = xattrs_json(entry.xattrs);
  if (!entry.state.empty()) to["state_b64"] = encode_base64(entry.state);
  if (line.settings) to["settings"] = json::parse(encode_settings(*line.settings).substr(1));
}

std::string_view kind_name(const DumpLine& line) {
  if (line.what == What::header) return kHeader;
  for (const WhatName& known : kWhats)
    if (known.what == line.what) return known.name;
  for (const KindName& known : kKinds)
    if (known.kind == line.entry.kind) return known.name;
  throw StoreException({Errc::corrupt, "an entry of a kind that cannot be dumped"});
}

/// Takes members out of a line; the first that is malformed is remembered.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  std::optional<std::string> bytes(std::string_view name) {
    if (const auto* text = object_.if_contains(name)) {
      if (text->is_string()) return std::string(std::string_view(text->get_string()));
      fail(name);
    } else if (const auto* encoded = object_.if_contains(std::string(name) + "_b64")) {
      Result<std::string> decoded =
          encoded->is_string() ? decode_base64(std::string_view(encoded->get_string())) : Errc::invalid;
      if (decoded) return std::move(*decoded);
      fail(name);
    }
    return std::nullopt;
  }
  template <class T>
  T number(std::string_view name) {
    const auto* value = object_.if_contains(name);
    if (value == nullptr) return 0;
    boost::system::error_code error;
    const T number = value->is_int64() || value->is_uint64() ? value->to_number<T>(error) : T{};
    if (error || !(value->is_int64() || value->is_uint64())) fail(name);
    return number;
  }
  bool flag(std::string_view name) {
    const auto* value = object_.if_contains(name);
    if (value != nullptr && !value->is_bool()) fail(name);
    return value != nullptr && value->is_bool() && value->get_bool();
  }
  const json::value* find(std::string_view name) const { return object_.if_contains(name); }
  void fail(std::string_view name) {
    if (failed_.empty()) failed_ = name;
  }
  const std::string& failed() const { return failed_; }

 private:
  const json::object& object_;
  std::string failed_;
};

std::string take_xattrs(Members& members) {
  const auto* list = members.find("xattrs");
  if (list == nullptr) return {};
  Xattrs::Map map;
  for (const json::value& item : list->is_array() ? list->get_array() : json::array()) {
    static const json::object kNothing;
    Members xattr(item.is_object() ? item.get_object() : kNothing);
    auto name = xattr.bytes("name");
    auto value = xattr.bytes("value");
    if (!name || name->empty() || name->size() > 255 || !value) members.fail("xattrs");
    map.emplace_back(name.value_or(""), value.value_or(""));
  }
  std::sort(map.begin(), map.end());
  std::string encoded = list->is_array() ? Xattrs::encode(map) : std::string();
  if (!list->is_array() || encoded.size() > kXattrsBytesMax) members.fail("xattrs");
  return encoded;
}

void take_attributes(Members& members, DumpLine& line) {
  Entry& entry = line.entry;
  const std::string mode = members.bytes("mode").value_or(line.what == What::node ? "0644" : "0755");
  const auto parsed = std::from_chars(mode.data(), mode.data() + mode.size(), entry.mode, 8);
  if (parsed.ec != std::errc{} || parsed.ptr != mode.data() + mode.size() || (entry.mode & ~kModeMask) != 0)
    members.fail("mode");
  entry.uid = members.number<uint32_t>("uid");
  entry.gid = members.number<uint32_t>("gid");
  entry.atime_ns = members.number<int64_t>("atime_ns");
  entry.mtime_ns = members.number<int64_t>("mtime_ns");
  entry.ctime_ns = members.number<int64_t>("ctime_ns");
  entry.btime_ns = members.number<int64_t>("btime_ns");
  entry.version = members.number<uint64_t>("version");
  entry.expires_ms = members.number<uint64_t>("expires_ms");
  entry.default_ttl_ms = members.number<uint64_t>("default_ttl_ms");
  entry.rdev = members.number<uint32_t>("rdev");
  entry.implicit = members.flag("implicit");
  line.link_id = members.number<uint64_t>("link_id");
  if (const auto type = members.bytes("type")) {
    const auto known = std::find(kTypes.begin(), kTypes.end(), *type);
    if (known == kTypes.end()) members.fail("type");
    entry.type = static_cast<ValueType>(known - kTypes.begin());
  }
  line.content_type = members.bytes("content_type").value_or("");
  if (line.content_type.size() > kContentTypeBytesMax) members.fail("content_type");
  line.xattrs = take_xattrs(members);
  if (const auto* settings = members.find("settings")) {
    const Result<Settings> decoded = decode_settings("\x01" + json::serialize(*settings));
    if (decoded)
      line.settings = *decoded;
    else
      members.fail("settings");
  }
}

Result<void> set_kind(DumpLine& line, const std::string& kind) {
  for (const WhatName& known : kWhats)
    if (kind == known.name) {
      line.what = known.what;
      line.entry.kind = Kind::directory;
      return {};
    }
  for (const KindName& known : kKinds)
    if (kind == known.name) {
      line.what = What::node;
      line.entry.kind = known.kind;
      return {};
    }
  if (kind != kHeader) return {Errc::unsupported, fmt::format("lines of kind '{}' are not known", printable(kind))};
  line.what = What::header;
  return {};
}

/// What must be there for a line of its kind.
void check_names(Members& members, const DumpLine& line) {
  const bool in_tenant = line.what == What::tenant || line.what == What::collection || line.what == What::directory ||
                         line.what == What::node || line.what == What::name;
  if (!in_tenant) return;
  if (!check_name(line.tenant, "tenant")) members.fail("tenant");
  if (line.what == What::tenant) return;
  if (!check_name(line.collection, "collection")) members.fail("collection");
  if (line.what == What::collection) return;
  std::string_view key = line.key;
  if (line.what == What::directory) {
    if (!key.ends_with('/')) members.fail("key");
    if (key.size() > 1) key.remove_suffix(1);
  }
  if (!check_tree_key(key)) members.fail("key");
  if (line.what == What::name && line.link_id == 0) members.fail("link_id");
}

}  // namespace

std::string write_dump_line(const DumpLine& line) {
  json::object out;
  out["kind"] = kind_name(line);
  switch (line.what) {
    case What::header:
      out["format"] = line.format;
      break;
    case What::end:
      out["entries"] = line.entries;
      break;
    case What::part:
      out["offset"] = line.offset;
      put_bytes(out, "data", *line.bytes);
      break;
    case What::members:
      out["data_b64"] = encode_base64(*line.bytes);
      break;
    case What::root:
    case What::tenant:
    case What::collection:
    case What::directory:
    case What::node:
    case What::name:
      if (line.what != What::root) put_bytes(out, "tenant", line.tenant);
      if (!line.collection.empty()) put_bytes(out, "collection", line.collection);
      if (!line.key.empty()) put_bytes(out, "key", line.key);
      if (line.what == What::name)
        out["link_id"] = line.link_id;
      else
        put_attributes(out, line);
      if (line.what != What::node || (line.entry.kind != Kind::file && line.entry.kind != Kind::symlink)) break;
      if (line.bytes)
        put_bytes(out, line.entry.kind == Kind::symlink ? "target" : "value", *line.bytes);
      else
        out["size"] = line.entry.size;
      break;
  }
  std::string text = json::serialize(out);
  text.push_back('\n');
  return text;
}

Result<DumpLine> read_dump_line(std::string_view text) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) return {Errc::invalid, "not a JSON object"};
  Members members(parsed.get_object());
  DumpLine line;
  const std::string kind = members.bytes("kind").value_or("");
  if (Result<void> ok = set_kind(line, kind); !ok) return ok.error();
  line.format = members.number<uint64_t>("format");
  line.entries = members.number<uint64_t>("entries");
  line.offset = members.number<uint64_t>("offset");
  line.tenant = members.bytes("tenant").value_or("");
  line.collection = members.bytes("collection").value_or("");
  line.key = members.bytes("key").value_or("");
  take_attributes(members, line);
  if (line.what == What::node) line.state = members.bytes("state").value_or("");
  if (line.what == What::part || line.what == What::members) {
    line.bytes = members.bytes("data");
    if (!line.bytes) members.fail("data");
  } else if (line.what == What::node) {
    line.bytes = members.bytes(line.entry.kind == Kind::symlink ? "target" : "value");
    line.entry.size = line.bytes ? line.bytes->size() : members.number<uint64_t>("size");
    if (line.entry.kind == Kind::symlink && !line.bytes) members.fail("target");
    if (line.entry.kind == Kind::symlink && line.bytes && line.bytes->size() > kKeyBytesMax) members.fail("target");
    if (line.entry.size > kValueBytesMax) members.fail("size");
  }
  check_names(members, line);
  if (line.what == What::header && line.format != kDumpFormat)
    return {Errc::unsupported,
            fmt::format("the dump has format {}; this kvfs knows format {}", line.format, kDumpFormat)};
  if (!members.failed().empty()) return {Errc::invalid, fmt::format("'{}' is missing or malformed", members.failed())};
  return line;
}

}  // namespace kvfs
