// Entries of the store as struct stat.
#pragma once

#include <sys/stat.h>

#include <cstdint>

#include "store/entry.h"
#include "store/txn.h"

namespace kvfs {

/// S_IFREG, S_IFDIR ... of a kind.
mode_t file_type(Kind kind);
/// The kind of S_IFMT bits; Kind::file for none. Errors: invalid.
Result<Kind> kind_of(mode_t mode);

timespec to_timespec(int64_t ns);
/// What 64 bits of nanoseconds cannot tell (before 1677, after 2262) is the nearest time that they can.
int64_t to_ns(const timespec& time);

/// `entry` was decoded from `txn`.
struct stat to_stat(const ReadTxn& txn, const Entry& entry);

}  // namespace kvfs
