#include "store/entry.h"

#include <boost/json.hpp>
#include <cassert>
#include <cstring>

#include "store/byte_order.h"

namespace kvfs {

namespace {

// DO NOT CHANGE: on disk, see docs/format.md.
constexpr uint8_t kEntryFormat = 1;
constexpr uint8_t kChunkRowFormat = 1;
constexpr uint8_t kSettingsFormat = 1;

enum Flag : uint8_t {
  implicit_flag = 1,
  shadowed_flag = 2,
  chunked_flag = 4,
  extras_flag = 8,     // rdev, default TTL, content type, xattrs follow
  counters_flag = 16,  // keys and bytes follow
  state_flag = 32,     // the state of a counter or set follows
  elements_flag = 64,  // the members are element rows
  early_flag = 128,    // where the row of the expiry index stands follows
};

// Of format, kind, type, flags, four numbers of 4 bytes and eight of 8.
constexpr size_t kFixedBytes = 84;

bool has_extras(const Entry& entry) {
  return entry.rdev != 0 || entry.default_ttl_ms != 0 || !entry.content_type.empty() || !entry.xattrs.empty();
}

bool known_kind(uint8_t kind) {
  return kind >= static_cast<uint8_t>(Kind::file) && kind <= static_cast<uint8_t>(Kind::link);
}

/// Calls `field` with what every row has behind its kind, type and flags, in order.
template <typename AnyEntry, typename Field>
void fixed_fields(AnyEntry& entry, const Field& field) {
  field(entry.mode);
  field(entry.uid);
  field(entry.gid);
  field(entry.nlink);
  field(entry.inode);
  field(entry.version);
  field(entry.expires_ms);
  field(entry.size);
  field(entry.atime_ns);
  field(entry.mtime_ns);
  field(entry.ctime_ns);
  field(entry.btime_ns);
}

}  // namespace

std::string encode_entry(const Entry& entry) {
  std::string out;
  encode_entry(entry, out);
  return out;
}

void encode_entry(const Entry& entry, std::string& out) {
  const bool extras = has_extras(entry);
  const bool counters = entry.keys != 0 || entry.bytes != 0;
  const bool early = entry.indexed_early_ms != 0;
  const size_t fixed_bytes = kFixedBytes + (early ? 8 : 0) + (counters ? 16 : 0) + (extras ? 18 : 0);
  out.resize(fixed_bytes);
  char* at = out.data();
  const auto field = [&at](auto value) {
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
  };
  field(kEntryFormat);
  field(static_cast<uint8_t>(entry.kind));
  field(static_cast<uint8_t>(entry.type));
  field(static_cast<uint8_t>((entry.implicit ? implicit_flag : 0) | (entry.shadowed ? shadowed_flag : 0) |
                             (entry.chunked ? chunked_flag : 0) | (extras ? extras_flag : 0) |
                             (counters ? counters_flag : 0) | (entry.state.empty() ? 0 : state_flag) |
                             (entry.elements ? elements_flag : 0) | (early ? early_flag : 0)));
  fixed_fields(entry, field);
  if (early) field(entry.indexed_early_ms);
  if (counters) {
    field(entry.keys);
    field(entry.bytes);
  }
  if (extras) {
    field(entry.rdev);
    field(entry.default_ttl_ms);
    field(static_cast<uint16_t>(entry.content_type.size()));
    field(static_cast<uint32_t>(entry.xattrs.size()));
  }
  assert(at == out.data() + fixed_bytes);
  if (extras) out.append(entry.content_type).append(entry.xattrs);
  if (!entry.state.empty()) {
    append_le(out, static_cast<uint32_t>(entry.state.size()));
    out.append(entry.state);
  }
  out.append(entry.inline_value);
}

std::string_view decode_entry(std::string_view row, Entry& entry) {
  if (row.size() < 4 || static_cast<uint8_t>(row[0]) != kEntryFormat) return "an entry row of an unknown format";
  if (row.size() < kFixedBytes) return "a truncated entry row";
  const char* at = row.data() + 1;
  const auto field = [&at](auto& value) {
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
  };
  uint8_t kind = 0;
  uint8_t type = 0;
  uint8_t flags = 0;
  field(kind);
  field(type);
  field(flags);
  if (!known_kind(kind) || type > static_cast<uint8_t>(ValueType::set))
    return "an entry row with an unknown kind or type";
  entry.kind = static_cast<Kind>(kind);
  entry.type = static_cast<ValueType>(type);
  entry.implicit = (flags & implicit_flag) != 0;
  entry.shadowed = (flags & shadowed_flag) != 0;
  entry.elements = (flags & elements_flag) != 0;
  entry.chunked = entry.elements || (flags & chunked_flag) != 0;
  fixed_fields(entry, field);
  FieldReader in(row.substr(kFixedBytes));
  if ((flags & early_flag) != 0) entry.indexed_early_ms = in.take<uint64_t>();
  if ((flags & counters_flag) != 0) {
    entry.keys = in.take<uint64_t>();
    entry.bytes = in.take<uint64_t>();
  }
  if ((flags & extras_flag) != 0) {
    entry.rdev = in.take<uint32_t>();
    entry.default_ttl_ms = in.take<uint64_t>();
    const auto content_type_bytes = in.take<uint16_t>();
    const auto xattrs_bytes = in.take<uint32_t>();
    entry.content_type = in.take_bytes(content_type_bytes);
    entry.xattrs = in.take_bytes(xattrs_bytes);
  }
  if ((flags & state_flag) != 0) {
    const auto state_bytes = in.take<uint32_t>();
    entry.state = in.take_bytes(state_bytes);
  }
  if (in.failed()) return "a truncated entry row";
  if ((!entry.state.empty() && entry.type == ValueType::bytes) ||
      (entry.elements && (entry.type != ValueType::set || entry.state.empty())))
    return "an entry row with a state that its type has not";
  entry.inline_value = in.rest();
  const bool has_value = entry.kind == Kind::file || entry.kind == Kind::symlink;
  if (has_value && !entry.chunked && entry.inline_value.size() != entry.size)
    return "an entry row whose value has not the size it states";
  if ((!has_value || entry.chunked) && !entry.inline_value.empty()) return "an entry row with bytes after its end";
  return {};
}

Result<Entry> decode_entry(std::string_view row) {
  Entry entry;
  if (const std::string_view wrong = decode_entry(row, entry); !wrong.empty())
    return {Errc::corrupt, std::string(wrong)};
  return entry;
}

std::string encode_chunk_row(const ChunkRef& ref) {
  std::string out;
  out.reserve(17);
  append_le(out, kChunkRowFormat);
  append_le(out, ref.segment);
  append_le(out, ref.page);
  append_le(out, ref.length);
  append_le(out, ref.crc32c);
  return out;
}

Result<ChunkRef> decode_chunk_row(std::string_view row) {
  FieldReader in(row);
  const auto format = in.take<uint8_t>();
  ChunkRef ref;
  ref.segment = in.take<uint32_t>();
  ref.page = in.take<uint32_t>();
  ref.length = in.take<uint32_t>();
  ref.crc32c = in.take<uint32_t>();
  if (in.failed() || !in.rest().empty() || format != kChunkRowFormat) return {Errc::corrupt, "a malformed chunk row"};
  if (ref.length == 0 || ref.length > kChunkBytes) return {Errc::corrupt, "a chunk row with an impossible length"};
  return ref;
}

std::string encode_settings(const Settings& settings) {
  std::string out(1, static_cast<char>(kSettingsFormat));
  boost::json::object fields{{"quota_bytes", settings.quota_bytes},
                             {"quota_keys", settings.quota_keys},
                             {"fsync", settings.fsync},
                             {"require_preconditions", settings.require_preconditions}};
  if (settings.eviction) fields["eviction"] = to_string(*settings.eviction);
  if (settings.eviction_samples != 0) fields["eviction_samples"] = settings.eviction_samples;
  if (settings.trash_keep_ms) fields["trash_keep_ms"] = *settings.trash_keep_ms;
  if (settings.trash_keys != 0) fields["trash_keys"] = settings.trash_keys;
  if (settings.trash_bytes != 0) fields["trash_bytes"] = settings.trash_bytes;
  return out + boost::json::serialize(fields);
}

Result<Settings> decode_settings(std::string_view row) {
  if (row.empty() || row[0] != static_cast<char>(kSettingsFormat))
    return {Errc::corrupt, "a settings row of an unknown format"};
  boost::system::error_code error;
  const boost::json::value json = boost::json::parse(row.substr(1), error);
  if (error || !json.is_object()) return {Errc::corrupt, "a settings row that is not a JSON object"};
  const boost::json::object& fields = json.get_object();
  Settings out;
  const auto number = [&](const char* name, uint64_t& to) {
    const auto* field = fields.if_contains(name);
    if (field != nullptr && field->is_number()) to = field->to_number<uint64_t>(error);
  };
  number("quota_bytes", out.quota_bytes);
  number("quota_keys", out.quota_keys);
  number("eviction_samples", out.eviction_samples);
  number("trash_keys", out.trash_keys);
  number("trash_bytes", out.trash_bytes);
  if (fields.contains("trash_keep_ms")) number("trash_keep_ms", out.trash_keep_ms.emplace());
  if (const auto* field = fields.if_contains("eviction"); field != nullptr && field->is_string()) {
    const Result<EvictionPolicy> policy = parse_eviction_policy(std::string_view(field->get_string()));
    if (!policy) return {Errc::corrupt, "a settings row with an unknown eviction policy"};
    out.eviction = *policy;
  }
  if (const auto* field = fields.if_contains("fsync"); field != nullptr && field->is_string())
    out.fsync = std::string_view(field->get_string());
  if (const auto* field = fields.if_contains("require_preconditions"); field != nullptr && field->is_bool())
    out.require_preconditions = field->get_bool();
  if (error) return {Errc::corrupt, "a settings row with a number out of range"};
  return out;
}

}  // namespace kvfs
