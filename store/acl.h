// POSIX access control lists, in the form that extended attributes have them (linux/posix_acl_xattr.h). The kernel
// enforces them; here is what becomes of them and of mode bits when either changes, and when nodes are made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/tree.h"

namespace kvfs {

inline constexpr std::string_view kAccessAclName = "system.posix_acl_access";
inline constexpr std::string_view kDefaultAclName = "system.posix_acl_default";
inline bool is_acl_name(std::string_view name) { return name == kAccessAclName || name == kDefaultAclName; }

/// A valid list. Immutable but for the permissions of its owner, group class and others.
class Acl {
 public:
  /// Errors: invalid (malformed, or against acl(5): order, number or tags of entries).
  static Result<Acl> decode(std::string_view value);
  std::string encode() const;

  /// It says no more than mode bits do.
  bool is_minimal() const;
  /// The nine mode bits that a file with this access list shows: the group's are the mask's, where there is one.
  uint32_t permissions() const;
  /// What chmod(2) does to it.
  void set_permissions(uint32_t mode);
  /// Makes of a default list the access list of a new node: takes away what the mode it is asked for does not have.
  void restrict_to(uint32_t mode);

 private:
  struct Entry {
    uint16_t tag = 0;
    uint16_t permissions = 0;
    uint32_t id = 0;
  };
  /// REQUIRES: there is one.
  Entry& entry(uint16_t tag);
  bool has_mask() const;
  std::vector<Entry> entries_;
};

/// Sets or, where `value` is empty, removes one of the two lists. An access list becomes the mode, too, and is not kept
/// where the mode says it all; mode bits of `clears_mode` go. Errors: invalid, access_denied (a default list of what is
/// no directory), unsupported (a symlink; a default list of the root); of set_attributes().
Result<Entry> set_acl(WriteTxn& txn, const Located& node, std::string_view name, std::string_view value,
                      uint32_t clears_mode);

/// Likewise, of what is no entry yet: mode and encoded attributes as they become.
struct WithAcl {
  uint32_t mode = 0;
  std::string xattrs;
};
Result<WithAcl> with_acl(bool directory, uint32_t mode, std::string_view encoded, std::string_view name,
                         std::string_view value);

/// The extended attributes of an entry whose mode becomes this.
std::string xattrs_after_chmod(std::string_view encoded, uint32_t mode);

/// What a new node gets from its directory's default list. REQUIRES: the list is not empty; no symlink.
struct InheritedAcls {
  uint32_t mode = 0;
  std::string xattrs;  // `encoded` and the lists
};
InheritedAcls inherit_acls(std::string_view default_acl, std::string_view encoded, bool directory, uint32_t mode);

}  // namespace kvfs
