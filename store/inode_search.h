// Finds a file of which nothing but its inode number is known, as the handles of NFS name it.
#pragma once

#include "store/tree.h"

namespace kvfs {

/// Looks at every name there is, which takes as long as listing everything does: for those who have neither a name nor
/// a hint. Directories need no search (dir_path). Errors: stale (no live name leads to it).
Result<Located> search_inode(const ReadTxn& txn, Inode inode);

}  // namespace kvfs
