#include "store/acl.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <algorithm>

#include "store/byte_order.h"

namespace kvfs {
namespace {

constexpr size_t kHeadBytes = 4;
constexpr size_t kEntryBytes = 8;
constexpr uint32_t kPermissions = 0777;
constexpr uint16_t kAllPermissions = ACL_READ | ACL_WRITE | ACL_EXECUTE;

bool names_somebody(uint16_t tag) { return tag == ACL_USER || tag == ACL_GROUP; }

/// Sets an attribute, or removes it where the value is empty.
void set_attribute(Xattrs::Map& map, std::string_view name, std::string value) {
  std::erase_if(map, [&](const auto& attribute) { return attribute.first == name; });
  if (!value.empty()) map.emplace_back(name, std::move(value));
}

std::string encode_attributes(const Xattrs::Map& map) { return map.empty() ? std::string() : Xattrs::encode(map); }

}  // namespace

Result<Acl> Acl::decode(std::string_view value) {
  const Error malformed{Errc::invalid, "malformed access control list"};
  FieldReader in(value);
  if (in.take<uint32_t>() != POSIX_ACL_XATTR_VERSION || in.failed() || in.rest().size() % kEntryBytes != 0)
    return malformed;
  Acl acl;
  uint16_t tag_before = 0;
  bool wants_mask = false;
  while (!in.rest().empty()) {
    Entry entry;
    entry.tag = in.take<uint16_t>();
    entry.permissions = in.take<uint16_t>();
    entry.id = in.take<uint32_t>();
    const bool known = entry.tag == ACL_USER_OBJ || entry.tag == ACL_USER || entry.tag == ACL_GROUP_OBJ ||
                       entry.tag == ACL_GROUP || entry.tag == ACL_MASK || entry.tag == ACL_OTHER;
    // Tags are in the order of their numbers, and only named users and groups may come more than once.
    const bool in_order = entry.tag > tag_before || (entry.tag == tag_before && names_somebody(entry.tag));
    if (!known || !in_order || (entry.permissions & ~kAllPermissions) != 0) return malformed;
    tag_before = entry.tag;
    wants_mask |= names_somebody(entry.tag);
    if (!names_somebody(entry.tag)) entry.id = UINT32_MAX;
    acl.entries_.push_back(entry);
  }
  for (const int tag : {ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER})
    if (std::none_of(acl.entries_.begin(), acl.entries_.end(), [&](const Entry& e) { return e.tag == tag; }))
      return malformed;
  if (wants_mask && !acl.has_mask()) return malformed;
  return acl;
}

std::string Acl::encode() const {
  std::string value;
  value.reserve(kHeadBytes + entries_.size() * kEntryBytes);
  append_le(value, uint32_t{POSIX_ACL_XATTR_VERSION});
  for (const Entry& entry : entries_) {
    append_le(value, entry.tag);
    append_le(value, entry.permissions);
    append_le(value, entry.id);
  }
  return value;
}

Acl::Entry& Acl::entry(uint16_t tag) {
  return *std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.tag == tag; });
}

bool Acl::has_mask() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& e) { return e.tag == ACL_MASK; });
}

bool Acl::is_minimal() const { return entries_.size() == 3; }

uint32_t Acl::permissions() const {
  uint32_t mode = 0;
  const bool masked = has_mask();
  for (const Entry& entry : entries_) {
    if (entry.tag == ACL_USER_OBJ) mode |= uint32_t{entry.permissions} << 6;
    if (entry.tag == (masked ? ACL_MASK : ACL_GROUP_OBJ)) mode |= uint32_t{entry.permissions} << 3;
    if (entry.tag == ACL_OTHER) mode |= entry.permissions;
  }
  return mode;
}

void Acl::set_permissions(uint32_t mode) {
  entry(ACL_USER_OBJ).permissions = mode >> 6 & kAllPermissions;
  entry(has_mask() ? ACL_MASK : ACL_GROUP_OBJ).permissions = mode >> 3 & kAllPermissions;
  entry(ACL_OTHER).permissions = mode & kAllPermissions;
}

void Acl::restrict_to(uint32_t mode) { set_permissions(permissions() & mode); }

Result<WithAcl> with_acl(bool directory, uint32_t mode, std::string_view encoded, std::string_view name,
                         std::string_view value) {
  auto map = Xattrs::decode(encoded);
  if (!map) return map.error();
  std::string kept;
  if (!value.empty()) {
    const auto acl = Acl::decode(value);
    if (!acl) return acl.error();
    if (name == kAccessAclName) {
      mode = (mode & ~kPermissions) | acl->permissions();
      if (!acl->is_minimal()) kept = acl->encode();
    } else {
      if (!directory) return {Errc::access_denied, "only directories pass on access control lists"};
      kept = acl->encode();
    }
  }
  set_attribute(*map, name, std::move(kept));
  return WithAcl{mode, encode_attributes(*map)};
}

Result<Entry> set_acl(WriteTxn& txn, const Located& node, std::string_view name, std::string_view value,
                      uint32_t clears_mode) {
  const Entry& entry = node.entry;
  if (entry.kind == Kind::symlink) return {Errc::unsupported, "a symbolic link has no access control list"};
  if (entry.inode == kRootDir && name == kDefaultAclName && !value.empty())
    return {Errc::unsupported, "tenants inherit no access control list"};
  auto changed = with_acl(entry.is_directory(), entry.mode, entry.xattrs, name, value);
  if (!changed) return changed.error();
  AttributeChange change;
  if (name == kAccessAclName && !value.empty()) change.mode = changed->mode & ~clears_mode;
  change.xattrs = std::move(changed->xattrs);
  return set_attributes(txn, node, change);
}

std::string xattrs_after_chmod(std::string_view encoded, uint32_t mode) {
  const auto value = Xattrs::find(encoded, kAccessAclName);
  auto acl = value ? Acl::decode(*value) : Result<Acl>(Errc::no_attribute);
  auto map = Xattrs::decode(encoded);
  if (!acl || !map) return std::string(encoded);
  acl->set_permissions(mode);
  set_attribute(*map, kAccessAclName, acl->encode());
  return encode_attributes(*map);
}

InheritedAcls inherit_acls(std::string_view default_acl, std::string_view encoded, bool directory, uint32_t mode) {
  auto acl = Acl::decode(default_acl);
  auto map = Xattrs::decode(encoded);
  if (!acl || !map) return {mode, std::string(encoded)};
  acl->restrict_to(mode);
  if (!acl->is_minimal()) set_attribute(*map, kAccessAclName, acl->encode());
  if (directory) set_attribute(*map, kDefaultAclName, std::string(default_acl));
  return {(mode & ~kPermissions) | acl->permissions(), encode_attributes(*map)};
}

}  // namespace kvfs
