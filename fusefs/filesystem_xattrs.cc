// Extended attributes: those that programs set, and the virtual user.kvfs.* ones, which are not listed.
#include <sys/xattr.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "fusefs/filesystem.h"
#include "fusefs/stored_xattrs.h"
#include "fusefs/virtual_xattrs.h"
#include "store/acl.h"
#include "store/privileges.h"
#include "store/typed_value.h"

namespace kvfs {

std::optional<uint64_t> parse_xattr_number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

namespace {

constexpr std::string_view kVirtualPrefix = "user.kvfs.";

constexpr std::string_view kTypeXattr = "user.kvfs.type";

std::string_view without_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

Error bad_number(std::string_view name, std::string_view expected) {
  return {Errc::invalid, std::string(name) + " takes " + std::string(expected)};
}

/// Seconds, or a number with the unit ms, s, m, h or d, in milliseconds.
std::optional<uint64_t> parse_duration_ms(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  uint64_t unit_ms = 1000;
  struct Unit {
    std::string_view suffix;
    uint64_t ms;
  };
  constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    unit_ms = unit.ms;
    text.remove_suffix(unit.suffix.size());
    break;
  }
  const auto number = parse_xattr_number(text);
  if (!number || *number > UINT64_MAX / unit_ms / 2) return std::nullopt;
  return *number * unit_ms;
}

std::string seconds_text(uint64_t ms) {
  std::string text = std::to_string(ms / 1000);
  if (const uint64_t rest = ms % 1000; rest != 0) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    while (digits.back() == '0') digits.pop_back();
    text += "." + digits;
  }
  return text;
}

}  // namespace

Result<std::string> virtual_xattr(const ReadTxn& txn, const Entry& entry, std::string_view name) {
  name.remove_prefix(kVirtualPrefix.size());
  if (name == "version") return std::to_string(entry.version);
  if (name == "expires_at" && entry.expires_ms != 0) return seconds_text(entry.expires_ms);
  if (name == "ttl" && entry.expires_ms != 0)
    return seconds_text(entry.expires_ms > txn.now_ms() ? entry.expires_ms - txn.now_ms() : 0);
  if (name == "default_ttl" && entry.default_ttl_ms != 0) return seconds_text(entry.default_ttl_ms);
  if (name == "content_type" && !entry.content_type.empty()) return std::string(entry.content_type);
  if (name == "type" && entry.kind == Kind::file) {
    return std::string(to_string(entry.type));
  }
  if (name == "keys" && entry.is_directory()) return std::to_string(entry.keys);
  if (name == "bytes" && entry.is_directory()) return std::to_string(entry.bytes);
  return Errc::no_attribute;
}

Result<AttributeChange> virtual_change(std::string_view name, std::string_view value, uint64_t now_ms) {
  const std::string_view field = name.substr(kVirtualPrefix.size());
  AttributeChange change;
  if (field == "ttl" || field == "default_ttl") {
    const auto ms = parse_duration_ms(value);
    if (!ms) return bad_number(name, "seconds, or a number with ms, s, m, h or d; 0: never");
    if (field == "ttl")
      change.expires_ms = *ms == 0 ? 0 : now_ms + *ms;
    else
      change.default_ttl_ms = *ms;
  } else if (field == "expires_at") {
    const auto seconds = parse_xattr_number(value);
    if (!seconds || *seconds > UINT64_MAX / 1000) return bad_number(name, "seconds since 1970; 0: never");
    change.expires_ms = *seconds * 1000;
  } else if (field == "content_type") {
    change.content_type = std::string(value);
  } else {
    return Error{Errc::not_permitted, std::string(name) + " cannot be set"};
  }
  return change;
}

std::optional<Error> Filesystem::refused_xattr(std::string_view name) const {
  if (is_acl_name(name)) {
    if (offers_acls()) return std::nullopt;
    return Error{Errc::unsupported, "this mount offers no access control lists ([mount] acl); use mode bits"};
  }
  for (const std::string_view prefix : {"user.", "trusted.", "security."}) {
    if (!name.starts_with(prefix) || name == "security.selinux") continue;
    if (name.size() > prefix.size()) return std::nullopt;
    return Error{Errc::invalid, "an attribute's name is more than " + std::string(prefix)};
  }
  return Error{Errc::unsupported, {}};
}

Result<std::string> Filesystem::get_xattr(Inode inode, std::string_view name) {
  if (const auto refused = refused_xattr(name)) return *refused;
  if (is_control(inode)) return get_control_xattr(inode, name);
  if (const auto removed = get_removed_xattr(inode, name)) return *removed;
  if (name == kCapabilitiesName && has_staged_bytes(inode)) return Errc::no_attribute;  // taken away by writing
  return read_in(inode, [&](const ReadTxn& txn) -> Result<std::string> {
    const auto located = locate(txn, inode);
    if (!located) return located.error();
    if (name.starts_with(kVirtualPrefix)) return virtual_xattr(txn, located->entry, name);
    if (located->entry.xattrs.empty()) return Errc::no_attribute;
    const auto value = Xattrs::find(located->entry.xattrs, name);
    if (!value) return Errc::no_attribute;
    return std::string(*value);
  });
}

Result<std::string> Filesystem::xattr_names(std::string_view encoded, const Caller& caller) const {
  const auto map = Xattrs::decode(encoded);
  if (!map) return map.error();
  std::string names;
  for (const auto& [name, value] : *map) {
    if (is_acl_name(name) && !offers_acls()) continue;
    if (name.starts_with("trusted.") && caller.uid != 0) continue;
    names.append(name).push_back('\0');
  }
  return names;
}

Result<std::string> Filesystem::list_xattrs(Inode inode, const Caller& caller) {
  if (is_control(inode)) {
    const auto encoded = control_xattrs(inode);
    return encoded ? xattr_names(*encoded, caller) : encoded;
  }
  if (const auto removed = list_removed_xattrs(inode, caller)) return *removed;
  return read_in(inode, [&](const ReadTxn& txn) -> Result<std::string> {
    const auto located = locate(txn, inode);
    if (!located) return located.error();
    return xattr_names(located->entry.xattrs, caller);
  });
}

Result<void> Filesystem::set_xattr(Inode inode, std::string_view name, std::string_view value, int flags,
                                   Caller caller) {
  if (const auto refused = refused_xattr(name)) return *refused;
  if (is_control(inode)) return set_control_xattr(inode, name, value, flags);
  if (auto live = check_live(inode); !live) return live;
  if (const auto removed = set_removed_xattr(inode, name, value, flags)) return *removed;
  if (is_acl_name(name)) return set_acl(inode, name, value, flags, caller);
  const auto file = open_files_.find(inode);
  std::unique_lock<std::shared_mutex> lock;
  if (file) lock = std::unique_lock(file->mutex);
  // What was written before is of the type it had then, and takes away no capabilities that are given now.
  if (file && (name == kTypeXattr || name == kCapabilitiesName))
    if (auto done = publish(*file, false); !done) return done;
  if (name == "user.kvfs.if_match") {
    const auto version = parse_xattr_number(value);
    if (!version) return bad_number(name, "a version, as read from user.kvfs.version");
    if (!file) return Error{Errc::not_permitted, "user.kvfs.if_match is set on a file that is open for writing"};
    file->if_match = *version;
    return {};
  }
  const auto versions = store_.write(
      [&](WriteTxn& txn) -> Result<std::pair<Version, Version>> {
        const auto located = locate(txn, inode);
        if (!located) return located.error();
        const Version before = located->entry.version;
        AttributeChange change;
        if (name == kTypeXattr) {
          const auto type = parse_value_type(without_end(value));
          if (!type) return Error{Errc::invalid, "user.kvfs.type takes bytes, counter or set"};
          const auto typed = set_type(txn, *located, *type);
          if (!typed) return typed.error();
          return std::pair(before, typed->version);
        }
        if (name.starts_with(kVirtualPrefix)) {
          auto virtual_one = virtual_change(name, value, txn.now_ms());
          if (!virtual_one) return virtual_one.error();
          change = std::move(*virtual_one);
        } else {
          auto xattrs = with_xattr(located->entry.xattrs, name, value, flags);
          if (!xattrs) return xattrs.error();
          change.xattrs = std::move(*xattrs);
        }
        const auto entry = kvfs::set_attributes(txn, *located, change);
        if (!entry) return entry.error();
        return std::pair(before, entry->version);
      },
      write_options());
  if (!versions) return versions.error();
  if (file && file->overlay.begun() && file->base_version == versions->first) file->base_version = versions->second;
  if (lock) lock.unlock();
  if (name == kTypeXattr && options_.attributes_changed) options_.attributes_changed(inode);
  return {};
}

Result<void> Filesystem::remove_xattr(Inode inode, std::string_view name) {
  if (const auto refused = refused_xattr(name)) return *refused;
  if (is_control(inode)) return remove_control_xattr(inode, name);
  if (auto live = check_live(inode); !live) return live;
  if (const auto removed = remove_removed_xattr(inode, name)) return *removed;
  if (is_acl_name(name)) return set_acl(inode, name, {}, 0, {});
  if (name == "user.kvfs.ttl" || name == "user.kvfs.expires_at" || name == "user.kvfs.default_ttl")
    return set_xattr(inode, name, "0", 0, {});
  if (name.starts_with(kVirtualPrefix)) return Error{Errc::not_permitted, std::string(name) + " cannot be removed"};
  const auto file = open_files_.find(inode);
  std::unique_lock<std::shared_mutex> lock;
  if (file) lock = std::unique_lock(file->mutex);
  const auto versions = store_.write(
      [&](WriteTxn& txn) -> Result<std::pair<Version, Version>> {
        const auto located = locate(txn, inode);
        if (!located) return located.error();
        const Version before = located->entry.version;
        auto xattrs = without_xattr(located->entry.xattrs, name);
        if (!xattrs) return xattrs.error();
        AttributeChange change;
        change.xattrs = std::move(*xattrs);
        const auto entry = kvfs::set_attributes(txn, *located, change);
        if (!entry) return entry.error();
        return std::pair(before, entry->version);
      },
      write_options());
  if (!versions) return versions.error();
  if (file && file->overlay.begun() && file->base_version == versions->first) file->base_version = versions->second;
  return {};
}

}  // namespace kvfs
