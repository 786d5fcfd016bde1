// A hint to the engine that many keys are going to be read.
#pragma once

#include <span>
#include <string_view>

#include "store/txn.h"

namespace kvfs {

/// The keys are going to be read or written in this transaction. What cannot be fetched at once (keys in directories,
/// of which each has to be found first) is passed over; so is all where the engine has no use for it.
void prefetch(const ReadTxn& txn, DirId collection, std::span<const std::string_view> keys);

}  // namespace kvfs
