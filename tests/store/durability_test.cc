// A collection's own durability holds for whatever writes there: by key (HTTP, Redis) or by name (the mount).
#include <functional>
#include <utility>
#include <vector>

#include "store/runtime.h"
#include "tests/store/store_fixture.h"
#include "tests/support/temp_dir.h"

namespace kvfs {
namespace {

class DurabilityTest : public testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.engine.path = files_ / "store";
    options.expiry_interval_ms = 0;
    options.clock_ns = [this] { return clock_ns_; };
    Result<std::unique_ptr<Store>> opened = Store::open(options);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    tenant_ = *store_->ensure_tenant("acme");
    strict_ = make_collection("strict");
    plain_ = make_collection("plain");
    set_fsync(strict_, "strict");
  }

  DirId make_collection(std::string_view name) {
    return *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, name); });
  }
  void set_fsync(DirId dir, std::string policy) {
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) -> Result<void> {
      Settings settings = settings_of(txn, dir);
      settings.fsync = policy;
      set_settings(txn, dir, settings);
      return {};
    }));
  }

  uint64_t stat(std::string_view name) const {
    for (const auto& [each, value] : store_->stats())
      if (each == name) return value;
    ADD_FAILURE() << "no statistic " << name;
    return 0;
  }

  /// Whether the transaction waited for a sync of its own.
  template <class Change>
  bool waited(Change&& change) {
    const uint64_t before = stat("commits_synced");
    const Result<void> done = store_->write([&](WriteTxn& txn) -> Result<void> {
      const auto result = change(txn);
      if (!result) return result.error();
      return {};
    });
    EXPECT_TRUE(done) << done.error().message();
    const bool synced = stat("commits_synced") != before;
    if (synced) {
      EXPECT_EQ(stat("durable_sequence"), stat("sequence"));
    }
    return synced;
  }

  static Located located(const ReadTxn& txn, DirId dir, std::string_view name) {
    const Found found = *find_name(txn, dir, name);
    return {found.slot, std::string(name), found.entry};
  }

  using Change = std::function<Result<void>(WriteTxn&, DirId)>;
  template <class T>
  static Result<void> outcome(const Result<T>& result) {
    if (!result) return result.error();
    return {};
  }

  /// One of each that the mount does in a directory, in an order in which each finds what it needs.
  static std::vector<std::pair<const char*, Change>> changes_by_name() {
    NewNode file;
    NewNode symlink;
    symlink.kind = Kind::symlink;
    symlink.target = "t";
    const auto set = [](WriteTxn& txn, DirId dir) {
      const StagedValue value = StagedValue::inlined(txn.runtime().chunks(), "1");
      return outcome(set_value(txn, located(txn, dir, "a"), value));
    };
    const auto chmod = [](WriteTxn& txn, DirId dir) {
      AttributeChange change;
      change.mode = 0600;
      return outcome(set_attributes(txn, located(txn, dir, "a"), change));
    };
    return {
        {"create", [=](WriteTxn& txn, DirId dir) { return outcome(make_node(txn, dir, "a", file)); }},
        {"write", set},
        {"chmod", chmod},
        {"symlink", [=](WriteTxn& txn, DirId dir) { return outcome(make_node(txn, dir, "l", symlink)); }},
        {"mkdir", [](WriteTxn& txn, DirId dir) { return outcome(make_node(txn, dir, "d", new_directory())); }},
        {"link", [](WriteTxn& txn, DirId dir) { return outcome(link(txn, located(txn, dir, "a"), dir, "b")); }},
        {"rename",
         [](WriteTxn& txn, DirId dir) {
           return outcome(rename(txn, {dir, "b", false}, {dir, "c", false}, RenameMode::replace));
         }},
        {"unlink",
         [](WriteTxn& txn, DirId dir) {
           return unlink(txn, {dir, "c", false});
         }},
        {"rmdir", [](WriteTxn& txn, DirId dir) { return remove_directory(txn, dir, "d"); }},
    };
  }

  static std::vector<std::pair<const char*, Change>> changes_by_key() {
    return {
        {"put", [](WriteTxn& txn, DirId dir) { return outcome(put(txn, dir, "k/a", std::string_view("1"))); }},
        {"expire", [](WriteTxn& txn, DirId dir) { return outcome(set_expiry(txn, dir, "k/a", txn.now_ms() + 1000)); }},
        {"copy", [](WriteTxn& txn, DirId dir) { return outcome(copy_key(txn, dir, "k/a", dir, "k/b")); }},
        {"rename", [](WriteTxn& txn, DirId dir) { return outcome(rename_key(txn, dir, "k/a", dir, "k/c")); }},
        {"remove", [](WriteTxn& txn, DirId dir) { return outcome(remove(txn, dir, "k/b")); }},
        {"clear", [](WriteTxn& txn, DirId dir) { return outcome(clear_collection(txn, dir, 100)); }},
    };
  }

  void expect_all_wait(DirId dir, bool expected) {
    for (const auto& changes : {changes_by_name(), changes_by_key()})
      for (const auto& each : changes)
        EXPECT_EQ(waited([&](WriteTxn& txn) { return each.second(txn, dir); }), expected) << each.first;
  }

  const test::TempDir files_;
  uint64_t clock_ns_ = 1'700'000'000'000'000'000;
  std::unique_ptr<Store> store_;
  DirId tenant_ = 0;
  DirId strict_ = 0;
  DirId plain_ = 0;
};

TEST_F(DurabilityTest, EveryChangeInAStrictCollectionIsDurableWhenItIsAcknowledged) { expect_all_wait(strict_, true); }

TEST_F(DurabilityTest, ItsNeighboursDoNotPayForIt) { expect_all_wait(plain_, false); }

TEST_F(DurabilityTest, DirectoriesBelowFollowTheirCollection) {
  const DirId below = store_
                          ->write([&](WriteTxn& txn) -> Result<DirId> {
                            const Result<Entry> made = make_node(txn, strict_, "below", new_directory());
                            if (!made) return made.error();
                            return made->inode;
                          })
                          .value();
  expect_all_wait(below, true);
}

TEST_F(DurabilityTest, TheStricterOneOfABatchWins) {
  EXPECT_TRUE(waited([&](WriteTxn& txn) -> Result<void> {
    if (auto done = put(txn, plain_, "a", std::string_view("1")); !done) return done.error();
    if (auto done = put(txn, strict_, "a", std::string_view("1")); !done) return done.error();
    return outcome(put(txn, plain_, "b", std::string_view("1")));
  }));
}

TEST_F(DurabilityTest, WhatMovesIsAsDurableAsTheStricterEnd) {
  const auto move = [&](DirId from, DirId to) {
    return waited([&](WriteTxn& txn) {
      return rename(txn, {from, "a", false}, {to, "a", false}, RenameMode::replace);
    });
  };
  ASSERT_FALSE(waited([&](WriteTxn& txn) { return put(txn, plain_, "a", std::string_view("1")); }));
  EXPECT_TRUE(move(plain_, strict_));
  EXPECT_TRUE(move(strict_, plain_));
}

TEST_F(DurabilityTest, ATenantsPolicyHoldsInAllItsCollections) {
  set_fsync(tenant_, "strict");
  expect_all_wait(plain_, true);
  EXPECT_TRUE(waited([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "third"); }));
}

TEST_F(DurabilityTest, APolicyThatIsTakenBackHoldsNoMore) {
  set_fsync(strict_, "");
  expect_all_wait(strict_, false);
}

TEST_F(DurabilityTest, WhatExpiresByItselfWaitsForNobody) {
  PutOptions options;
  options.expires_ms = clock_ns_ / 1'000'000 + 10;
  ASSERT_TRUE(waited([&](WriteTxn& txn) { return put(txn, strict_, "a", std::string_view("1"), options); }));
  clock_ns_ += 20'000'000;
  const uint64_t before = stat("commits_synced");
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(stat("commits_synced"), before);
}

}  // namespace
}  // namespace kvfs
