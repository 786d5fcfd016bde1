// The requests of libfuse's low-level API, answered by a Filesystem.
#pragma once

#include "fusefs/filesystem.h"
#include "fusefs/handle_table.h"
#include "fusefs/operation_latencies.h"

struct fuse_lowlevel_ops;

namespace kvfs {

/// What the session's user data points to.
struct OpsContext {
  Filesystem* filesystem = nullptr;
  HandleTable<FileHandle> files;
  HandleTable<DirectoryHandle> directories;
  OperationLatencies latencies;
};

/// For fuse_session_new().
const fuse_lowlevel_ops& session_operations();

}  // namespace kvfs
