// What RESP removes goes into the trash, and nothing of it shows there.
#include "store/trash.h"

#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class TrashTest : public DoorTest {
 protected:
  void SetUp() override {
    DoorTest::SetUp();
    store_->set_trash({.keep_ms = 3'600'000});
  }
  /// The keys in the trash, the oldest removal first.
  std::string trash() {
    return store_->read([&](const ReadTxn& txn) {
      std::string out;
      list_trash(txn, *find_tenant(txn, "default"), 0, [&](const Trashed& removed) {
        out.append(out.empty() ? "" : " ").append(removed.key);
        return true;
      });
      return out;
    });
  }
};

TEST_F(TrashTest, RemovalsFeedItAndOtherEndsDoNot) {
  cmd("MSET deleted 1 unlinked 2 got 3 from 4 over 5 set 6 flushed 7");
  EXPECT_EQ(cmd("DEL deleted"), ":1");
  EXPECT_EQ(cmd("UNLINK unlinked"), ":1");
  EXPECT_EQ(cmd("GETDEL got"), "$1|3");
  EXPECT_EQ(cmd("RENAME from over"), "+OK");
  EXPECT_EQ(cmd("SET set 7"), "+OK");
  EXPECT_EQ(cmd("SET expiring 1 PX 10"), "+OK");
  pass_ms(20);
  EXPECT_EQ(cmd("GET expiring"), "$-1");
  EXPECT_EQ(trash(), "deleted unlinked got over");
  ASSERT_TRUE(store_->sweep_expired());
  EXPECT_EQ(cmd("DBSIZE"), ":3");
  EXPECT_EQ(cmd("EXISTS deleted"), ":0");
  EXPECT_EQ(cmd("FLUSHALL"), "+OK");
  EXPECT_EQ(cmd("SCAN 0"), "*2|$1|0|*0");
  EXPECT_EQ(cmd("DBSIZE"), ":0");
  EXPECT_EQ(trash(), "deleted unlinked got over flushed over set");
}

}  // namespace
}  // namespace kvfs::resp
