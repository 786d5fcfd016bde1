// A Filesystem over a store in memory, and the calls tests make most.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fusefs/filesystem.h"

namespace kvfs {

class FilesystemTest : public ::testing::Test {
 protected:
  void SetUp() override { open_filesystem({}); }

  void open_filesystem(FilesystemOptions options) {
    filesystem_.reset();
    if (!store_) {
      StoreOptions store_options;
      store_options.engine.kind = "memory";
      store_options.expiry_interval_ms = 0;
      store_options.clock_ns = [this] { return now_ns_; };
      auto store = Store::open(store_options);
      ASSERT_TRUE(store) << store.error().message();
      store_ = std::move(*store);
    }
    filesystem_ = std::make_unique<Filesystem>(*store_, std::move(options));
    tenant_ = directory(kRootDir, "acme");
    collection_ = directory(tenant_, "default");
  }

  Filesystem& fs() { return *filesystem_; }

  /// The directory of this name, made if absent.
  Inode directory(Inode parent, std::string_view name) {
    auto found = fs().lookup(parent, name);
    if (found && found->inode != 0) return found->inode;
    auto made = fs().make_directory(parent, name, 0755, kRoot);
    EXPECT_TRUE(made) << name << ": " << (made ? "" : made.error().message());
    return made ? made->inode : 0;
  }

  std::unique_ptr<FileHandle> create(Inode parent, std::string_view name, int flags = O_RDWR) {
    auto created = fs().create(parent, name, 0644, flags | O_CREAT, kRoot);
    EXPECT_TRUE(created) << name << ": " << (created ? "" : created.error().message());
    return created ? std::move(created->opened.handle) : nullptr;
  }

  std::unique_ptr<FileHandle> open(Inode inode, int flags = O_RDWR) {
    auto opened = fs().open(inode, flags, kRoot);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message());
    return opened ? std::move(opened->handle) : nullptr;
  }

  Result<void> close(std::unique_ptr<FileHandle> handle) {
    auto flushed = fs().flush(*handle);
    fs().release(std::move(handle));
    return flushed;
  }

  void write(FileHandle& handle, uint64_t offset, std::string_view bytes) {
    const auto writing = (handle.flags & O_APPEND) != 0 ? Writing::at_end : Writing::at_offset;
    const auto written = fs().write(handle, offset, bytes, kRoot, writing);
    ASSERT_TRUE(written) << written.error().message();
    EXPECT_EQ(*written, bytes.size());
  }

  std::string read(FileHandle& handle, uint64_t offset, size_t length) {
    std::string out(length, '?');
    const auto got = fs().read(handle, offset, length, out.data());
    EXPECT_TRUE(got) << (got ? "" : got.error().message());
    out.resize(got ? *got : 0);
    return out;
  }

  Inode write_file(Inode parent, std::string_view name, std::string_view bytes) {
    auto handle = create(parent, name);
    const Inode inode = handle->file->inode;
    write(*handle, 0, bytes);
    EXPECT_TRUE(close(std::move(handle)));
    return inode;
  }

  Inode inode_of(Inode parent, std::string_view name) {
    const auto found = fs().lookup(parent, name);
    return found ? found->inode : 0;
  }

  struct stat stat_of(Inode inode) {
    const auto attributes = fs().attributes(inode);
    EXPECT_TRUE(attributes) << (attributes ? "" : attributes.error().message());
    return attributes ? attributes->stat : Attributes{}.stat;
  }

  /// What another door reads.
  std::string value_of(std::string_view key) {
    return store_->read([&](const ReadTxn& txn) -> std::string {
      const auto entry = get(txn, collection_, key);
      if (!entry) return "<absent>";
      auto value = read_whole_value(txn, *entry, 1 << 30);
      return value ? *value : "<unreadable>";
    });
  }

  /// What another door writes.
  void put_value(std::string_view key, std::string_view value) {
    ValueWriter writer(store_->chunks(), value.size());
    ASSERT_TRUE(writer.append(value));
    auto staged = writer.finish();
    ASSERT_TRUE(staged) << staged.error().message();
    const auto done =
        store_->write([&](WriteTxn& txn) -> Result<PutOutcome> { return put(txn, collection_, key, *staged); });
    if (done) staged->published();
    ASSERT_TRUE(done) << done.error().message();
  }

  std::vector<std::string> names_in(Inode directory, size_t per_answer = 1000) {
    std::vector<std::string> names;
    auto handle = fs().open_directory(directory);
    uint64_t offset = 0;
    for (bool more = true; more;) {
      more = false;
      size_t room = per_answer;
      const auto done =
          fs().read_directory(**handle, offset, false, [&](std::string_view name, const Node&, uint64_t next) {
            if (room == 0) return false;
            room--;
            more = true;
            offset = next;
            if (name != "." && name != "..") names.emplace_back(name);
            return true;
          });
      EXPECT_TRUE(done);
    }
    return names;
  }

  /// A number of `.kvfs/stats`.
  uint64_t stats_number(std::string_view name) {
    auto handle = open(inode_of(inode_of(kRootDir, ".kvfs"), "stats"), O_RDONLY);
    const std::string text = "\n" + read(*handle, 0, 64 * 1024);
    fs().release(std::move(handle));
    const size_t at = text.find("\n" + std::string(name) + ": ");
    EXPECT_NE(at, std::string::npos) << name << " in " << text;
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + name.size() + 3));
  }

  static constexpr Caller kRoot{0, 0};
  uint64_t now_ns_ = 1'700'000'000'000'000'000;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Filesystem> filesystem_;
  Inode tenant_ = 0;
  Inode collection_ = 0;
};

}  // namespace kvfs
