#include "tests/store/engine/fake_directory.h"

#include <cerrno>
#include <cstring>

namespace kvfs {
namespace {

using Operation = FakeDisk::Operation;

class FakeFile final : public File {
 public:
  FakeFile(std::shared_ptr<FakeDisk> disk, crash::DiskModel::FileId id, std::string path)
      : disk_(std::move(disk)), id_(id), path_(std::move(path)) {}

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    if (const int error = disk_->ask(Operation::write)) {
      disk_->model.write(id_, offset, bytes.substr(0, bytes.size() / 2));
      return io_error("pwrite", path_, error);
    }
    disk_->model.write(id_, offset, bytes);
    if (disk_->wrote) disk_->wrote(id_, offset, bytes.size());
    return {};
  }
  Result<void> append(std::string_view bytes) override { return write_at(disk_->model.size(id_), bytes); }
  Result<size_t> read_at(uint64_t offset, size_t length, char* out) const override {
    const std::string bytes = disk_->model.read(id_, offset, length);
    std::memcpy(out, bytes.data(), bytes.size());
    return bytes.size();
  }
  Result<uint64_t> size() const override { return disk_->model.size(id_); }
  Result<void> sync() override {
    const auto begun = disk_->model.begin_sync();
    if (const int error = disk_->ask(Operation::sync)) {
      disk_->model.fail_sync(id_, begun);
      return io_error("fdatasync", path_, error);
    }
    disk_->model.end_sync(id_, begun);
    return {};
  }
  Result<void> truncate(uint64_t size) override {
    if (const int error = disk_->ask(Operation::truncate)) return io_error("ftruncate", path_, error);
    disk_->model.truncate(id_, size);
    return {};
  }
  Result<void> allocate(uint64_t offset, uint64_t length) override {
    if (const int error = disk_->ask(Operation::allocate)) return io_error("fallocate", path_, error);
    if (offset + length > disk_->model.size(id_)) disk_->model.truncate(id_, offset + length);
    return {};
  }
  Result<void> punch_hole(uint64_t offset, uint64_t length) override {
    disk_->model.zero(id_, offset, length);
    return {};
  }
  Result<void> close() override { return {}; }

 private:
  const std::shared_ptr<FakeDisk> disk_;
  const crash::DiskModel::FileId id_;
  const std::string path_;
};

class FakeDirectory final : public Directory {
 public:
  explicit FakeDirectory(std::shared_ptr<FakeDisk> disk) : disk_(std::move(disk)) {}

  Result<std::unique_ptr<File>> open(const std::string& name, Open how) override {
    auto id = disk_->model.find(path_of(name));
    if (id && how == Open::create_new) return io_error("open", path_of(name), EEXIST);
    if (id)
      if (const int error = disk_->ask(Operation::open)) return io_error("open", path_of(name), error);
    if (!id) {
      if (how == Open::existing) return io_error("open", path_of(name), ENOENT);
      if (const int error = disk_->ask(Operation::create)) return io_error("open", path_of(name), error);
      id = disk_->model.create(path_of(name));
    }
    return std::unique_ptr<File>(std::make_unique<FakeFile>(disk_, *id, path_of(name)));
  }
  Result<std::vector<std::string>> list() const override { return disk_->model.names(path_); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (const int error = disk_->ask(Operation::rename)) return io_error("rename", path_of(from), error);
    disk_->model.rename(path_of(from), path_of(to));
    return {};
  }
  Result<void> unlink(const std::string& name) override {
    if (const int error = disk_->ask(Operation::unlink)) return io_error("unlink", path_of(name), error);
    disk_->model.unlink(path_of(name));
    return {};
  }
  Result<void> sync() override {
    if (const int error = disk_->ask(Operation::sync_directory)) return io_error("fsync", path_, error);
    disk_->model.sync_directory(path_);
    return {};
  }
  const std::string& path() const override { return path_; }

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  const std::shared_ptr<FakeDisk> disk_;
  const std::string path_ = "/d";
};

}  // namespace

std::unique_ptr<Directory> fake_directory(std::shared_ptr<FakeDisk> disk) {
  return std::make_unique<FakeDirectory>(std::move(disk));
}

}  // namespace kvfs
