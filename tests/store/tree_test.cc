#include "store/tree.h"

#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

class TreeTest : public StoreTest {
 protected:
  DirId mkdir(DirId dir, std::string_view name) {
    return store_->write([&](WriteTxn& txn) { return make_node(txn, dir, name, new_directory()); })->inode;
  }
  std::string rename(DirId from, std::string_view a, DirId to, std::string_view b,
                     RenameMode mode = RenameMode::replace) {
    return write([&](WriteTxn& txn) { return kvfs::rename(txn, {from, a, false}, {to, b, false}, mode); });
  }
  std::string rmdir(DirId dir, std::string_view name) {
    return write([&](WriteTxn& txn) { return remove_directory(txn, dir, name); });
  }
  std::string unlink(DirId dir, std::string_view name) {
    return write([&](WriteTxn& txn) { return kvfs::unlink(txn, {dir, name, false}); });
  }
};

TEST_F(TreeTest, LevelsHoldTenantsThenCollectionsThenFiles) {
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, kRootDir, "file", NewNode{}); }), "not_permitted");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, tenant_, "file", NewNode{}); }), "not_permitted");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "file", NewNode{}); }), "ok");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, kRootDir, "%:x", new_directory()); }), "invalid");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "file", NewNode{}); }), "exists");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, std::string(256, 'x'), NewNode{}); }),
            "name_too_long");
}

TEST_F(TreeTest, DirectoriesCountTheirSubdirectories) {
  const DirId a = mkdir(collection_, "a");
  mkdir(a, "b");
  mkdir(a, "c");
  EXPECT_EQ(locate(collection_, "a")->entry.nlink, 4U);
  EXPECT_EQ(rmdir(a, "b"), "ok");
  EXPECT_EQ(locate(collection_, "a")->entry.nlink, 3U);
  EXPECT_EQ(rmdir(collection_, "a"), "not_empty");
  EXPECT_EQ(rmdir(collection_, "none"), "not_found");
  ASSERT_TRUE(put("f", "1"));
  EXPECT_EQ(rmdir(collection_, "f"), "not_directory");
  EXPECT_EQ(unlink(collection_, "a"), "is_directory");
}

TEST_F(TreeTest, CreatingTouchesTheDirectory) {
  const DirId a = mkdir(collection_, "a");
  const int64_t before = locate(collection_, "a")->entry.mtime_ns;
  clock_ns_ += 5'000;
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, a, "f", NewNode{}); }), "ok");
  EXPECT_EQ(locate(collection_, "a")->entry.mtime_ns, before + 5'000);
}

TEST_F(TreeTest, SetgidDirectoriesPassOnTheirGroup) {
  NewNode node = new_directory();
  node.mode = 02775;
  node.gid = 42;
  const DirId a = store_->write([&](WriteTxn& txn) { return make_node(txn, collection_, "a", node); })->inode;
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, a, "f", NewNode{}); }), "ok");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, a, "d", new_directory()); }), "ok");
  EXPECT_EQ(locate(a, "f")->entry.gid, 42U);
  EXPECT_EQ(locate(a, "d")->entry.gid, 42U);
  EXPECT_EQ(locate(a, "d")->entry.mode, 02755U);
}

TEST_F(TreeTest, RenameReplacesAtomicallyOrRefuses) {
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(put("b", "2"));
  EXPECT_EQ(rename(collection_, "a", collection_, "b", RenameMode::no_replace), "exists");
  EXPECT_EQ(rename(collection_, "a", collection_, "b", RenameMode::exchange), "ok");
  EXPECT_EQ(value("a"), "2");
  EXPECT_EQ(value("b"), "1");
  EXPECT_EQ(rename(collection_, "a", collection_, "b"), "ok");
  EXPECT_EQ(keys(), "b");
  EXPECT_EQ(value("b"), "2");
  EXPECT_EQ(info().keys, 1U);
  EXPECT_EQ(info().bytes, 1U);
  EXPECT_EQ(rename(collection_, "none", collection_, "b"), "not_found");
}

TEST_F(TreeTest, DirectoriesMoveWithAllBelowThem) {
  ASSERT_TRUE(put("a/b/c", "1"));
  ASSERT_TRUE(put("a", "own"));
  const DirId to = mkdir(collection_, "to");
  EXPECT_EQ(rename(collection_, "a", to, "x"), "ok");
  EXPECT_EQ(keys(), "to/x to/x/b/c");
  EXPECT_EQ(value("to/x/b/c"), "1");
  EXPECT_EQ(value("to/x"), "own");
  EXPECT_EQ(rename(collection_, "to", directory(to, "x"), "y"), "invalid");
  const DirId empty = mkdir(collection_, "empty");
  EXPECT_EQ(empty, directory(collection_, "empty"));
  EXPECT_EQ(rename(collection_, "to", collection_, "empty"), "ok");
  EXPECT_EQ(keys(), "empty/x empty/x/b/c");
  ASSERT_TRUE(put("f", "1"));
  EXPECT_EQ(rename(collection_, "f", collection_, "empty"), "is_directory");
  EXPECT_EQ(rename(collection_, "empty", collection_, "f"), "not_directory");
  mkdir(collection_, "other");
  EXPECT_EQ(rename(collection_, "other", collection_, "empty"), "not_empty");
}

TEST_F(TreeTest, MixedExchangeSwapsFileAndDirectory) {
  ASSERT_TRUE(put("d/k", "below"));
  ASSERT_TRUE(put("f", "file"));
  EXPECT_EQ(rename(collection_, "d", collection_, "f", RenameMode::exchange), "ok");
  EXPECT_EQ(keys(), "d f/k");
  EXPECT_EQ(value("d"), "file");
}

TEST_F(TreeTest, CollectionsCanBeExchanged) {
  ASSERT_TRUE(put("k", "first"));
  mkdir(tenant_, "second");
  EXPECT_EQ(rename(tenant_, "default", tenant_, "second", RenameMode::exchange), "ok");
  EXPECT_EQ(directory(tenant_, "second"), collection_);
  EXPECT_EQ(value("k"), "first");
  EXPECT_EQ(names(tenant_), "default/ second/");
}

TEST_F(TreeTest, CountsFollowMovesBetweenCollections) {
  ASSERT_TRUE(put("dir/a", "123"));
  ASSERT_TRUE(put("dir/b", std::string(100'000, 'x')));
  const Result<DirId> other = store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "zother"); });
  EXPECT_EQ(rename(collection_, "dir", *other, "dir"), "ok");
  EXPECT_EQ(info().keys, 0U);
  EXPECT_EQ(info().bytes, 0U);
  const CollectionInfo moved = store_->read([&](const ReadTxn& txn) { return list_collections(txn, tenant_).at(1); });
  EXPECT_EQ(moved.keys, 2U);
  EXPECT_EQ(moved.bytes, 100'003U);
  const DirId stranger = *store_->ensure_tenant("stranger");
  const Result<DirId> far = store_->write([&](WriteTxn& txn) { return ensure_collection(txn, stranger, "c"); });
  EXPECT_EQ(rename(*other, "dir", *far, "dir"), "cross_tenant");
}

TEST_F(TreeTest, HardLinksShareOneInode) {
  ASSERT_TRUE(put("a", "1"));
  const Located a = *locate(collection_, "a");
  EXPECT_EQ(write([&](WriteTxn& txn) { return link(txn, a, collection_, "b"); }), "ok");
  EXPECT_EQ(locate(collection_, "b")->entry.nlink, 2U);
  EXPECT_EQ(locate(collection_, "b")->entry.inode, a.entry.inode);
  ASSERT_TRUE(put("b", "changed"));
  EXPECT_EQ(value("a"), "changed");
  EXPECT_EQ(info().keys, 2U);
  EXPECT_EQ(info().bytes, 7U);
  EXPECT_EQ(rename(collection_, "a", collection_, "b"), "ok");
  EXPECT_EQ(keys(), "a b");
  EXPECT_EQ(rename(collection_, "a", collection_, "c"), "ok");
  EXPECT_TRUE(remove("b"));
  EXPECT_EQ(value("c"), "changed");
  EXPECT_EQ(locate(collection_, "c")->entry.nlink, 1U);
  EXPECT_TRUE(remove("c"));
  EXPECT_EQ(info().bytes, 0U);
}

TEST_F(TreeTest, AnOpenFileOutlivesItsName) {
  const std::string bytes(100'000, 'o');
  ASSERT_TRUE(put("a", bytes));
  const Located a = *locate(collection_, "a");
  store_->hold_inode(a.entry.inode, {collection_, "a", false});
  EXPECT_EQ(unlink(collection_, "a"), "ok");
  EXPECT_EQ(keys(), "");
  const auto read_orphan = [&] {
    return store_->read([&](const ReadTxn& txn) -> std::string {
      const Result<Located> found = find_inode(txn, a.entry.inode, {collection_, "a", false});
      if (!found) return std::string(to_string(found.error().code));
      return *read_whole_value(txn, found->entry, 1 << 20);
    });
  };
  EXPECT_EQ(read_orphan(), bytes);
  store_->release_inode(a.entry.inode);
  EXPECT_EQ(read_orphan(), "stale");
}

TEST_F(TreeTest, AnOpenFileIsFoundAfterARename) {
  ASSERT_TRUE(put("a", "1"));
  const Located a = *locate(collection_, "a");
  store_->hold_inode(a.entry.inode, {collection_, "a", false});
  EXPECT_EQ(rename(collection_, "a", collection_, "b"), "ok");
  const std::string name = store_->read([&](const ReadTxn& txn) {
    return find_inode(txn, a.entry.inode, {collection_, "a", false})->name;
  });
  EXPECT_EQ(name, "b");
  store_->release_inode(a.entry.inode);
}

TEST_F(TreeTest, DirectoryCursorsGoOnAfterAPosition) {
  for (const char* key : {"a", "a-", "b/x", "c"}) ASSERT_TRUE(put(key, "v"));
  std::string met;
  std::optional<std::string> after;
  for (bool more = true; more;) {
    more = store_->read([&](const ReadTxn& txn) {
      const DirectoryCursor cursor(txn, collection_, after);
      if (!cursor.valid()) return false;
      after = cursor.position();
      met += *after + " ";
      return true;
    });
  }
  EXPECT_EQ(met, "a a- b/ c ");
}

TEST_F(TreeTest, TruncationBothWays) {
  const std::string big(150'000, 'b');
  ASSERT_TRUE(put("f", big));
  const auto truncate = [&](uint64_t size) {
    StagedValue staged(store_->chunks());
    staged.replaces = false;
    staged.size = size;
    const Located f = *locate(collection_, "f");
    EXPECT_EQ(write([&](WriteTxn& txn) { return set_value(txn, f, staged); }), "ok");
    staged.published();
  };
  truncate(100'000);
  EXPECT_EQ(value("f"), big.substr(0, 100'000));
  truncate(100'010);
  EXPECT_EQ(value("f"), big.substr(0, 100'000) + std::string(10, '\0'));
  truncate(5);
  EXPECT_EQ(value("f"), "bbbbb");
  EXPECT_EQ(info().bytes, 5U);
  truncate(70'000);
  EXPECT_EQ(value("f"), "bbbbb" + std::string(69'995, '\0'));
  EXPECT_EQ(info().bytes, 5U);
  truncate(0);
  EXPECT_EQ(value("f"), "");
}

TEST_F(TreeTest, OverlaysChangeOnlyTheirChunks) {
  ASSERT_TRUE(put("f", std::string(3 * kChunkBytes, 'a')));
  StagedValue staged(store_->chunks());
  staged.replaces = false;
  staged.size = 3 * kChunkBytes;
  ASSERT_TRUE(staged.stage_chunk(1, std::string(kChunkBytes, 'z')));
  const Located f = *locate(collection_, "f");
  EXPECT_EQ(write([&](WriteTxn& txn) { return set_value(txn, f, staged); }), "ok");
  staged.published();
  EXPECT_EQ(value("f"), std::string(kChunkBytes, 'a') + std::string(kChunkBytes, 'z') + std::string(kChunkBytes, 'a'));
}

TEST_F(TreeTest, SparseValuesKnowTheirHoles) {
  StagedValue staged(store_->chunks());
  staged.size = 10 * uint64_t{kChunkBytes};
  ASSERT_TRUE(staged.stage_chunk(4, std::string(kChunkBytes, 'd')));
  EXPECT_EQ(write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, "s", staged); }), "ok");
  staged.published();
  store_->read([&](const ReadTxn& txn) {
    const Entry entry = *get(txn, collection_, "s");
    EXPECT_EQ(*seek_data(txn, entry, 0), 4U * kChunkBytes);
    EXPECT_EQ(*seek_hole(txn, entry, 0), 0U);
    EXPECT_EQ(*seek_hole(txn, entry, 4U * kChunkBytes), 5U * kChunkBytes);
    EXPECT_EQ(seek_data(txn, entry, 5U * kChunkBytes).error().code, Errc::out_of_range);
    EXPECT_EQ(value_bytes_allocated(txn, entry), kChunkBytes);
    return 0;
  });
}

TEST_F(TreeTest, AStreamingReaderSeesTheValueItOpened) {
  const std::string old_value(200'000, 'o');
  ASSERT_TRUE(put("f", old_value));
  const ValueReader reader =
      store_->read([&](const ReadTxn& txn) { return ValueReader(txn, *get(txn, collection_, "f")); });
  ASSERT_TRUE(put("f", std::string(200'000, 'n')));
  ASSERT_TRUE(store_->sync());
  std::string got(200'000, '\0');
  ASSERT_EQ(*reader.read(0, got.size(), got.data()), got.size());
  EXPECT_EQ(got, old_value);
}

// An implicit directory goes with its last entry; not while a rename is about to bring the next one.
TEST_F(TreeTest, ADirectoryComesToTheImplicitOneWhoseOnlyEntryItReplaces) {
  ASSERT_TRUE(put("p/x", "1"));
  const DirId p = directory(collection_, "p");
  mkdir(p, "q");
  ASSERT_TRUE(remove("p/x"));
  ASSERT_TRUE(put("a/f", "precious"));
  EXPECT_EQ(rename(collection_, "a", p, "q"), "ok");
  EXPECT_EQ(value("p/q/f"), "precious");
  EXPECT_EQ(keys(), "p/q/f");
  EXPECT_EQ(findings(), "");
}

TEST_F(TreeTest, ExchangesDoNotDependOnTheirOrder) {
  for (const bool turned : {false, true}) {
    SCOPED_TRACE(turned);
    ASSERT_TRUE(put("h/i", "1"));
    ASSERT_TRUE(put("a/x", "2"));
    const DirId h = directory(collection_, "h");
    EXPECT_EQ(turned ? rename(h, "i", collection_, "a", RenameMode::exchange)
                     : rename(collection_, "a", h, "i", RenameMode::exchange),
              "ok");
    EXPECT_EQ(value("a"), "1");
    EXPECT_EQ(value("h/i/x"), "2");
    EXPECT_EQ(findings(), "");
    ASSERT_TRUE(remove("a") && remove("h/i/x"));
    (void)rmdir(h, "i");
    (void)rmdir(collection_, "h");
  }
}

TEST_F(TreeTest, ADirectoryWhoseOwnValueHasAnotherNameStaysInItsCollection) {
  ASSERT_TRUE(put("a", "own"));
  ASSERT_TRUE(put("a/b", "x"));
  const Result<DirId> other = store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "other"); });
  const auto own = store_->read([&](const ReadTxn& txn) {
    const Slot slot{collection_, "a", false};
    return Located{slot, "a", *find_entry(txn, slot)};
  });
  ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, own, collection_, "z"); }), "ok");
  EXPECT_EQ(rename(collection_, "a", *other, "a"), "cross_tenant");
  EXPECT_EQ(rename(collection_, "a", collection_, "moved"), "ok");
  EXPECT_EQ(value("moved"), "own");
  EXPECT_EQ(findings(), "");
}

}  // namespace
}  // namespace kvfs
