// The commands to a running kvfs, in this process: what they do, and the socket that they come over.
#include "daemon/control.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "daemon/control_client.h"
#include "daemon/control_server.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace kvfs::test {
namespace {

TEST(SplitWordsTest, SplitsAsAShellDoes) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(*split_words("backup /a/b  no-verify\n"), (Words{"backup", "/a/b", "no-verify"}));
  EXPECT_EQ(*split_words("backup '/a b' \"c\\\"d\" e\\ f ''"), (Words{"backup", "/a b", "c\"d", "e f", ""}));
  EXPECT_EQ(*split_words(" \t\n"), Words{});
  EXPECT_FALSE(split_words("backup '/a"));
}

class ControlTest : public testing::Test {
 protected:
  void SetUp() override { open(files_ / "store"); }
  void TearDown() override { server_.reset(); }

  void open(const std::string& path) {
    path_ = path;
    StoreOptions options;
    options.engine.path = path;
    Result<std::unique_ptr<Store>> opened = Store::open(options);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return put(txn, collection_, "a", std::string_view("12345")); }));
    snapshots_ = std::make_unique<Snapshots>(*store_);
    control_ = std::make_unique<Control>(*store_, *snapshots_);
  }
  void serve() {
    Result<std::unique_ptr<ControlServer>> started = ControlServer::start(*store_, *control_, path_);
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(*started);
  }

  std::string run(const std::string& line, DirId tenant = 0) const {
    const Result<std::string> done = control_->run_line(tenant, line);
    return done ? *done : "<" + std::string(to_string(done.error().code)) + "> " + done.error().message();
  }
  std::string ask(std::vector<std::string> words, const std::string& tenant = {}) const {
    const Result<std::string> done = ask_running(path_, {std::move(words), tenant});
    return done ? *done : "<" + std::string(to_string(done.error().code)) + "> " + done.error().message();
  }
  /// What is said to these bytes, until the connection ends.
  std::string raw(const std::string& bytes) const {
    boost::asio::io_context io;
    boost::asio::local::stream_protocol::socket socket(io);
    socket.connect(boost::asio::local::stream_protocol::endpoint(path_ + "/control.sock"));
    std::string said;
    boost::system::error_code ended;
    boost::asio::write(socket, boost::asio::buffer(bytes), ended);  // it may be refused before its end
    boost::asio::read(socket, boost::asio::dynamic_buffer(said), ended);
    return said;
  }

  const TempDir files_;
  std::string path_;
  std::unique_ptr<Store> store_;
  DirId tenant_ = 0;
  DirId collection_ = 0;
  std::unique_ptr<Snapshots> snapshots_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlTest, UndeleteBringsBackTheLastRemoval) {
  store_->set_trash({.keep_ms = 3'600'000});
  const auto removed = [&] { return store_->write([&](WriteTxn& txn) { return remove(txn, collection_, "a"); }); };
  const auto value = [&](std::string_view key) {
    return store_->read([&](const ReadTxn& txn) {
      const Result<Entry> entry = get(txn, collection_, key);
      return entry ? std::string(entry->inline_value) : "<absent>";
    });
  };
  EXPECT_EQ(run("undelete default/a", tenant_), "<not_found> no removal of default/a is kept");
  ASSERT_TRUE(removed());
  const std::string line = run("trash", tenant_);
  EXPECT_NE(line.find(".default%a 5 bytes until "), std::string::npos) << line;
  EXPECT_EQ(run("trash"), "acme/" + line);
  EXPECT_EQ(run("undelete default/a", tenant_), "default/a is back\n");
  EXPECT_EQ(value("a"), "12345");
  ASSERT_TRUE(removed());
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return put(txn, collection_, "a", std::string_view("new")); }));
  EXPECT_EQ(run("undelete acme/default/a"), "<exists> default/a has a value; name another place for what was removed");
  EXPECT_EQ(run("undelete acme/default/a other/default/a"),
            "<cross_tenant> a removed value comes back in its own tenant");
  const std::string again = run("trash", tenant_);
  EXPECT_EQ(run("undelete '" + again.substr(0, again.find(' ')) + "' default/b/c", tenant_), "default/b/c is back\n");
  EXPECT_EQ(value("b/c"), "12345");
  ASSERT_TRUE(removed());
  EXPECT_EQ(run("empty-trash"), "1 removed values are gone\n");
  EXPECT_EQ(run("trash"), "");
}

TEST_F(ControlTest, SaysWhatIsRightWhereACommandIsWrong) {
  EXPECT_EQ(run(""), "<invalid> no command; try help");
  EXPECT_EQ(run("frobnicate"), "<invalid> there is no command frobnicate; try help");
  EXPECT_EQ(run("backup"), "<invalid> usage: backup DIRECTORY [no-verify]");
  EXPECT_EQ(run("backup a"), "<invalid> the directory of a backup begins with /");
  EXPECT_EQ(run("sync now"), "<invalid> usage: sync ");
  EXPECT_NE(run("snapshot monday soon").find("<invalid> the lease soon is not a duration"), std::string::npos);
}

TEST_F(ControlTest, HelpHasALineForEachCommand) {
  for (const char* verb : {"stats", "sync", "checkpoint", "backup", "snapshot", "snapshots", "extend", "drop"})
    EXPECT_NE(("\n" + run("help")).find("\n" + std::string(verb) + " "), std::string::npos) << verb;
}

TEST_F(ControlTest, StatsAreLinesOrJson) {
  EXPECT_NE(run("stats").find("\nkeys: 1\n"), std::string::npos) << run("stats");
  EXPECT_NE(run("stats").find("\nsnapshots: 0\n"), std::string::npos) << run("stats");
  EXPECT_NE(run("stats json").find("\"keys\":1,"), std::string::npos) << run("stats json");
}

TEST_F(ControlTest, SyncAndCheckpointHaveHappenedWhenTheyAnswer) {
  EXPECT_EQ(run("sync"), "");
  EXPECT_NE(run("stats").find("\nunsynced_operations: 0\n"), std::string::npos);
  EXPECT_EQ(run("checkpoint"), "");
  EXPECT_NE(run("stats").find("\nmemtable_entries: 0\n"), std::string::npos);
}

TEST_F(ControlTest, SnapshotsAreTakenListedExtendedAndDropped) {
  EXPECT_TRUE(run("snapshot monday 30m").starts_with("monday taken 20")) << run("snapshots");
  EXPECT_TRUE(run("snapshot monday").starts_with("<exists>"));
  EXPECT_TRUE(run("snapshots").starts_with("monday taken "));
  EXPECT_NE(run("stats").find("\nsnapshots: 1\n"), std::string::npos);
  const uint64_t ends_ms = (*snapshots_->find("monday"))->ends_ms();
  EXPECT_EQ(run("extend monday 5h"), "");
  EXPECT_GT((*snapshots_->find("monday"))->ends_ms(), ends_ms);
  EXPECT_EQ(run("drop monday"), "");
  EXPECT_EQ(run("snapshots"), "");
  EXPECT_TRUE(run("drop monday").starts_with("<not_found>"));
}

TEST_F(ControlTest, ATenantSeesAndManagesItsOwnAlone) {
  run("snapshot all");
  run("snapshot own", tenant_);
  EXPECT_TRUE(run("snapshots", tenant_).starts_with("own "));
  EXPECT_TRUE(run("drop all", tenant_).starts_with("<not_found>"));
  EXPECT_EQ(run("stats", tenant_), "keys: 1\nvalue_bytes: 5\nquota_keys: 0\nquota_bytes: 0\n");
  for (const char* verb : {"checkpoint", "backup /tmp/x"})
    EXPECT_TRUE(run(verb, tenant_).starts_with("<not_permitted>")) << verb;
  EXPECT_EQ(run("help", tenant_).find("backup"), std::string::npos);
}

TEST_F(ControlTest, ABackupOfARunningStoreIsCompleteAndTellsHowFarItIs) {
  serve();
  for (int i = 0; i < 2000; ++i)
    ASSERT_TRUE(store_->write(
        [&](WriteTxn& txn) { return put(txn, collection_, "key" + std::to_string(i), std::string_view("value")); }));
  const std::string said = ask({"backup", files_ / "copy"});
  EXPECT_NE(said.find("copy: "), std::string::npos) << said;
  StoreOptions options;
  options.engine.path = files_ / "copy";
  const Result<std::unique_ptr<Store>> copy = Store::open(options);
  ASSERT_TRUE(copy) << copy.error().message();
  EXPECT_EQ((*copy)->usage(0).keys, 2001U);
  EXPECT_TRUE(ask({"backup", files_ / "copy"}).starts_with("<exists>"));
}

TEST_F(ControlTest, AnswersComeOverTheSocketWithTheirErrors) {
  serve();
  EXPECT_EQ(ask({"sync"}), "");
  EXPECT_EQ(ask({"stats"}, "acme"), run("stats", tenant_));
  EXPECT_TRUE(ask({"drop", "x"}).starts_with("<not_found>"));
  EXPECT_TRUE(ask({"stats"}, "nobody").starts_with("<not_found> there is no tenant nobody"));
}

TEST_F(ControlTest, ProgressComesBeforeTheAnswer) {
  control_->add(
      {.name = "count", .arguments = "", .help = "", .run = [](const ControlCommand& command) -> Result<std::string> {
         command.progress({"count", 1, 2, 3});
         return std::string("done\n");
       }});
  serve();
  std::vector<std::string> steps;
  const Result<std::string> done = ask_running(path_, {{"count"}, {}}, [&](const Progress& at) {
    steps.emplace_back(at.step);
    EXPECT_EQ(at.done, 1U);
    EXPECT_EQ(at.total, 2U);
    EXPECT_EQ(at.bytes, 3U);
  });
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(*done, "done\n");
  EXPECT_FALSE(steps.empty());
}

TEST_F(ControlTest, WhatIsNoRequestIsRefused) {
  serve();
  for (const char* line : {"sync\n", "{}\n", "{\"command\":\"sync\"}\n", "{\"command\":[1]}\n", "[\n"})
    EXPECT_TRUE(raw(line).starts_with("{\"error\":\"invalid\"")) << line;
  EXPECT_EQ(raw(std::string(kControlLineBytesMax + 10, 'x')), "");
}

TEST_F(ControlTest, TheSocketIsItsOwnersAloneAndGoesWithTheServer) {
  serve();
  EXPECT_EQ(stat_of(path_ + "/control.sock").st_mode & 0777, 0600U);
  server_.reset();
  EXPECT_FALSE(exists(path_ + "/control.sock"));
  EXPECT_TRUE(ask({"sync"}).starts_with("<not_found> no kvfs is running on the store"));
}

TEST_F(ControlTest, ASocketThatAKilledProcessLeftIsReplaced) {
  write_file(path_ + "/control.sock", "");
  EXPECT_TRUE(ask({"sync"}).starts_with("<not_found>"));
  serve();
  EXPECT_EQ(ask({"sync"}), "");
}

TEST_F(ControlTest, AStoreMayHaveALongPath) {
  snapshots_.reset();
  store_.reset();
  std::string path = files_ / std::string(100, 'd');
  make_directory(path);
  open(path + "/" + std::string(100, 's'));
  serve();
  EXPECT_EQ(ask({"sync"}), "");
}

TEST_F(ControlTest, ACheckSaysWhatIsWrong) {
  EXPECT_NE(run("check").find("1 values, 0 chunks: no problems\n"), std::string::npos) << run("check");
  ASSERT_TRUE(store_->engine().transact([](Transaction& rows) -> Result<void> {
    rows.put(orphan_row(4711), "");
    return {};
  }));
  const std::string said = run("check quick");
  EXPECT_TRUE(said.starts_with("<corrupt> ")) << said;
  EXPECT_NE(said.find("removed file 4711: "), std::string::npos) << said;
  EXPECT_TRUE(run("check everything").starts_with("<invalid>"));
}

TEST_F(ControlTest, WhatNobodyWaitsForAnyMoreGivesUp) {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  control_->add(
      {.name = "wait", .arguments = "", .help = "", .run = [&](const ControlCommand& command) -> Result<std::string> {
         while (!command.cancelled()) {
           command.progress({"wait", 1, 2, 3});
           std::this_thread::yield();
         }
         const std::lock_guard lock(mutex);
         ended = true;
         changed.notify_all();
         return {Errc::busy, "given up"};
       }});
  serve();
  {
    boost::asio::io_context io;
    boost::asio::local::stream_protocol::socket socket(io);
    socket.connect(boost::asio::local::stream_protocol::endpoint(path_ + "/control.sock"));
    boost::asio::write(socket, boost::asio::buffer(std::string("{\"command\":[\"wait\"]}\n")));
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return ended; });
}

TEST_F(ControlTest, TheEndOfTheServerMakesWhatIsUnderWayGiveUp) {
  std::mutex mutex;
  std::condition_variable changed;
  bool under_way = false;
  control_->add(
      {.name = "wait", .arguments = "", .help = "", .run = [&](const ControlCommand& command) -> Result<std::string> {
         {
           const std::lock_guard lock(mutex);
           under_way = true;
         }
         changed.notify_all();
         while (!command.cancelled()) std::this_thread::yield();
         return {Errc::busy, "given up"};
       }});
  serve();
  std::string said;
  std::thread client([&] { said = ask({"wait"}); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return under_way; });
  }
  server_.reset();
  client.join();
  EXPECT_EQ(said, "<busy> given up");
}

}  // namespace
}  // namespace kvfs::test
