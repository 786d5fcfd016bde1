#include "store/trash.h"

#include <algorithm>
#include <vector>

#include "store/check.h"
#include "store/key_state.h"
#include "store/trash_rows.h"
#include "store/typed_value.h"
#include "tests/store/store_fixture.h"
#include "tests/support/temp_dir.h"

namespace kvfs {
namespace {

constexpr uint64_t kHourMs = 3'600'000;

class TrashTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_->set_trash(trash_);
  }
  void TearDown() override { EXPECT_EQ(findings(), ""); }

  std::string findings() {
    std::string out;
    for (const CheckFinding& finding : check_store(*store_).findings) out += finding.where + ": " + finding.what + "\n";
    return out;
  }

  /// "collection/key=value" of all that was removed, the oldest first, joined by spaces.
  std::string trash() { return trash_of(tenant_); }
  std::string trash_of(DirId tenant) {
    return store_->read([&](const ReadTxn& txn) {
      std::string out;
      list_trash(txn, tenant, 0, [&](const Trashed& item) {
        const std::string value = *read_whole_value(txn, item.entry, 1 << 30);
        out.append(out.empty() ? "" : " ").append(item.collection).append("/").append(item.key);
        out.append("=").append(value.size() > 100 ? std::to_string(value.size()) : value);
        return true;
      });
      return out;
    });
  }
  std::vector<Version> ids() {
    return store_->read([&](const ReadTxn& txn) {
      std::vector<Version> out;
      list_trash(txn, tenant_, 0, [&](const Trashed& item) {
        out.push_back(item.id);
        return true;
      });
      return out;
    });
  }
  TrashUse use() {
    return store_->read([&](const ReadTxn& txn) { return trash_use(txn, tenant_); });
  }
  std::string restore(Version id, bool replace = false) {
    return write([&](WriteTxn& txn) { return restore_trashed(txn, tenant_, id, replace); });
  }
  void pass_ms(uint64_t ms) { clock_ns_ += ms * 1'000'000; }
  void set(DirId dir, const Settings& settings) {
    ASSERT_EQ(write([&](WriteTxn& txn) -> Result<void> {
                set_settings(txn, dir, settings);
                return {};
              }),
              "ok");
  }

  TrashOptions trash_{.keep_ms = kHourMs};
};

TEST_F(TrashTest, ByDefaultNothingIsKept) {
  store_->set_trash({});
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(remove("a"));
  EXPECT_EQ(trash(), "");
  const auto rows = store_->engine().snapshot();
  const auto cursor = rows->cursor();
  cursor->seek(std::string(1, static_cast<char>(Table::trash)));
  EXPECT_FALSE(cursor->valid() && cursor->key().front() == static_cast<char>(Table::trash));
}

TEST_F(TrashTest, WhatIsRemovedByAnyWayIsKept) {
  for (const char* key : {"removed", "unlinked", "replaced", "renamed/over", "flushed", "dir/below"})
    ASSERT_TRUE(put(key, key));
  ASSERT_TRUE(put("new", "new"));
  ASSERT_TRUE(put("newer", "newer"));
  ASSERT_TRUE(remove("removed"));
  EXPECT_EQ(write([&](WriteTxn& txn) { return unlink(txn, {collection_, "unlinked", false}); }), "ok");
  EXPECT_EQ(write([&](WriteTxn& txn) {
              return rename(txn, {collection_, "new", false}, {collection_, "replaced", false}, RenameMode::replace);
            }),
            "ok");
  EXPECT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "newer", collection_, "renamed/over"); }),
            "ok");
  EXPECT_EQ(trash(),
            "default/removed=removed default/unlinked=unlinked default/replaced=replaced "
            "default/renamed/over=renamed/over");
  EXPECT_EQ(write([&](WriteTxn& txn) { return clear_collection(txn, collection_, 100, true); }), "ok");
  EXPECT_EQ(use().keys, 8U);
  EXPECT_EQ(keys(), "");
}

TEST_F(TrashTest, WhatIsOverwrittenExpiresIsEvictedOrHasAnotherNameIsNotKept) {
  PutOptions expiring;
  expiring.expires_ms = store_->now_ms() + 1000;
  ASSERT_TRUE(put("expiring", "1", expiring));
  ASSERT_TRUE(put("overwritten", "1"));
  ASSERT_TRUE(put("overwritten", "2"));
  ASSERT_TRUE(put("linked", "1"));
  const Located file = *locate(collection_, "linked");
  ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, file, collection_, "second"); }), "ok");
  ASSERT_TRUE(remove("linked"));
  pass_ms(2000);
  ASSERT_EQ(*store_->sweep_expired(), 1U);
  const std::string_view members[] = {"a", "b"};
  ASSERT_EQ(write([&](WriteTxn& txn) { return add_members(txn, collection_, "set", members, {}); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return remove_members(txn, collection_, "set", members); }), "ok");
  EXPECT_EQ(value("set"), "<not_found>");
  Settings settings;
  settings.eviction = EvictionPolicy::allkeys_random;
  settings.quota_keys = 2;
  set(tenant_, settings);
  ASSERT_TRUE(put("more", "1"));
  EXPECT_EQ(store_->usage(tenant_).evicted, 1U);
  EXPECT_EQ(trash(), "");
  ASSERT_TRUE(put("last", "1"));
}

TEST_F(TrashTest, TheLastNameOfALinkedFileIsKept) {
  ASSERT_TRUE(put("first", std::string(20'000, 'x')));
  const Located file = *locate(collection_, "first");
  ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, file, collection_, "second"); }), "ok");
  ASSERT_TRUE(remove("first"));
  ASSERT_TRUE(remove("second"));
  EXPECT_EQ(trash(), "default/second=20000");
  EXPECT_EQ(restore(ids().at(0)), "ok");
  EXPECT_EQ(locate(collection_, "second")->entry.nlink, 1U);
}

TEST_F(TrashTest, ARestoredValueIsWhatItWas) {
  PutOptions options;
  options.content_type = "image/png";
  options.expires_ms = store_->now_ms() + 10 * kHourMs;
  const std::string bytes(150'000, 'p');
  ASSERT_TRUE(put("dir/picture", bytes, options));
  const DirId dir = directory(collection_, "dir");
  const std::string xattrs = Xattrs::encode({{"user.note", "mine"}});
  AttributeChange change;
  change.mode = 0640;
  change.uid = 7;
  change.gid = 8;
  change.mtime_ns = 1'600'000'000'123'456'789;
  change.xattrs = xattrs;
  const Located node = *locate(dir, "picture");
  ASSERT_EQ(write([&](WriteTxn& txn) { return set_attributes(txn, node, change); }), "ok");
  const Entry before = locate(dir, "picture")->entry;
  ASSERT_TRUE(remove("dir/picture"));
  pass_ms(1000);
  const uint64_t last = store_->feed().last();
  ASSERT_EQ(restore(ids().at(0)), "ok");
  EXPECT_EQ(value("dir/picture"), bytes);
  store_->read([&](const ReadTxn& txn) {
    const Entry after = *get(txn, collection_, "dir/picture");
    EXPECT_EQ(after.mode, 0640U);
    EXPECT_EQ(after.uid, 7U);
    EXPECT_EQ(after.gid, 8U);
    EXPECT_EQ(after.inode, before.inode);
    EXPECT_EQ(after.mtime_ns, before.mtime_ns);
    EXPECT_EQ(after.btime_ns, before.btime_ns);
    EXPECT_GT(after.ctime_ns, before.ctime_ns);
    EXPECT_GT(after.version, before.version);
    EXPECT_EQ(after.expires_ms, *options.expires_ms);
    EXPECT_EQ(after.content_type, "image/png");
    EXPECT_EQ(after.xattrs, xattrs);
  });
  EXPECT_EQ(info().keys, 1U);
  EXPECT_EQ(info().bytes, bytes.size());
  EXPECT_EQ(use(), TrashUse{});
  const auto changes = store_->feed().read(last, 10).changes;
  ASSERT_EQ(changes.size(), 2U) << "the directory, and then";
  EXPECT_EQ(changes.at(1)->kind, ChangeKind::put);
  EXPECT_TRUE(changes.at(1)->created);
  EXPECT_EQ(changes.at(1)->key, "dir/picture");
}

TEST_F(TrashTest, CountersAndSetsComeBackAsSuch) {
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back("member" + std::to_string(i));
  const std::vector<std::string_view> members(names.begin(), names.end());
  ASSERT_EQ(write([&](WriteTxn& txn) { return add_members(txn, collection_, "set", members, {}); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return add_to_counter(txn, collection_, "counter", 41, {}); }), "ok");
  ASSERT_TRUE(remove("set"));
  ASSERT_TRUE(remove("counter"));
  for (const Version id : ids()) ASSERT_EQ(restore(id), "ok");
  EXPECT_EQ(write([&](WriteTxn& txn) { return add_to_counter(txn, collection_, "counter", 1, {}); }), "ok");
  EXPECT_EQ(value("counter"), "42\n");
  store_->read([&](const ReadTxn& txn) {
    const Entry set = *get(txn, collection_, "set");
    EXPECT_EQ(SetReader(txn, set).size(), 400U);
    EXPECT_TRUE(SetReader(txn, set).contains("member7"));
  });
  ASSERT_TRUE(remove("set"));
  ASSERT_EQ(write([&](WriteTxn& txn) { return empty_trash(txn, tenant_); }), "ok");
  ASSERT_TRUE(store_->purge_elements());
}

TEST_F(TrashTest, TheSameKeyRemovedTwiceIsThereTwiceAndTheLastOneIsFound) {
  for (const char* value : {"one", "two"}) {
    ASSERT_TRUE(put("a", value));
    ASSERT_TRUE(remove("a"));
  }
  EXPECT_EQ(trash(), "default/a=one default/a=two");
  const Version last =
      store_->read([&](const ReadTxn& txn) { return find_last_trashed(txn, tenant_, "default", "a")->id; });
  ASSERT_EQ(restore(last), "ok");
  EXPECT_EQ(value("a"), "two");
  EXPECT_EQ(restore(last), "not_found");
}

TEST_F(TrashTest, NoListingAndNoCountKnowsOfIt) {
  ASSERT_TRUE(put("kept", "12345"));
  ASSERT_TRUE(put("gone/away", std::string(30'000, 'x')));
  ASSERT_TRUE(remove("gone/away"));
  EXPECT_EQ(keys(), "kept");
  EXPECT_EQ(names(collection_), "kept");
  EXPECT_EQ(names(tenant_), "default/");
  EXPECT_EQ(info().keys, 1U);
  const Store::Usage usage = store_->usage(tenant_);
  EXPECT_EQ(usage.keys, 1U);
  EXPECT_EQ(usage.bytes, 5U);
  EXPECT_EQ(usage.trash_keys, 1U);
  EXPECT_EQ(usage.trash_bytes, 30'000U);
}

TEST_F(TrashTest, ItGoesWhenItsTimeHasCome) {
  ASSERT_TRUE(put("a", std::string(20'000, 'x')));
  ASSERT_TRUE(put("b", "1"));
  ASSERT_TRUE(remove("a"));
  const Version id = ids().at(0);
  pass_ms(kHourMs - 1);
  ASSERT_TRUE(remove("b"));
  EXPECT_EQ(*store_->sweep_trash(), 0U);
  pass_ms(1);
  EXPECT_EQ(trash(), "default/b=1") << "not seen any more, swept or not";
  EXPECT_EQ(restore(id), "not_found");
  EXPECT_EQ(use().keys, 2U);
  EXPECT_EQ(*store_->sweep_trash(), 1U);
  EXPECT_EQ(use(), (TrashUse{1, 1}));
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(store_->chunks().bytes_used(), 0U);
}

TEST_F(TrashTest, AValueThatExpiresDoesNotOutliveItsExpiryThere) {
  PutOptions expiring;
  expiring.expires_ms = store_->now_ms() + 1000;
  ASSERT_TRUE(put("secret", "1", expiring));
  ASSERT_TRUE(remove("secret"));
  pass_ms(1000);
  EXPECT_EQ(trash(), "");
  EXPECT_EQ(*store_->sweep_trash(), 1U);
}

TEST_F(TrashTest, BeyondItsBoundsTheOldestGoesFirst) {
  trash_.keys_max = 3;
  trash_.bytes_max = 20;
  store_->set_trash(trash_);
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(put(key, "123"));
    ASSERT_TRUE(remove(key));
  }
  EXPECT_EQ(*store_->sweep_trash(), 1U);
  EXPECT_EQ(trash(), "default/b=123 default/c=123 default/d=123");
  ASSERT_TRUE(put("e", "1234567890123456"));
  ASSERT_TRUE(remove("e"));
  EXPECT_EQ(*store_->sweep_trash(), 2U);
  EXPECT_EQ(trash(), "default/d=123 default/e=1234567890123456");
}

TEST_F(TrashTest, AMassOfRemovalsIsBroughtWithinTheBounds) {
  trash_.keys_max = 10;
  store_->set_trash(trash_);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put("k" + std::to_string(i), "1"));
  while (*store_->write([&](WriteTxn& txn) { return clear_collection(txn, collection_, 300); }) > 0) {
  }
  EXPECT_EQ(*store_->sweep_trash(), 990U);
  EXPECT_EQ(use(), (TrashUse{10, 10}));
}

TEST_F(TrashTest, WhatIsLargerThanTheTrashGoesAtOnce) {
  trash_.bytes_max = 1000;
  store_->set_trash(trash_);
  ASSERT_TRUE(put("large", std::string(1001, 'x')));
  ASSERT_TRUE(remove("large"));
  EXPECT_EQ(trash(), "");
}

TEST_F(TrashTest, ATenantIsNeverRefusedAWriteForItsTrash) {
  Settings settings;
  settings.quota_bytes = 1000;
  settings.quota_keys = 5;
  set(tenant_, settings);
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(put("a", std::string(900, 'x'))) << round;
    ASSERT_TRUE(remove("a"));
  }
  EXPECT_EQ(use().bytes, 4500U);
  ASSERT_TRUE(store_->sweep_trash());
  EXPECT_EQ(use().bytes, 900U) << "what the quota leaves";
  ASSERT_TRUE(put("b", std::string(200, 'x')));
  ASSERT_TRUE(store_->sweep_trash());
  EXPECT_EQ(use(), TrashUse{});
}

TEST_F(TrashTest, CollectionsAndTenantsHaveTheirOwnPeriods) {
  const DirId logs = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "logs"); });
  const DirId other = *store_->ensure_tenant("other");
  const DirId others = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, other, "default"); });
  Settings settings;
  settings.trash_keep_ms = 0;
  set(logs, settings);
  settings.trash_keep_ms = 1000;
  settings.trash_keys = 1;
  set(other, settings);
  ASSERT_TRUE(put("a", "1"));
  for (const DirId dir : {logs, others})
    for (const char* key : {"a", "b"})
      ASSERT_EQ(write([&](WriteTxn& txn) { return kvfs::put(txn, dir, key, std::string_view("1")); }), "ok");
  ASSERT_TRUE(remove("a"));
  for (const DirId dir : {logs, others})
    for (const char* key : {"a", "b"})
      ASSERT_EQ(write([&](WriteTxn& txn) { return kvfs::remove(txn, dir, key); }), "ok");
  ASSERT_TRUE(store_->sweep_trash());
  EXPECT_EQ(trash(), "default/a=1");
  EXPECT_EQ(trash_of(other), "default/b=1");
  pass_ms(1000);
  EXPECT_EQ(trash_of(other), "");
  EXPECT_EQ(trash(), "default/a=1");
  store_->set_trash({});
  settings.trash_keep_ms = kHourMs;
  set(logs, settings);
  ASSERT_EQ(write([&](WriteTxn& txn) { return kvfs::put(txn, logs, "c", std::string_view("1")); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return kvfs::remove(txn, logs, "c"); }), "ok");
  EXPECT_EQ(trash(), "default/a=1 logs/c=1") << "a collection may have a trash where nobody else has";
}

TEST_F(TrashTest, AnOpenFileGoesThereWhenItIsClosed) {
  ASSERT_TRUE(put("open", std::string(20'000, 'o')));
  const Inode inode = locate(collection_, "open")->entry.inode;
  store_->hold_inode(inode, {collection_, "open", false});
  ASSERT_TRUE(remove("open"));
  EXPECT_EQ(trash(), "");
  EXPECT_EQ(findings(), "");
  store_->release_inode(inode);
  EXPECT_EQ(trash(), "default/open=20000");
  EXPECT_EQ(restore(ids().at(0)), "ok");
  EXPECT_EQ(value("open").size(), 20'000U);
}

TEST_F(TrashTest, ValuesComeBackAtOtherPlacesToo) {
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(remove("a"));
  ASSERT_TRUE(put("b", "1"));
  ASSERT_TRUE(remove("b"));
  ASSERT_TRUE(put("c", "1"));
  ASSERT_TRUE(remove("c"));
  const std::vector<Version> id = ids();
  EXPECT_EQ(write([&](WriteTxn& txn) {
              return restore_trashed(txn, tenant_, id.at(0), RestoreTarget{"fresh", "x/y", false});
            }),
            "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "dir", new_directory()); }), "ok");
  const DirId dir = directory(collection_, "dir");
  EXPECT_EQ(write([&](WriteTxn& txn) { return restore_trashed(txn, tenant_, id.at(1), dir, "name", false); }), "ok");
  EXPECT_EQ(value("dir/name"), "1");
  const auto into = [&](DirId where, std::string_view name, bool replace) {
    return write([&](WriteTxn& txn) { return restore_trashed(txn, tenant_, id.at(2), where, name, replace); });
  };
  EXPECT_EQ(into(collection_, "dir", true), "is_directory");
  EXPECT_EQ(into(collection_, "dir", false), "exists");
  EXPECT_EQ(into(dir, "name", false), "exists");
  EXPECT_EQ(into(tenant_, "name", false), "not_permitted");
  EXPECT_EQ(into(kRootDir, "name", false), "not_permitted");
  EXPECT_EQ(into(dir, std::string(256, 'n'), false), "name_too_long");
  const DirId other = *store_->ensure_tenant("other");
  const DirId others = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, other, "default"); });
  EXPECT_EQ(into(others, "name", false), "cross_tenant");
  EXPECT_EQ(into(dir, "name", true), "ok");
  EXPECT_EQ(trash(), "default/dir/name=1") << "what was replaced";
}

TEST_F(TrashTest, ARestoreThatIsRefusedLeavesItThere) {
  ASSERT_TRUE(put("a", "old"));
  ASSERT_TRUE(remove("a"));
  ASSERT_TRUE(put("a", "new"));
  const Version id = ids().at(0);
  EXPECT_EQ(restore(id), "exists");
  Settings settings;
  settings.quota_bytes = 4;
  set(tenant_, settings);
  EXPECT_EQ(write([&](WriteTxn& txn) {
              return restore_trashed(txn, tenant_, id, RestoreTarget{"default", "b", false});
            }),
            "quota_exceeded");
  EXPECT_EQ(trash(), "default/a=old");
  EXPECT_EQ(restore(id, true), "ok");
  EXPECT_EQ(value("a"), "old");
  EXPECT_EQ(trash(), "default/a=new");
}

TEST_F(TrashTest, ItIsEmptiedAsAWholeOrByOne) {
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(put(key, std::string(20'000, 'x')));
    ASSERT_TRUE(remove(key));
  }
  const Version id = ids().at(1);
  EXPECT_EQ(write([&](WriteTxn& txn) { return drop_trashed(txn, tenant_, id); }), "ok");
  EXPECT_EQ(write([&](WriteTxn& txn) { return drop_trashed(txn, tenant_, id); }), "not_found");
  EXPECT_EQ(use().keys, 2U);
  EXPECT_EQ(*store_->write([&](WriteTxn& txn) { return empty_trash(txn, tenant_); }), 2U);
  EXPECT_EQ(*store_->write([&](WriteTxn& txn) { return empty_trash(txn, tenant_); }), 0U);
  EXPECT_EQ(use(), TrashUse{});
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(store_->chunks().bytes_used(), 0U);
}

TEST_F(TrashTest, NoTransactionDropsMoreThanItShould) {
  for (size_t i = 0; i < rows::kDroppedKeysMax + 2; ++i) {
    ASSERT_TRUE(put("k", "1"));
    ASSERT_TRUE(remove("k"));
  }
  EXPECT_EQ(*store_->write([&](WriteTxn& txn) { return empty_trash(txn, tenant_); }), rows::kDroppedKeysMax);
  EXPECT_EQ(*store_->write([&](WriteTxn& txn) { return empty_trash(txn, tenant_); }), 2U);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(put("k", std::string(rows::kDroppedBytesMax / 2, 'x')));
    ASSERT_TRUE(remove("k"));
  }
  EXPECT_EQ(*store_->write([&](WriteTxn& txn) { return empty_trash(txn, tenant_); }), 2U);
}

TEST_F(TrashTest, ARemovedTenantsTrashGoes) {
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(remove("a"));
  ASSERT_EQ(write([&](WriteTxn& txn) { return remove_directory(txn, tenant_, "default"); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return remove_directory(txn, kRootDir, "acme"); }), "ok");
  EXPECT_EQ(*store_->sweep_trash(), 1U);
  EXPECT_EQ(store_->usage(0).trash_keys, 0U);
}

TEST_F(TrashTest, ARemovedCollectionComesBackWithItsValues) {
  ASSERT_TRUE(put("a/b", "1"));
  ASSERT_EQ(write([&](WriteTxn& txn) { return clear_collection(txn, collection_, 10, true); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return remove_directory(txn, tenant_, "default"); }), "ok");
  ASSERT_EQ(restore(ids().at(0)), "ok");
  collection_ = directory(tenant_, "default");
  EXPECT_EQ(value("a/b"), "1");
}

class TrashSpaceTest : public TrashTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    StoreOptions small = options();
    small.engine.kind = GetParam();
    small.engine.path = files_ / "store";
    small.engine.max_size_bytes = 24 << 20;
    small.trash = trash_;
    Result<std::unique_ptr<Store>> opened = Store::open(small);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
  }
  /// Until there is no space. Returns how many.
  int fill() {
    for (int i = 0;; ++i)
      if (const auto done = put("k" + std::to_string(i), std::string(4000, 'x')); !done) {
        EXPECT_EQ(done.error().code, Errc::no_space) << done.error().message();
        return i;
      }
  }
  const test::TempDir files_;
};

TEST_P(TrashSpaceTest, AFullStoreGivesUpItsTrashFirst) {
  const int first = fill();
  ASSERT_GT(first, 100);
  for (int i = 0; i < first; ++i) ASSERT_TRUE(remove("k" + std::to_string(i))) << i;
  EXPECT_EQ(use(), TrashUse{}) << "nothing is kept where there is no space";
  ASSERT_TRUE(store_->checkpoint());
  ASSERT_TRUE(store_->sweep_trash());
  const int kept = first / 4;
  for (int i = 0; i < kept; ++i) ASSERT_TRUE(put("t" + std::to_string(i), std::string(4000, 't'))) << i;
  for (int i = 0; i < kept; ++i) ASSERT_TRUE(remove("t" + std::to_string(i))) << i;
  EXPECT_EQ(use().keys, static_cast<uint64_t>(kept));
  const int second = fill();
  EXPECT_GT(second, first / 2);
  EXPECT_LT(use().keys, static_cast<uint64_t>(kept / 2));
}

INSTANTIATE_TEST_SUITE_P(Engines, TrashSpaceTest, testing::Values("lmdb", "memory"),
                         [](const auto& test) { return std::string(test.param); });

class MergingTrashTest : public TrashTest {
 protected:
  void SetUp() override {
    StoreOptions merging = options();
    merging.keep_tombstones = true;
    merging.trash = trash_;
    store_ = *Store::open(merging);
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
  }
  KeyState state(std::string_view key) {
    return *store_->read([&](const ReadTxn& txn) { return state_of(txn, collection_, key); });
  }
};

TEST_F(MergingTrashTest, WhatComesBackWinsOverItsOwnRemoval) {
  const std::string_view members[] = {"a", "b"};
  ASSERT_TRUE(put("bytes", "1"));
  ASSERT_EQ(write([&](WriteTxn& txn) { return add_members(txn, collection_, "set", members, {}); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return add_to_counter(txn, collection_, "counter", 7, {}); }), "ok");
  for (const char* key : {"bytes", "set", "counter"}) {
    const std::string before = value(key);
    ASSERT_TRUE(remove(key));
    const KeyState removed = state(key);
    EXPECT_FALSE(removed.is_live());
    ASSERT_EQ(restore(ids().at(0)), "ok") << key;
    EXPECT_EQ(value(key), before);
    ASSERT_EQ(write([&](WriteTxn& txn) { return merge_state(txn, collection_, key, removed); }), "ok");
    EXPECT_EQ(value(key), before) << "the tombstone of a replica that knows of the removal alone";
  }
}

}  // namespace
}  // namespace kvfs
