// A part of the control directories whose names come and go: events, channels, transactions. Knows names and handles;
// inode numbers and the kernel's lookups are control_tree.h's business.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fusefs/caller.h"
#include "fusefs/control_handle.h"
#include "store/key.h"

namespace kvfs {

struct AttributeRequest;
struct NewNode;
struct WriteOptions;

/// A name below a control directory.
struct ControlPlace {
  DirId tenant = 0;  // whose control directory; 0: the root's
  std::string path;  // file names joined by '/', the first one stands in the control directory: "tx/T/default/key"
  friend auto operator<=>(const ControlPlace&, const ControlPlace&) = default;

  ControlPlace child(std::string_view name) const { return {tenant, path + "/" + std::string(name)}; }
  /// What follows the first component, and that without it.
  std::string_view below_root() const {
    const size_t slash = path.find('/');
    return slash == std::string::npos ? std::string_view() : std::string_view(path).substr(slash + 1);
  }
  std::string_view root() const { return std::string_view(path).substr(0, path.find('/')); }
};

/// Thread safety: all functions may be called from any thread. Errors of their own: not_found, not_permitted. Where
/// st_ino is 0, the number is given by the caller.
class ControlSubtree {
 public:
  virtual ~ControlSubtree() = default;

  /// The names that it has in a control directory; where `in_tenants` is false, only in the root's.
  struct Root {
    std::string name;
    bool in_tenants = true;
  };
  virtual std::vector<Root> roots() const = 0;

  /// False: its files belong to the owner of the control directory.
  virtual bool has_owners() const { return false; }
  virtual Result<struct stat> attributes(const ControlPlace& place) = 0;
  virtual Result<std::unique_ptr<ControlHandle>> open(const ControlPlace& place, int flags, Caller caller) = 0;
  /// Takes a name and its attributes; false: no room.
  using Sink = std::function<bool(std::string_view name, const struct stat& attributes)>;
  /// The names in a directory after the name `after` (empty: from the start), in an order of its own.
  virtual Result<void> list(const ControlPlace& directory, std::string_view after, const Sink& sink);

  virtual Result<std::unique_ptr<ControlHandle>> create(const ControlPlace& place, mode_t mode, int flags,
                                                        Caller caller);
  virtual Result<void> make_directory(const ControlPlace& place, mode_t mode, Caller caller);
  /// A symbolic link or special file, or a value without bytes.
  virtual Result<void> make_special(const ControlPlace& place, const NewNode& node);
  virtual Result<void> unlink(const ControlPlace& place);
  virtual Result<void> remove_directory(const ControlPlace& place);
  /// True: the node goes on under its new name; false: it has ended.
  virtual Result<bool> rename(const ControlPlace& from, const ControlPlace& to, bool no_replace);
  /// Out of the control directories, to a row of the store. The node has ended then.
  virtual Result<void> move_out(const ControlPlace& place, const Slot& to, bool no_replace,
                                const WriteOptions& options);
  virtual Result<void> set_attributes(const ControlPlace& place, const AttributeRequest& request);
  virtual Result<std::string> get_xattr(const ControlPlace& place, std::string_view name);
  /// Encoded, see entry.h; those that are listed.
  virtual Result<std::string> xattrs(const ControlPlace& place);
  /// `flags`: XATTR_CREATE, XATTR_REPLACE or 0.
  virtual Result<void> set_xattr(const ControlPlace& place, std::string_view name, std::string_view value, int flags);
  virtual Result<void> remove_xattr(const ControlPlace& place, std::string_view name);
  virtual Result<std::string> read_symlink(const ControlPlace& place);
};

}  // namespace kvfs
