// A store in memory with a clock that the test moves, one tenant and one collection.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "store/check.h"
#include "store/store.h"

namespace kvfs {

class StoreTest : public testing::Test {
 protected:
  static constexpr uint64_t kStartNs = 1'700'000'000'000'000'000;

  StoreOptions options() {
    StoreOptions options;
    options.engine.kind = "memory";
    options.expiry_interval_ms = 0;
    options.eviction.interval_ms = 0;
    options.eviction.seed = 1;
    options.clock_ns = [this] { return clock_ns_.load(); };
    return options;
  }

  void SetUp() override {
    Result<std::unique_ptr<Store>> opened = Store::open(options());
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
  }

  Result<PutOutcome> put(std::string_view key, std::string value, const PutOptions& options = {}) {
    ValueWriter writer(store_->chunks(), kValueBytesMax);
    if (Result<void> ok = writer.append(value); !ok) return ok.error();
    Result<StagedValue> staged = writer.finish();
    if (!staged) return staged.error();
    Result<PutOutcome> outcome =
        store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, key, *staged, options); });
    if (outcome) staged->published();
    return outcome;
  }

  /// The value, or "<code>".
  std::string value(std::string_view key) {
    return store_->read([&](const ReadTxn& txn) {
      const Result<Entry> entry = get(txn, collection_, key);
      if (!entry) return "<" + std::string(to_string(entry.error().code)) + ">";
      const Result<std::string> bytes = read_whole_value(txn, *entry, 1 << 30);
      return bytes ? *bytes : "<" + std::string(to_string(bytes.error().code)) + ">";
    });
  }

  bool remove(std::string_view key) {
    return store_->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection_, key); }).has_value();
  }

  /// Runs `change(txn)`; the error's name, or "ok".
  template <class Change>
  std::string write(Change&& change) {
    const Result<void> done = store_->write([&](WriteTxn& txn) -> Result<void> {
      const auto result = change(txn);
      if (!result) return result.error();
      return {};
    });
    return done ? "ok" : std::string(to_string(done.error().code));
  }

  /// All keys of the collection, joined by spaces.
  std::string keys(const ListQuery& query = {}) {
    return store_->read([&](const ReadTxn& txn) {
      std::string out;
      const auto add = [&](std::string_view key) {
        out.append(out.empty() ? "" : " ").append(key);
        return true;
      };
      list_keys(
          txn, collection_, query, [&](std::string_view key, const Entry&) { return add(key); }, add);
      return out;
    });
  }

  /// Names in a directory of the mount's view, joined by spaces; directories with '/'.
  std::string names(DirId dir) {
    return store_->read([&](const ReadTxn& txn) {
      std::string out;
      for (DirectoryCursor cursor(txn, dir, std::nullopt); cursor.valid(); cursor.next())
        out.append(out.empty() ? "" : " ").append(cursor.position());
      return out;
    });
  }

  Result<Located> locate(DirId dir, std::string_view name) {
    return store_->read([&](const ReadTxn& txn) -> Result<Located> {
      const Result<Found> found = find_name(txn, dir, name);
      if (!found) return found.error();
      return Located{found->slot, std::string(name), found->entry};
    });
  }
  DirId directory(DirId dir, std::string_view name) { return locate(dir, name)->entry.inode; }

  CollectionInfo info() {
    return store_->read([&](const ReadTxn& txn) { return list_collections(txn, tenant_).at(0); });
  }

  /// What a check of the store finds, a line each.
  std::string findings() {
    std::string out;
    for (const CheckFinding& finding : check_store(*store_).findings) out += finding.where + ": " + finding.what + "\n";
    return out;
  }

  std::atomic<uint64_t> clock_ns_{kStartNs};
  std::unique_ptr<Store> store_;
  DirId tenant_ = 0;
  DirId collection_ = 0;
};

inline NewNode new_directory() {
  NewNode node;
  node.kind = Kind::directory;
  node.mode = 0755;
  return node;
}

}  // namespace kvfs
