#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class TrackingTest : public DoorTest {
 protected:
  void SetUp() override {
    DoorTest::SetUp();
    cmd("HELLO 3");
    writer_ = std::make_unique<TestClient>(*service_);
  }
  std::string pushed() { return client_->pushed(); }
  std::string write(std::string_view line) { return (*writer_)(line); }

  std::unique_ptr<TestClient> writer_;
};

TEST_F(TrackingTest, TellsOnceWhenAKeyThatWasReadChanges) {
  EXPECT_EQ(cmd("CLIENT TRACKING ON"), "+OK");
  write("MSET a 1 b 2");
  EXPECT_EQ(cmd("GET a"), "$1|1");
  EXPECT_EQ(pushed(), "");
  write("SET b 3");
  EXPECT_EQ(pushed(), "");
  write("SET a 2");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|a");
  write("SET a 3");
  EXPECT_EQ(pushed(), "");
}

TEST_F(TrackingTest, EveryKindOfChangeIsToldAlsoOfKeysThatWereAbsent) {
  cmd("CLIENT TRACKING ON");
  write("SADD s x");
  write("SET k 1");
  cmd("MGET none k");
  cmd("SMEMBERS s");
  write("SREM s x");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|s");
  write("PEXPIRE k 100");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|k");
  cmd("GET k");
  pass_ms(200);
  ASSERT_TRUE(store_->sweep_expired());
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|k");
  write("SET none 1");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$4|none");
  cmd("GET none");
  write("RENAME none other");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$4|none");
}

TEST_F(TrackingTest, ARenamedDirectoryTellsOfTheKeysInIt) {
  write("MSET d/a 1 e 2");
  cmd("CLIENT TRACKING ON");
  cmd("MGET d/a e");
  const Result<Renamed> moved = store_->write([](WriteTxn& txn) -> Result<Renamed> {
    const Result<DirId> tenant = find_tenant(txn, "default");
    const Result<DirId> dir = find_collection(txn, *tenant, "default");
    return rename(txn, {*dir, "d", true}, {*dir, "f", true}, RenameMode::replace);
  });
  ASSERT_TRUE(moved) << moved.error().message();
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$3|d/a");
}

TEST_F(TrackingTest, BroadcastTellsOfAllKeysWithAPrefix) {
  EXPECT_EQ(cmd("CLIENT TRACKING ON BCAST PREFIX user: PREFIX item:"), "+OK");
  write("MSET user:1 x item:2 y other z user:0 x");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$6|item:2|>2|$10|invalidate|*2|$6|user:0|$6|user:1");
  EXPECT_EQ(cmd("CLIENT TRACKING ON BCAST PREFIX user:1"),
            "-ERR Prefix 'user:1' overlaps with an existing prefix 'user:'. Prefixes for a single client must not "
            "overlap.");
  EXPECT_EQ(cmd("CLIENT TRACKING ON BCAST PREFIX a PREFIX ab"),
            "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not "
            "overlap.");
  EXPECT_EQ(cmd("CLIENT TRACKING ON BCAST PREFIX new"), "+OK");
  write("SET newer 1");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$5|newer");
}

TEST_F(TrackingTest, OptInAndOptOutConcernTheNextCommandOrTransaction) {
  write("MSET a 1 b 1");
  cmd("CLIENT TRACKING ON OPTIN");
  cmd("GET a");
  EXPECT_EQ(cmd("CLIENT CACHING YES"), "+OK");
  cmd("GET b");
  write("MSET a 2 b 2");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|b");
  client_->send("CLIENT CACHING YES\r\nMULTI\r\nGET a\r\nGET b\r\nEXEC\r\nGET c\r\n");
  write("MSET a 3 b 3 c 3");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|a|>2|$10|invalidate|*1|$1|b");
  EXPECT_EQ(cmd("CLIENT CACHING NO"), "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");

  cmd("CLIENT TRACKING OFF");
  cmd("CLIENT TRACKING ON OPTOUT");
  client_->send("CLIENT CACHING NO\r\nGET a\r\nGET b\r\n");
  write("MSET a 4 b 4");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|b");
}

TEST_F(TrackingTest, NoLoopSparesAClientItsOwnChanges) {
  cmd("CLIENT TRACKING ON");
  cmd("GET a");
  cmd("SET a 1");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|a");
  cmd("CLIENT TRACKING ON NOLOOP");
  cmd("GET a");
  cmd("SET a 2");
  EXPECT_EQ(pushed(), "");
  cmd("GET a");
  write("SET a 3");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|*1|$1|a");
}

TEST_F(TrackingTest, RedirectTellsAnotherClientAndSaysWhenItHasGone) {
  auto other = std::make_unique<TestClient>(*service_);
  const std::string id = other->id();
  EXPECT_EQ(cmd("CLIENT TRACKING ON REDIRECT " + id), "+OK");
  EXPECT_EQ(cmd("CLIENT GETREDIR"), ":" + id);
  EXPECT_NE(cmd("CLIENT INFO").find(" flags=t "), std::string::npos);
  EXPECT_NE(cmd("CLIENT INFO").find(" redir=" + id + " "), std::string::npos);
  cmd("GET a");
  write("SET a 1");
  EXPECT_EQ(pushed(), "");
  EXPECT_EQ(other->pushed(), "*3|$7|message|$20|__redis__:invalidate|*1|$1|a");
  cmd("GET a");
  service_->clients().remove(other->client().card->id);
  write("SET a 2");
  EXPECT_EQ(pushed(), ">2|$21|tracking-redir-broken|:" + id);
  EXPECT_EQ(cmd("CLIENT TRACKINGINFO"),
            "%3|$5|flags|~2|$2|on|$15|broken_redirect|$8|redirect|:" + id + "|$8|prefixes|*0");
}

TEST_F(TrackingTest, FlushingTellsOfEverything) {
  cmd("CLIENT TRACKING ON");
  write("MSET a 1 b 2");
  cmd("MGET a b");
  write("FLUSHDB");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|_");
  write("SET a 1");
  EXPECT_EQ(pushed(), "");
}

TEST_F(TrackingTest, AFlushWithinATransactionIsToldOnce) {
  cmd("CLIENT TRACKING ON");
  write("MSET a 1 b 2");
  cmd("MGET a b");
  TestClient other(*service_);
  other.send("MULTI\r\nSET a 2\r\nFLUSHDB\r\nEXEC\r\n");
  EXPECT_EQ(pushed(), ">2|$10|invalidate|_");
}

TEST_F(TrackingTest, AFullTableGivesKeysUpByTellingOfThem) {
  cmd("CONFIG SET tracking-table-max-keys 2");
  cmd("CLIENT TRACKING ON");
  cmd("MGET a b c");
  EXPECT_TRUE(pushed().starts_with(">2|$10|invalidate|*1|$1|"));
  EXPECT_EQ(service_->tracking().use().keys, 2u);
  EXPECT_EQ(service_->tracking().use().items, 2u);
  EXPECT_NE(cmd("INFO stats").find("tracking_total_items:2"), std::string::npos);
  cmd("CONFIG SET tracking-table-max-keys 1");
  EXPECT_TRUE(pushed().starts_with(">2|$10|invalidate|*1|$1|"));
  EXPECT_EQ(service_->tracking().use().keys, 1u);
  write("FLUSHALL");
  EXPECT_EQ(service_->tracking().use().items, 0u);
}

TEST_F(TrackingTest, WordsThatDoNotFitTogetherAreRefused) {
  EXPECT_EQ(cmd("CLIENT CACHING YES"),
            "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode "
            "enabled");
  EXPECT_EQ(cmd("CLIENT TRACKING ON PREFIX a"), "-ERR PREFIX option requires BCAST mode to be enabled");
  EXPECT_EQ(cmd("CLIENT TRACKING ON OPTIN OPTOUT"), "-ERR You can't specify both OPTIN mode and OPTOUT mode");
  EXPECT_EQ(cmd("CLIENT TRACKING ON BCAST OPTIN"), "-ERR OPTIN and OPTOUT are not compatible with BCAST");
  EXPECT_EQ(cmd("CLIENT TRACKING ON REDIRECT 12345"), "-ERR The client ID you want redirect to does not exist");
  EXPECT_EQ(cmd("CLIENT TRACKING MAYBE"), "-ERR syntax error");
  EXPECT_EQ(cmd("CLIENT TRACKINGINFO"), "%3|$5|flags|~1|$3|off|$8|redirect|:-1|$8|prefixes|*0");
  cmd("CLIENT TRACKING ON OPTIN");
  EXPECT_EQ(
      cmd("CLIENT TRACKING ON OPTOUT"),
      "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it "
      "with a different mode.");
  EXPECT_EQ(
      cmd("CLIENT TRACKING ON BCAST"),
      "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it "
      "with a different mode.");
  EXPECT_EQ(cmd("CLIENT TRACKINGINFO"), "%3|$5|flags|~2|$2|on|$5|optin|$8|redirect|:0|$8|prefixes|*0");
  EXPECT_EQ(cmd("RESET"), "+RESET");
  EXPECT_EQ(service_->tracking().use().clients, 0u);
}

}  // namespace
}  // namespace kvfs::resp
