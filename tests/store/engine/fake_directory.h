// A Directory in memory over a DiskModel, which can fail at a chosen operation and lose power.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "store/engine/file.h"
#include "tests/crash/disk_model.h"

namespace kvfs {

/// The disk, shared by directories opened on it. Thread safety: none.
struct FakeDisk {
  enum class Operation { write, sync, allocate, create, open, rename, unlink, sync_directory, truncate };

  crash::DiskModel model;
  /// Asked before each operation; an errno value makes it fail (a write stores half of its bytes first; a sync loses
  /// what it covers).
  std::function<int(Operation)> fault = [](Operation) { return 0; };
  /// Told of each write that works.
  std::function<void(crash::DiskModel::FileId, uint64_t offset, uint64_t bytes)> wrote;
  uint64_t operations = 0;

  int ask(Operation operation) {
    ++operations;
    return fault(operation);
  }
};

/// The disk's directory "/d".
std::unique_ptr<Directory> fake_directory(std::shared_ptr<FakeDisk> disk);

}  // namespace kvfs
