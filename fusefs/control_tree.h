// The subtrees of the control directories as the kernel sees them: numbers for names, for as long as it knows them.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fusefs/control_dir.h"
#include "fusefs/control_subtree.h"

namespace kvfs {

/// Inode numbers of control directories with this bit are names in a subtree.
inline constexpr Inode kSubtreeInodes = Inode{1} << 62;
inline bool is_in_subtree(Inode inode) { return is_control(inode) && (inode & kSubtreeInodes) != 0; }

/// Thread safety: all functions may be called from any thread.
class ControlTree {
 public:
  explicit ControlTree(std::vector<std::unique_ptr<ControlSubtree>> subtrees) : subtrees_(std::move(subtrees)) {}

  struct Member {
    ControlSubtree* subtree = nullptr;
    ControlPlace place;
  };
  /// What a control directory holds at this name. Errors: not_found.
  Result<Member> find_root(DirId tenant, std::string_view name) const;
  /// The names that a control directory has.
  std::vector<Member> roots(DirId tenant) const;
  /// Errors: stale.
  Result<Member> find(Inode inode) const;

  /// The number of a name; the kernel learns it once more.
  Inode remember(const Member& member);
  void forget(Inode inode, uint64_t lookups);
  /// The node and all below it stand elsewhere from now on; what stood there does not any more.
  void move(const ControlPlace& from, const ControlPlace& to);
  /// What stands there, and below it, has ended: the name means another node from now on.
  void end(const ControlPlace& place);
  /// A number for listings, which nobody can ask for.
  static Inode listed_number(const ControlPlace& place);

 private:
  struct Node {
    Member member;
    uint64_t lookups = 0;
  };
  const std::vector<std::unique_ptr<ControlSubtree>> subtrees_;
  mutable std::mutex mutex_;
  std::unordered_map<Inode, Node> nodes_;   // guarded by mutex_
  std::map<ControlPlace, Inode> by_place_;  // guarded by mutex_
  uint64_t last_number_ = 0;                // guarded by mutex_
};

}  // namespace kvfs
