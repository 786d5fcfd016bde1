#include "store/snapshots.h"

#include <thread>

#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

class SnapshotsTest : public StoreTest {
 protected:
  void TearDown() override { snapshots_.reset(); }

  Snapshots& snapshots() {
    if (!snapshots_) {
      SnapshotOptions options;
      options.count_max = 3;
      options.lease_ms_default = 1'000;
      options.lease_ms_max = 10'000;
      snapshots_ = std::make_unique<Snapshots>(*store_, options);
    }
    return *snapshots_;
  }

  /// The value as the snapshot sees it, or "<code>".
  std::string value_in(const NamedSnapshot& snapshot, std::string_view key) {
    const Result<std::string> read = snapshot.read([&](const ReadTxn& txn) -> Result<std::string> {
      const Result<DirId> tenant = find_tenant(txn, "acme");
      if (!tenant) return tenant.error();
      const Result<DirId> collection = find_collection(txn, *tenant, "default");
      if (!collection) return collection.error();
      const Result<Entry> entry = get(txn, *collection, key);
      if (!entry) return entry.error();
      return read_whole_value(txn, *entry, 1 << 30);
    });
    return read ? *read : "<" + std::string(to_string(read.error().code)) + ">";
  }

  std::unique_ptr<Snapshots> snapshots_;
};

TEST_F(SnapshotsTest, ASnapshotNeverChanges) {
  PutOptions expiring;
  expiring.expires_ms = store_->now_ms() + 500;
  const std::string big(200'000, 'b');
  ASSERT_TRUE(put("changed", "before"));
  ASSERT_TRUE(put("removed/deep", "before"));
  ASSERT_TRUE(put("big", big));
  ASSERT_TRUE(put("expiring", "before", expiring));
  const Snapshots::Ptr snapshot = *snapshots().take("monday");
  ASSERT_TRUE(put("changed", "after"));
  ASSERT_TRUE(remove("removed/deep"));
  ASSERT_TRUE(put("big", std::string(200'000, 'c')));
  ASSERT_TRUE(put("new", "after"));
  clock_ns_ += 600'000'000;
  ASSERT_EQ(*store_->sweep_expired(), 1U);
  ASSERT_EQ(write([&](WriteTxn& txn) {
              return rename(txn, {kRootDir, "acme", true}, {kRootDir, "moved", true}, RenameMode::replace);
            }),
            "ok");
  EXPECT_EQ(value("changed"), "after");
  EXPECT_EQ(value_in(*snapshot, "changed"), "before");
  EXPECT_EQ(value_in(*snapshot, "removed/deep"), "before");
  EXPECT_EQ(value_in(*snapshot, "big"), big);
  EXPECT_EQ(value_in(*snapshot, "expiring"), "before");
  EXPECT_EQ(value_in(*snapshot, "new"), "<not_found>");
}

TEST_F(SnapshotsTest, NamesAreFoundListedAndDropped) {
  EXPECT_EQ((*snapshots().take("b"))->root(), kRootDir);
  EXPECT_EQ((*snapshots().take("a", tenant_))->root(), tenant_);
  EXPECT_TRUE(snapshots().take("a"));
  EXPECT_EQ(snapshots().take("b").error().code, Errc::exists);
  ASSERT_EQ(snapshots().list().size(), 2U);
  EXPECT_EQ(snapshots().list()[0]->name(), "a");
  EXPECT_EQ(snapshots().list(tenant_).size(), 1U);
  EXPECT_TRUE(snapshots().find("b"));
  EXPECT_EQ(snapshots().find("b", tenant_).error().code, Errc::not_found);
  EXPECT_TRUE(snapshots().drop("b"));
  EXPECT_EQ(snapshots().drop("b").error().code, Errc::not_found);
  EXPECT_EQ(snapshots().find("b").error().code, Errc::not_found);
}

TEST_F(SnapshotsTest, BadNamesAndTooManyAreRefused) {
  for (const char* name : {"", ".", "..", "a/b", ".kvfs"})
    EXPECT_EQ(snapshots().take(name).error().code, Errc::invalid) << name;
  EXPECT_EQ(snapshots().take("a", 4711).error().code, Errc::not_found);
  EXPECT_EQ(snapshots().take("a", collection_).error().code, Errc::not_found);
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(snapshots().take(name));
  const auto refused = snapshots().take("d");
  EXPECT_EQ(refused.error().code, Errc::limit_reached);
  EXPECT_NE(refused.error().detail.find('3'), std::string::npos);
}

TEST_F(SnapshotsTest, LeasesEndAndAreCutToTheLimit) {
  const Snapshots::Ptr shortest = *snapshots().take("default");
  const Snapshots::Ptr longest = *snapshots().take("greedy", 0, 1'000'000'000);
  EXPECT_EQ(longest->ends_ms(), store_->now_ms() + 10'000);
  EXPECT_EQ(value_in(*shortest, "a"), "<not_found>");
  clock_ns_ += 999'000'000;
  EXPECT_TRUE(snapshots().find("default"));
  EXPECT_EQ(snapshots().drop_ended(), 0U);
  EXPECT_TRUE(snapshots().extend("default", 0, 5'000));
  clock_ns_ += 4'999'000'000;
  EXPECT_TRUE(snapshots().find("default"));
  clock_ns_ += 1'000'000;
  EXPECT_EQ(snapshots().find("default").error().code, Errc::not_found);
  EXPECT_EQ(snapshots().extend("default", 0, 5'000).error().code, Errc::not_found);
  snapshots().drop_ended();
  EXPECT_EQ(value_in(*shortest, "a"), "<stale>");
  EXPECT_EQ(value_in(*longest, "a"), "<not_found>");
}

TEST_F(SnapshotsTest, DroppingGivesChunksBackAndReadersGetStale) {
  ASSERT_TRUE(put("big", std::string(300'000, 'b')));
  const Snapshots::Ptr snapshot = *snapshots().take("s");
  ASSERT_TRUE(remove("big"));
  EXPECT_EQ(store_->chunks().bytes_used(), 300'000U);
  EXPECT_TRUE(snapshots().drop("s"));
  EXPECT_EQ(store_->chunks().bytes_used(), 0U);
  EXPECT_EQ(value_in(*snapshot, "big"), "<stale>");
}

TEST_F(SnapshotsTest, AValueReaderOutlivesTheSnapshot) {
  const std::string big(300'000, 'b');
  ASSERT_TRUE(put("big", big));
  const Snapshots::Ptr snapshot = *snapshots().take("s");
  ASSERT_TRUE(remove("big"));
  const auto reader = snapshot->read([&](const ReadTxn& txn) -> Result<std::unique_ptr<ValueReader>> {
    return std::make_unique<ValueReader>(txn, *get(txn, collection_, "big"));
  });
  EXPECT_TRUE(snapshots().drop("s"));
  std::string bytes(big.size(), '\0');
  EXPECT_EQ(*(*reader)->read(0, bytes.size(), bytes.data()), big.size());
  EXPECT_EQ(bytes, big);
}

TEST_F(SnapshotsTest, StatsShowWhatTheOldestHolds) {
  ASSERT_TRUE(snapshots().take("old"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put("k", std::to_string(i)));
  clock_ns_ += 300'000'000;
  std::map<std::string, uint64_t> stats;
  for (const auto& [name, number] : snapshots().stats()) stats[name] = number;
  EXPECT_EQ(stats.at("snapshots"), 1U);
  EXPECT_EQ(stats.at("oldest_snapshot_age_ms"), 300U);
  EXPECT_EQ(stats.at("oldest_snapshot_commits_behind"), 5U);
}

TEST_F(SnapshotsTest, SeveralThreadsReadOneSnapshotWhileWritesGoOn) {
  ASSERT_TRUE(put("k", "0"));
  const Snapshots::Ptr snapshot = *snapshots().take("s");
  std::vector<std::thread> readers;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i)
    readers.emplace_back([&] {
      for (int n = 0; n < 200; ++n)
        if (value_in(*snapshot, "k") != "0") ++wrong;
    });
  for (int i = 1; i < 200; ++i) ASSERT_TRUE(put("k", std::to_string(i)));
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace kvfs
