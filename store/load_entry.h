// Internal to load: puts one line of a dump into the store.
#pragma once

#include <map>
#include <string>

#include "store/dump_line.h"
#include "store/tree.h"
#include "store/value.h"

namespace kvfs {

/// Files with several names that were loaded: link_id in the dump -> inode here. What a transaction adds counts once it
/// has committed.
class LoadedLinks {
 public:
  void add(uint64_t link_id, Inode inode) { added_[link_id] = inode; }
  Inode find(uint64_t link_id) const {  // 0: none
    for (const auto* links : {&added_, &committed_})
      if (const auto found = links->find(link_id); found != links->end()) return found->second;
    return 0;
  }
  void begin() { added_.clear(); }
  void commit() { committed_.merge(added_), added_.clear(); }

 private:
  std::map<uint64_t, Inode> committed_;
  std::map<uint64_t, Inode> added_;
};

struct LoadRules {
  bool replace = false;
  bool keep_versions = false;
};

enum class LoadOutcome { written, kept };

/// Makes the entry of `line` (a root, tenant, collection, directory, node or name), and directories above it where the
/// dump did not have them. `value` is that of a file. Directories that exist keep their attributes unless
/// rules.replace. Adds to `links`. Errors: exists, invalid (a name whose file was not loaded), no_space, not_permitted.
Result<LoadOutcome> load_entry(WriteTxn& txn, const DumpLine& line, const StagedValue* value, const LoadRules& rules,
                               LoadedLinks& links);

/// Errors: exists, if a value has the name of this node already.
Result<void> check_free(const ReadTxn& txn, const DumpLine& line);

}  // namespace kvfs
