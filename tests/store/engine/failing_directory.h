// A directory of the real file system whose operations fail on demand.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "store/engine/file.h"

namespace kvfs {

/// errno values that the operations of all directories sharing this fail with; 0: they work.
struct Faults {
  std::atomic<int> write{0};
  std::atomic<int> sync{0};
  std::atomic<int> create{0};
  std::atomic<uint64_t> syncs{0};  // that were asked for

  /// Until release_syncs() no sync ends.
  void hold_syncs() { set_held(true); }
  void release_syncs() { set_held(false); }
  /// Until a sync that was asked for is held; false: none was within a minute.
  [[nodiscard]] bool wait_for_held_sync() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [this] { return waiting_ > 0; });
  }
  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ += 1;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    waiting_ -= 1;
  }

 private:
  void set_held(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;  // guarded by mutex_
  int waiting_ = 0;    // guarded by mutex_
};

class FailingFile final : public File {
 public:
  FailingFile(std::unique_ptr<File> file, Faults& faults) : file_(std::move(file)), faults_(faults) {}
  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    if (const int error = faults_.write) {
      (void)file_->write_at(offset, bytes.substr(0, bytes.size() / 2));
      return io_error("pwrite", "file", error);
    }
    return file_->write_at(offset, bytes);
  }
  Result<void> append(std::string_view bytes) override { return file_->append(bytes); }
  Result<size_t> read_at(uint64_t offset, size_t length, char* out) const override {
    return file_->read_at(offset, length, out);
  }
  Result<uint64_t> size() const override { return file_->size(); }
  Result<void> sync() override {
    faults_.syncs += 1;
    faults_.pass();
    if (const int error = faults_.sync) return io_error("fdatasync", "file", error);
    return file_->sync();
  }
  Result<void> truncate(uint64_t size) override { return file_->truncate(size); }
  Result<void> allocate(uint64_t offset, uint64_t length) override { return file_->allocate(offset, length); }
  Result<void> punch_hole(uint64_t offset, uint64_t length) override { return file_->punch_hole(offset, length); }
  Result<void> close() override { return file_->close(); }

 private:
  const std::unique_ptr<File> file_;
  Faults& faults_;
};

class FailingDirectory final : public Directory {
 public:
  FailingDirectory(std::unique_ptr<Directory> directory, Faults& faults)
      : directory_(std::move(directory)), faults_(faults) {}
  Result<std::unique_ptr<File>> open(const std::string& name, Open how) override {
    if (const int error = faults_.create; error != 0 && how != Open::existing) return io_error("open", name, error);
    auto file = directory_->open(name, how);
    if (!file) return file.error();
    return std::unique_ptr<File>(std::make_unique<FailingFile>(std::move(*file), faults_));
  }
  Result<std::vector<std::string>> list() const override { return directory_->list(); }
  Result<void> rename(const std::string& from, const std::string& to) override { return directory_->rename(from, to); }
  Result<void> unlink(const std::string& name) override { return directory_->unlink(name); }
  Result<void> sync() override { return directory_->sync(); }
  const std::string& path() const override { return directory_->path(); }

 private:
  const std::unique_ptr<Directory> directory_;
  Faults& faults_;
};

}  // namespace kvfs
