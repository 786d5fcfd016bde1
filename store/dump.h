// Everything in a store as text, and back: JSON lines that any tool can read (docs/format.md, "Dump").
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "store/progress.h"
#include "store/result.h"

namespace kvfs {

class Store;
class ReadTxn;

struct DumpOptions {
  std::string tenant;   // only this one; empty: all
  ProgressFn progress;  // step "dump", in rows
};

/// Takes one line, newline included. What it returns as an error ends the dump.
using DumpSink = std::function<Result<void>(std::string_view line)>;

/// Gives every tenant, collection, directory, value and special file, with settings and attributes, depth-first; large
/// values in parts of a chunk each, so memory is bounded. Values that have expired are left out. Returns the number of
/// entries. Errors: not_found (the tenant), corrupt (names where; see kvfs check), unsupported (rows that this version
/// cannot write down), what `sink` returns.
Result<uint64_t> dump(const ReadTxn& txn, const DumpSink& sink, const DumpOptions& options = {});
Result<uint64_t> dump(Store& store, const DumpSink& sink, const DumpOptions& options = {});

struct LoadOptions {
  bool replace = false;  // overwrite values that exist, and attributes of directories that exist
  ProgressFn progress;   // step "load", in lines; bytes are those of the input
};

struct LoadReport {
  uint64_t entries = 0;   // lines of directories, values and names that were written
  uint64_t expired = 0;   // values left out because their time had come
  uint64_t existing = 0;  // directories that existed and kept their attributes
};

/// Writes what a dump holds. Into a store without tenants it keeps versions, so that ETags stay; otherwise everything
/// gets a new one. Times and owners are always kept, inode numbers never. Quotas are not enforced. An input that can be
/// read twice (a file, not a pipe) is read through first: a malformed line, a missing end, or without `replace` a value
/// that exists, are then found before anything is written. From a pipe, what came before stays. Errors: exists (names
/// the key), invalid (names the line), unsupported, corrupt (the end is missing), as of writes.
Result<LoadReport> load(Store& store, std::istream& input, const LoadOptions& options = {});

}  // namespace kvfs
