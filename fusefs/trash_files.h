// `.kvfs/trash`: what was removed, as files that can be read, moved back, and removed for good.
#pragma once

#include "fusefs/control_subtree.h"
#include "store/store.h"

namespace kvfs {

/// In the root's control directory the tenant's name comes first. Thread safety: all functions may be called from any
/// thread.
class TrashFiles final : public ControlSubtree {
 public:
  explicit TrashFiles(Store& store) : store_(store) {}

  std::vector<Root> roots() const override { return {{"trash"}}; }
  bool has_owners() const override { return true; }
  Result<struct stat> attributes(const ControlPlace& place) override;
  Result<std::unique_ptr<ControlHandle>> open(const ControlPlace& place, int flags, Caller caller) override;
  Result<void> list(const ControlPlace& directory, std::string_view after, const Sink& sink) override;
  /// For good.
  Result<void> unlink(const ControlPlace& place) override;
  /// Empties the directory, which stays.
  Result<void> remove_directory(const ControlPlace& place) override;
  Result<void> move_out(const ControlPlace& place, const Slot& to, bool no_replace,
                        const WriteOptions& options) override;
  Result<void> set_attributes(const ControlPlace& place, const AttributeRequest& request) override;
  Result<std::string> get_xattr(const ControlPlace& place, std::string_view name) override;

 private:
  struct Target {
    DirId tenant = 0;  // 0: the directory of all tenants
    Version id = 0;    // 0: the tenant's directory
  };
  /// Errors: not_found.
  Result<Target> target(const ReadTxn& txn, const ControlPlace& place) const;
  Result<Target> target(const ControlPlace& place) const;
  /// The removed value. Errors: not_found, is_directory.
  Result<Trashed> find(const ReadTxn& txn, const ControlPlace& place) const;
  Result<void> empty(DirId tenant);

  Store& store_;
};

}  // namespace kvfs
