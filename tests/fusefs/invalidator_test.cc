#include "fusefs/invalidator.h"

#include <algorithm>
#include <mutex>

#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

/// Notes what it is told.
class RecordingCache : public KernelCache {
 public:
  void drop_entry(Inode parent, std::string_view name) override { add("entry", parent, name); }
  void drop_removed(Inode parent, Inode, std::string_view name) override { add("removed", parent, name); }
  bool drop_attributes(Inode inode) override {
    add("attributes", inode, "");
    return true;
  }
  bool drop_attributes_and_data(Inode inode) override {
    add("data", inode, "");
    return !answer_under_way;
  }

  bool answer_under_way = false;  // the kernel does not know yet what the mount has told it

  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::move(told_);
  }

 private:
  void add(std::string_view what, Inode inode, std::string_view name) {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::string(what) + " " + std::to_string(inode) + (name.empty() ? "" : " ") + std::string(name));
  }
  std::mutex mutex_;
  std::vector<std::string> told_;  // guarded by mutex_
};

class InvalidatorTest : public FilesystemTest {
 protected:
  void SetUp() override {
    FilesystemTest::SetUp();
    invalidator_ = std::make_unique<Invalidator>(fs(), cache_);
  }
  void TearDown() override { invalidator_.reset(); }

  std::vector<std::string> told() { return cache_.take(); }
  static std::string entry(Inode parent, std::string_view name) {
    return "entry " + std::to_string(parent) + " " + std::string(name);
  }
  static std::string removed(Inode parent, std::string_view name) {
    return "removed " + std::to_string(parent) + " " + std::string(name);
  }
  static std::string data(Inode inode) { return "data " + std::to_string(inode); }
  bool tells(const std::vector<std::string>& told, const std::string& what) {
    return std::find(told.begin(), told.end(), what) != told.end();
  }

  RecordingCache cache_;
  std::unique_ptr<Invalidator> invalidator_;
};

TEST_F(InvalidatorTest, PassesOverTheMountsOwnChanges) {
  write_file(collection_, "f", "x");
  ASSERT_TRUE(fs().unlink(collection_, "f"));
  EXPECT_TRUE(told().empty());
}

TEST_F(InvalidatorTest, ANewKeyOfAnotherDoorEndsTheNegativeEntry) {
  EXPECT_EQ(inode_of(collection_, "f"), 0u);
  put_value("f", "x");
  EXPECT_TRUE(tells(told(), entry(collection_, "f")));
}

TEST_F(InvalidatorTest, AReplacedValueEndsDataAndAttributes) {
  put_value("f", "x");
  const Inode inode = inode_of(collection_, "f");
  told();
  put_value("f", "y");
  EXPECT_EQ(told(), std::vector<std::string>{data(inode)});
}

TEST_F(InvalidatorTest, AnAnswerUnderWayIsWaitedForByDroppingTheName) {
  put_value("f", "x");
  const Inode inode = inode_of(collection_, "f");
  told();
  cache_.answer_under_way = true;
  put_value("f", "y");
  EXPECT_EQ(told(), (std::vector<std::string>{data(inode), entry(collection_, "f")}));
}

TEST_F(InvalidatorTest, NothingIsToldOfWhatTheKernelDoesNotKnow) {
  put_value("dir/unknown", "x");
  told();
  put_value("dir/unknown", "y");
  put_value("dir/other", "y");
  EXPECT_TRUE(told().empty());
}

TEST_F(InvalidatorTest, RemovalsAndExpiryAreTold) {
  put_value("f", "x");
  const Inode inode = inode_of(collection_, "f");
  told();
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return remove(txn, collection_, "f"); }));
  EXPECT_TRUE(tells(told(), removed(collection_, "f")));
  fs().forget(inode, 1);

  PutOptions expiring;
  expiring.expires_ms = store_->now_ms() + 1000;
  ASSERT_TRUE(
      store_->write([&](WriteTxn& txn) { return put(txn, collection_, "g", std::string_view("x"), expiring); }));
  ASSERT_NE(inode_of(collection_, "g"), 0u);
  told();
  now_ns_ += 2'000'000'000;
  ASSERT_TRUE(store_->sweep_expired());
  EXPECT_TRUE(tells(told(), removed(collection_, "g")));
}

TEST_F(InvalidatorTest, NamesAreToldEscaped) {
  put_value("a//b", "x");
  const Inode a = inode_of(collection_, "a");
  told();
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return remove(txn, collection_, "a//b"); }));
  EXPECT_TRUE(tells(told(), entry(a, "%:")));
}

TEST_F(InvalidatorTest, TheValueOfADirectorysKeyIsToldInTheDirectory) {
  put_value("a/b", "x");
  const Inode a = inode_of(collection_, "a");
  told();
  put_value("a", "own");
  EXPECT_TRUE(tells(told(), entry(a, "%:value")));
}

TEST_F(InvalidatorTest, AKeyThatBecomesADirectoryIsTold) {
  put_value("a", "x");
  ASSERT_NE(inode_of(collection_, "a"), 0u);
  told();
  put_value("a/b", "y");
  EXPECT_TRUE(tells(told(), entry(collection_, "a")));
}

TEST_F(InvalidatorTest, RenamesOfAnotherDoorAreToldAtBothEndsAndFollowed) {
  put_value("from", "x");
  const Inode inode = inode_of(collection_, "from");
  told();
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return rename_key(txn, collection_, "from", collection_, "to"); }));
  const auto all = told();
  EXPECT_TRUE(tells(all, entry(collection_, "from")));
  EXPECT_TRUE(tells(all, entry(collection_, "to")));
  EXPECT_EQ(stat_of(inode).st_size, 1);
}

}  // namespace
}  // namespace kvfs
