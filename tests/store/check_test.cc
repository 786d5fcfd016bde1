#include "store/check.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <random>

#include "store/byte_order.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

using Rows = std::map<std::string, std::string>;

/// A store that has one of everything.
class CheckTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    PutOptions expiring;
    expiring.expires_ms = store_->now_ms() + 1'000'000;
    ASSERT_TRUE(put("plain", "1"));
    ASSERT_TRUE(put("expiring", "2", expiring));
    ASSERT_TRUE(put("dir/sub/deep", "3"));
    ASSERT_TRUE(put("dir", "the value of a directory"));
    ASSERT_TRUE(put("big", std::string(200'000, 'b')));
    ASSERT_TRUE(put("dir/linked", std::string(70'000, 'l')));
    const Located file = *locate(directory(collection_, "dir"), "linked");
    ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, file, collection_, "second"); }), "ok");
    ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "empty", new_directory()); }), "ok");
    NewNode symlink;
    symlink.kind = Kind::symlink;
    symlink.target = "plain";
    ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "symlink", symlink); }), "ok");
    Settings settings;
    settings.quota_keys = 1000;
    ASSERT_EQ(write([&](WriteTxn& txn) -> Result<void> {
                set_settings(txn, tenant_, settings);
                return {};
              }),
              "ok");
    ASSERT_TRUE(put("open", std::string(100'000, 'o')));
    const Inode open = locate(collection_, "open")->entry.inode;
    store_->hold_inode(open, {collection_, "open", false});
    ASSERT_TRUE(remove("open"));
  }

  Rows rows() {
    Rows out;
    const auto snapshot = store_->engine().snapshot();
    const auto cursor = snapshot->cursor();
    for (cursor->seek(""); cursor->valid(); cursor->next()) out.emplace(cursor->key(), cursor->value());
    return out;
  }

  void damage(const std::function<void(Transaction&)>& change) {
    ASSERT_TRUE(store_->engine().transact([&](Transaction& rows) -> Result<void> {
      change(rows);
      return {};
    }));
  }
  void change_entry(const std::string& row, const std::function<void(Entry&)>& change) {
    damage([&](Transaction& rows) {
      const std::string before(*rows.get(row));
      Entry entry = *decode_entry(before);
      change(entry);
      rows.put(row, encode_entry(entry));
    });
  }

  CheckReport repair() {
    CheckOptions options;
    options.repair = true;
    return check_engine(store_->engine(), options);
  }

  static std::string text(const CheckReport& report) {
    std::string out;
    for (const CheckFinding& finding : report.findings) out += finding.where + ": " + finding.what + "\n";
    return out;
  }

  /// Check names the damage, repair undoes it to the byte.
  void expect_mended(const Rows& before, const std::string& expected) {
    const CheckReport report = check_store(*store_);
    EXPECT_FALSE(report.sound());
    EXPECT_NE(text(report).find(expected), std::string::npos) << text(report);
    const CheckReport mended = repair();
    EXPECT_TRUE(mended.sound()) << text(mended);
    EXPECT_EQ(text(check_store(*store_)), "");
    EXPECT_TRUE(rows() == before) << expected;
  }

  std::string row(DirId dir, std::string_view name, bool directory = false) {
    return dirent_row({dir, name, directory});
  }
  DirId dir() { return directory(collection_, "dir"); }
};

TEST_F(CheckTest, ASoundStoreHasNoFindings) {
  const CheckReport report = check_store(*store_);
  EXPECT_EQ(text(report), "");
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(report.rows, rows().size());
  EXPECT_EQ(report.directories, 5U);
  EXPECT_EQ(report.chunks, 4U + 2U + 2U);
  EXPECT_EQ(report.chunk_bytes, 200'000U + 70'000U + 100'000U);
}

TEST_F(CheckTest, RepairOfASoundStoreWritesNothing) {
  const Rows before = rows();
  EXPECT_TRUE(repair().sound());
  EXPECT_TRUE(rows() == before);
}

TEST_F(CheckTest, CountersOfCollectionsAreMended) {
  const Rows before = rows();
  change_entry(row(tenant_, "default", true), [](Entry& entry) { entry.keys += 3, entry.bytes -= 1; });
  expect_mended(before, "acme/default/: counts 10 keys");
}

TEST_F(CheckTest, LinkCountsAreMended) {
  const Rows before = rows();
  change_entry(row(collection_, "dir", true), [](Entry& entry) { entry.nlink = 7; });
  expect_mended(before, "acme/default/dir/: has the link count 7");
  change_entry(row(collection_, "empty", true), [](Entry& entry) { entry.nlink = 3; });
  expect_mended(before, "acme/default/empty/: has the link count 3");
  change_entry(row(collection_, "plain"), [](Entry& entry) { entry.nlink = 2; });
  expect_mended(before, "acme/default/plain: has 2 as the number of its names");
  change_entry(inode_row(locate(collection_, "second")->entry.inode), [](Entry& entry) { entry.nlink = 1; });
  expect_mended(before, "has 1 as the number of its names; there are 2");
}

TEST_F(CheckTest, ParentsAreMended) {
  const Rows before = rows();
  const DirId sub = directory(dir(), "sub");
  damage([&](Transaction& txn) { txn.erase(parent_row(sub)); });
  expect_mended(before, "acme/default/dir/sub/: has no parent row");
  damage([&](Transaction& txn) {
    std::string place;
    append_be64(place, collection_);
    txn.put(parent_row(sub), place + "elsewhere");
  });
  expect_mended(before, "its parent row leads elsewhere");
  damage([&](Transaction& txn) { txn.put(parent_row(999'999), std::string(8, '\0') + "x"); });
  expect_mended(before, "has a parent, but no entry there");
}

TEST_F(CheckTest, AMissingDirectoryEntryIsMadeAgainFromItsParentRow) {
  damage([&](Transaction& txn) { txn.erase(row(collection_, "dir", true)); });
  EXPECT_NE(text(check_store(*store_)).find("acme/default/dir/: the entry of directory"), std::string::npos);
  EXPECT_TRUE(repair().sound());
  EXPECT_EQ(text(check_store(*store_)), "");
  EXPECT_EQ(value("dir/sub/deep"), "3");
  EXPECT_EQ(value("dir"), "the value of a directory");
}

TEST_F(CheckTest, ASecondNameOfADirectoryGoes) {
  const Rows before = rows();
  damage([&](Transaction& txn) { txn.put(row(collection_, "twin", true), before.at(row(collection_, "dir", true))); });
  expect_mended(before, "acme/default/twin/: a second name of directory");
}

TEST_F(CheckTest, TheExpiryIndexIsMended) {
  const Rows before = rows();
  const uint64_t expires_ms = locate(collection_, "expiring")->entry.expires_ms;
  damage([&](Transaction& txn) { txn.erase(expiry_row(tenant_, expires_ms, {collection_, "expiring", false})); });
  expect_mended(before, "acme/default/expiring: its expiry is not in the index");
  damage([&](Transaction& txn) { txn.put(expiry_row(tenant_, expires_ms + 1, {collection_, "expiring", false}), ""); });
  expect_mended(before, "acme/default/expiring: an expiry that is not the value's");
  damage([&](Transaction& txn) { txn.put(expiry_row(tenant_, 5, {collection_, "nothing", false}), ""); });
  expect_mended(before, "acme/default/nothing: an expiry that is not the value's");
}

TEST_F(CheckTest, ShadowedMarksAreMended) {
  const Rows before = rows();
  change_entry(row(collection_, "dir"), [](Entry& entry) { entry.shadowed = false; });
  expect_mended(before, "acme/default/dir: is not marked");
  change_entry(row(collection_, "plain"), [](Entry& entry) { entry.shadowed = true; });
  expect_mended(before, "acme/default/plain: is marked as the value of a directory");
}

TEST_F(CheckTest, OrphansAreMended) {
  const Rows before = rows();
  damage([&](Transaction& txn) { txn.put(orphan_row(77'777), ""); });
  expect_mended(before, "removed file 77777: its inode does not exist");
  damage([&](Transaction& txn) { txn.put(orphan_row(locate(collection_, "second")->entry.inode), ""); });
  expect_mended(before, "marked as removed, but 2 names lead to it");
}

TEST_F(CheckTest, ADanglingNameGoes) {
  const Rows before = rows();
  damage([&](Transaction& txn) {
    Entry name;
    name.kind = Kind::link;
    name.inode = 88'888;
    txn.put(row(collection_, "dangling"), encode_entry(name));
  });
  expect_mended(before, "acme/default/dangling: a name of inode 88888, which is missing");
}

TEST_F(CheckTest, AFileWithoutANameIsPutIntoLostAndFound) {
  const Inode inode = locate(collection_, "second")->entry.inode;
  damage([&](Transaction& txn) {
    txn.erase(row(collection_, "second"));
    txn.erase(row(dir(), "linked"));
  });
  EXPECT_NE(text(check_store(*store_)).find("no name leads to it"), std::string::npos);
  EXPECT_TRUE(repair().sound());
  EXPECT_EQ(text(check_store(*store_)), "");
  const DirId recovered = directory(directory(kRootDir, "lost+found"), "recovered");
  const Located found = *locate(recovered, "file-" + std::to_string(inode));
  EXPECT_EQ(found.entry.size, 70'000U);
}

TEST_F(CheckTest, ALostDirectoryIsPutIntoLostAndFound) {
  const DirId sub = directory(dir(), "sub");
  damage([&](Transaction& txn) {
    txn.erase(row(dir(), "sub", true));
    txn.erase(parent_row(sub));
  });
  EXPECT_NE(text(check_store(*store_)).find("nothing leads to it and its 1 entries"), std::string::npos);
  EXPECT_TRUE(repair().sound());
  EXPECT_EQ(text(check_store(*store_)), "");
  const DirId recovered = directory(directory(kRootDir, "lost+found"), "recovered");
  EXPECT_EQ(names(directory(recovered, "directory-" + std::to_string(sub))), "deep");
}

TEST_F(CheckTest, ARingOfDirectoriesIsBroken) {
  ASSERT_TRUE(remove("second"));  // a name outside of the ring
  const DirId sub = directory(dir(), "sub");
  const DirId upper = dir();
  damage([&](Transaction& txn) {  // dir is below its own sub
    const std::string entry(*txn.get(row(collection_, "dir", true)));
    txn.erase(row(collection_, "dir", true));
    txn.put(row(sub, "dir", true), entry);
    std::string place;
    append_be64(place, sub);
    txn.put(parent_row(upper), place + "dir");
  });
  EXPECT_FALSE(check_store(*store_).sound());
  EXPECT_TRUE(repair().sound());
  EXPECT_EQ(text(check_store(*store_)), "");
}

TEST_F(CheckTest, ChunksAreAccountedFor) {
  const Rows before = rows();
  const Inode big = locate(collection_, "big")->entry.inode;
  damage([&](Transaction& txn) { txn.put(chunk_row(99'999, 0), before.at(chunk_row(big, 0))); });
  expect_mended(before, "inode 99999: 1 chunks belong to no value");
  damage([&](Transaction& txn) { txn.put(chunk_row(big, 9), encode_chunk_row({3, 9, 100, 0})); });
  expect_mended(before, "acme/default/big chunk 9: lies beyond the value's 200000 bytes");
  change_entry(row(collection_, "big"), [](Entry& entry) { entry.bytes -= 1; });
  expect_mended(before, "acme/default/big: states 199999 bytes in chunks; there are 200000");
}

TEST_F(CheckTest, DamageThatCannotBeDerivedIsNamedAndLeft) {
  const Inode big = locate(collection_, "big")->entry.inode;
  const Rows before = rows();
  damage([&](Transaction& txn) {
    txn.put(chunk_row(big, 0), before.at(chunk_row(big, 1)));          // used twice
    txn.put(chunk_row(big, 2), encode_chunk_row({40, 0, 65'536, 1}));  // not there
    txn.put(row(collection_, "plain"), "\x01garbage");
    txn.put("Zzz", "what is this");
  });
  const Rows damaged = rows();
  const CheckReport report = repair();
  EXPECT_FALSE(report.sound());
  for (const char* expected : {"acme/default/big chunk 1: shares its place with another chunk",
                               "acme/default/big chunk 2: no such chunk", "acme/default/plain: ", "row Zzz: "})
    EXPECT_NE(text(report).find(expected), std::string::npos) << expected << text(report);
  for (const CheckFinding& finding : report.findings) EXPECT_EQ(finding.mendable, finding.mended) << finding.where;
}

TEST_F(CheckTest, SettingsOfNothingGo) {
  const Rows before = rows();
  damage([&](Transaction& txn) { txn.put(settings_row(66'666), encode_settings({})); });
  expect_mended(before, "belongs to no tenant or collection");
  damage([&](Transaction& txn) { txn.put(settings_row(collection_), "\x01{]"); });
  expect_mended(before, "acme/default/: its settings are damaged");
}

TEST_F(CheckTest, LeasesAreMended) {
  damage([&](Transaction& txn) {
    std::string small;
    append_le<uint64_t>(small, 2000);
    txn.put(meta_row("clock"), small);
    txn.erase(meta_row("inodes"));
  });
  const std::string found = text(check_store(*store_));
  EXPECT_NE(found.find("meta clock: "), std::string::npos) << found;
  EXPECT_NE(found.find("meta inodes: missing"), std::string::npos) << found;
  EXPECT_TRUE(repair().sound());
  EXPECT_EQ(text(check_store(*store_)), "");
}

TEST_F(CheckTest, FindingsBeyondTheLimitAreCounted) {
  damage([&](Transaction& txn) {
    for (Inode inode = 50'000; inode < 50'020; ++inode) txn.put(orphan_row(inode), "");
  });
  CheckOptions options;
  options.findings_max = 5;
  size_t told = 0;
  options.on_finding = [&](const CheckFinding&) { told += 1; };
  const CheckReport report = check_store(*store_, options);
  EXPECT_EQ(report.findings.size(), 5U);
  EXPECT_EQ(report.found, 20U);
  EXPECT_EQ(told, 20U);
  options.repair = true;
  EXPECT_TRUE(check_engine(store_->engine(), options).sound());
}

TEST_F(CheckTest, ChunkSpaceThatNobodyOwnsIsGivenBack) {
  std::string path = std::filesystem::temp_directory_path() / "kvfs_check_test_XXXXXX";
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  EngineOptions on_disk;
  on_disk.path = path;
  const auto open = [&] { return *open_engine(on_disk); };
  {
    const auto engine = open();
    const ChunkRef ref = engine->chunks().append(std::string(10'000, 'x')).value();
    ASSERT_TRUE(engine->transact([&](Transaction& txn) -> Result<void> {
      txn.use_chunk(ref);
      txn.put("row", "that refers to it");
      return {};
    }));
    ASSERT_TRUE(engine->transact([](Transaction& txn) -> Result<void> {
      txn.erase("row");  // and forgets the chunk
      return {};
    }));
  }
  EXPECT_NE(text(check_engine(*open())).find("chunk space: 12288 bytes belong to no value"), std::string::npos);
  CheckOptions mend;
  mend.repair = true;
  const CheckReport mended = check_engine(*open(), mend);
  EXPECT_TRUE(mended.sound()) << text(mended);
  EXPECT_EQ(open()->chunks().bytes_used(), 0U);
  EXPECT_EQ(text(check_engine(*open())), "");
  std::filesystem::remove_all(path);
}

/// Any number of rows that can be derived from others may be missing at once.
TEST_F(CheckTest, MendsRandomLossOfDerivedRows) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    PutOptions options;
    if (random() % 2 == 0) options.expires_ms = store_->now_ms() + 1'000'000 + random() % 100;
    ASSERT_TRUE(put("r" + std::to_string(random() % 5) + "/s" + std::to_string(random() % 5) + "/" + std::to_string(i),
                    std::string(random() % 100'000, 'r'), options));
  }
  const Rows before = rows();
  ASSERT_EQ(text(check_store(*store_)), "");
  for (int round = 0; round < 20; ++round) {
    damage([&](Transaction& txn) {
      for (const auto& [key, bytes] : before) {
        const bool hit = random() % 4 == 0;
        if (hit && (key[0] == 'X' || key[0] == 'P')) txn.erase(key);
        if (!hit || (key[0] != 'D' && key[0] != 'I')) continue;
        Entry entry = *decode_entry(bytes);
        if (entry.kind == Kind::link) continue;
        const bool collection = key == row(tenant_, "default", true);
        switch (random() % 3) {
          case 0:
            entry.nlink += static_cast<uint32_t>(1 + random() % 3);
            break;
          case 1:
            if (entry.chunked || collection) entry.bytes += random() % 1000;
            if (collection) entry.keys += random() % 5;
            break;
          default:
            if (key[0] == 'D' && !entry.is_directory()) entry.shadowed = !entry.shadowed;
        }
        txn.put(key, encode_entry(entry));
      }
    });
    const CheckReport report = repair();
    ASSERT_TRUE(report.sound()) << text(report);
    ASSERT_EQ(text(check_store(*store_)), "");
    ASSERT_TRUE(rows() == before) << "round " << round << "\n" << text(report);
  }
}

}  // namespace
}  // namespace kvfs
