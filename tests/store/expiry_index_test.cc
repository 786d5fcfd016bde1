// The index of expiries when expiries are put off, brought forward, taken away, and moved with their values.
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "store/byte_order.h"
#include "store/check.h"
#include "store/eviction_sample.h"
#include "store/typed_value.h"
#include "tests/store/store_fixture.h"
#include "tests/support/temp_dir.h"

namespace kvfs {
namespace {

class ExpiryIndexTest : public StoreTest {
 protected:
  uint64_t now_ms() { return clock_ns_ / 1'000'000; }
  void pass(uint64_t ms) { clock_ns_ += ms * 1'000'000; }

  void expire_in(std::string_view key, uint64_t ms) {
    ASSERT_EQ(write([&](WriteTxn& txn) { return set_expiry(txn, collection_, key, ms == 0 ? 0 : now_ms() + ms); }),
              "ok");
  }

  /// The moments of the index, from now on.
  std::multiset<int64_t> index() {
    std::multiset<int64_t> out;
    const auto rows = store_->engine().snapshot();
    const auto cursor = rows->cursor();
    for (cursor->seek("X"); cursor->valid() && cursor->key().starts_with("X"); cursor->next())
      out.insert(static_cast<int64_t>(parse_expiry_row(cursor->key())->expires_ms - now_ms()));
    return out;
  }

  void expect_sound() {
    const CheckReport report = check_store(*store_);
    EXPECT_TRUE(report.sound()) << (report.findings.empty() ? "" : report.findings[0].where + report.findings[0].what);
  }

  using Moments = std::multiset<int64_t>;
};

TEST_F(ExpiryIndexTest, PuttingOffAnExpiryLeavesTheIndexAsItIs) {
  ASSERT_TRUE(put("k", "v"));
  expire_in("k", 1000);
  pass(300);
  expire_in("k", 1000);
  EXPECT_EQ(index(), (Moments{700}));
  expect_sound();
  expire_in("k", 800);
  EXPECT_EQ(index(), (Moments{700}));
  expire_in("k", 700);
  EXPECT_EQ(index(), (Moments{700}));
  expect_sound();
  EXPECT_EQ(locate(collection_, "k")->entry.indexed_early_ms, 0U);
}

TEST_F(ExpiryIndexTest, TheIndexIsEarlyByNoMoreThanWhatWasStillToGo) {
  ASSERT_TRUE(put("k", "v"));
  expire_in("k", 1000);
  pass(600);
  expire_in("k", 1000);
  EXPECT_EQ(index(), (Moments{1000}));
  expire_in("k", 2000);
  EXPECT_EQ(index(), (Moments{1000}));
  expire_in("k", 2001);
  EXPECT_EQ(index(), (Moments{2001}));
  expect_sound();
}

TEST_F(ExpiryIndexTest, BringingForwardAndTakingAwayMoveIt) {
  ASSERT_TRUE(put("k", "v"));
  expire_in("k", 1000);
  expire_in("k", 1500);
  expire_in("k", 500);
  EXPECT_EQ(index(), (Moments{500}));
  expire_in("k", 700);
  expire_in("k", 0);
  EXPECT_EQ(index(), (Moments{}));
  expire_in("k", 1000);
  expire_in("k", 1500);
  ASSERT_TRUE(put("k", "without an expiry"));
  EXPECT_EQ(index(), (Moments{}));
  expire_in("k", 1000);
  expire_in("k", 1500);
  ASSERT_TRUE(remove("k"));
  EXPECT_EQ(index(), (Moments{}));
  expect_sound();
}

TEST_F(ExpiryIndexTest, WhatWasPutOffLivesThroughTheOldMomentAndExpiresAtTheNewOne) {
  ASSERT_TRUE(put("k", "v"));
  expire_in("k", 1000);
  expire_in("k", 1600);
  const Version version = locate(collection_, "k")->entry.version;
  const uint64_t changes = store_->feed().last();
  pass(1000);
  EXPECT_EQ(*store_->sweep_expired(), 0U);
  EXPECT_EQ(index(), (Moments{600}));
  EXPECT_EQ(value("k"), "v");
  EXPECT_EQ(locate(collection_, "k")->entry.version, version);
  EXPECT_EQ(store_->feed().last(), changes);
  expect_sound();
  pass(599);
  EXPECT_EQ(*store_->sweep_expired(), 0U);
  pass(1);
  EXPECT_EQ(value("k"), "<not_found>");
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(index(), (Moments{}));
  EXPECT_EQ(info().keys, 0U);
  expect_sound();
}

TEST_F(ExpiryIndexTest, OneThatPassedBetweenTwoSweepsExpiresAtOnce) {
  ASSERT_TRUE(put("k", "v"));
  expire_in("k", 1000);
  expire_in("k", 1600);
  pass(2000);
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(index(), (Moments{}));
  expect_sound();
}

TEST_F(ExpiryIndexTest, SweepsFindWhatExpiresSoonerThanWhatTheySaw) {
  for (const char* key : {"late", "soon", "brought forward", "moved"}) ASSERT_TRUE(put(key, "v"));
  expire_in("late", 10'000);
  expire_in("brought forward", 20'000);
  expire_in("moved", 5000);
  EXPECT_EQ(*store_->sweep_expired(), 0U);
  expire_in("soon", 1000);
  expire_in("brought forward", 1000);
  ASSERT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "moved", collection_, "there"); }), "ok");
  EXPECT_EQ(*store_->sweep_expired(), 0U);
  pass(1000);
  EXPECT_EQ(*store_->sweep_expired(), 2U);
  pass(4000);
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  pass(5000);
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(index(), (Moments{}));
  expect_sound();
}

TEST_F(ExpiryIndexTest, ItFollowsRenamesAndExchanges) {
  for (const char* key : {"a", "b"}) {
    ASSERT_TRUE(put(key, key));
    expire_in(key, 1000);
  }
  const auto exchange = [&](WriteTxn& txn) {
    return rename(txn, {collection_, "a", false}, {collection_, "b", false}, RenameMode::exchange);
  };
  EXPECT_EQ(write(exchange), "ok");
  EXPECT_EQ(index(), (Moments{1000, 1000}));
  expect_sound();
  expire_in("a", 1700);
  EXPECT_EQ(write(exchange), "ok");
  EXPECT_EQ(index(), (Moments{1000, 1700}));
  expect_sound();
  expire_in("a", 1500);
  EXPECT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "a", collection_, "d/c"); }), "ok");
  expect_sound();
  EXPECT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "d/c", collection_, "b"); }), "ok");
  EXPECT_EQ(index(), (Moments{1500}));
  expect_sound();
}

TEST_F(ExpiryIndexTest, AFileThatHadAnotherNameIsIndexedWhereItGoes) {
  ASSERT_TRUE(put("a", "v"));
  ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, *locate(collection_, "a"), collection_, "b"); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return unlink(txn, {collection_, "b", false}); }), "ok");
  expire_in("a", 1000);
  expire_in("a", 1500);
  EXPECT_EQ(index(), (Moments{1000}));
  ASSERT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "a", collection_, "c"); }), "ok");
  EXPECT_EQ(index(), (Moments{1500}));
  expect_sound();
  pass(1500);
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(index(), (Moments{}));
  expect_sound();
}

TEST_F(ExpiryIndexTest, TheNextToExpireAreFoundThoughOthersWerePutOff) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(put(key, "v"));
  expire_in("a", 1000);
  expire_in("b", 1200);
  expire_in("c", 1500);
  expire_in("a", 1900);
  EXPECT_EQ(index(), (Moments{1000, 1200, 1500}));
  std::vector<EvictionCandidate> soonest;
  store_->read([&](const ReadTxn& txn) { EvictionSample(tenant_, true, 1).gather_soonest(txn, 2, soonest); });
  ASSERT_EQ(soonest.size(), 2U);
  EXPECT_EQ(soonest[0].name + soonest[1].name, "bc");
}

TEST_F(ExpiryIndexTest, CheckMendsAnIndexThatSaysLaterThanTheEntry) {
  ASSERT_TRUE(put("k", "v"));
  expire_in("k", 1000);
  ASSERT_TRUE(store_->engine().transact([&](Transaction& rows) -> Result<void> {
    const std::string row = dirent_row({collection_, "k", false});
    const std::string before(*rows.get(row));
    Entry entry = *decode_entry(before);
    entry.indexed_early_ms = entry.expires_ms + 5;
    rows.put(row, encode_entry(entry));
    return {};
  }));
  const CheckReport report = check_store(*store_);
  ASSERT_FALSE(report.sound());
  EXPECT_EQ(report.findings[0].what, "its expiry is indexed after it expires");
  CheckOptions repair;
  repair.repair = true;
  EXPECT_TRUE(check_engine(store_->engine(), repair).sound());
  expect_sound();
  EXPECT_EQ(index(), (Moments{1000}));
}

/// Without sweeps of its own.
StoreOptions lasting_store(const std::string& path) {
  StoreOptions options;
  options.engine.path = path;
  options.expiry_interval_ms = 0;
  return options;
}

TEST(ExpirySweepTest, WhatWasLeftBeforeAStartIsFound) {
  const test::TempDir dir;
  std::atomic<uint64_t> clock_ns{1'700'000'000'000'000'000};
  StoreOptions options = lasting_store(dir / "store");
  options.clock_ns = [&] { return clock_ns.load(); };
  DirId collection = 0;
  {
    auto store = Store::open(options);
    ASSERT_TRUE(store) << store.error().message();
    const DirId tenant = *(*store)->ensure_tenant("acme");
    ASSERT_TRUE((*store)->write([&](WriteTxn& txn) -> Result<void> {
      collection = *ensure_collection(txn, tenant, "default");
      for (const char* key : {"soon", "late"}) {
        PutOptions put_options;
        put_options.expires_ms = txn.now_ms() + (key[0] == 's' ? 1000 : 5000);
        if (const auto done = put(txn, collection, key, std::string_view("v"), put_options); !done) return done.error();
      }
      std::vector<std::string> members;
      for (int i = 0; i < 3000; ++i) members.push_back(std::to_string(i));
      const std::vector<std::string_view> views(members.begin(), members.end());
      if (const auto done = add_members(txn, collection, "set", views, {}); !done) return done.error();
      return remove(txn, collection, "set").has_value() ? Result<void>() : Result<void>({Errc::invalid, "not removed"});
    }));
  }
  clock_ns += 2'000'000'000;
  auto store = Store::open(options);
  ASSERT_TRUE(store) << store.error().message();
  EXPECT_EQ(*(*store)->sweep_expired(), 1U);
  EXPECT_EQ(*(*store)->sweep_expired(), 0U);
  EXPECT_EQ(*(*store)->purge_elements(), 3000U);
  clock_ns += 3'000'000'000;
  EXPECT_EQ(*(*store)->sweep_expired(), 1U);
}

TEST(ExpiryFormatTest, StoresOfFormat2AreTakenOver) {
  const std::string path = testing::TempDir() + "kvfs_format_" + std::to_string(::getpid());
  const StoreOptions options = lasting_store(path);
  const auto format = [](const Snapshot& rows) {
    uint64_t number = 0;
    FieldReader in(*rows.get(meta_row("format")));
    number = in.take<uint64_t>();
    return number;
  };
  {
    auto store = Store::open(options);
    ASSERT_TRUE(store) << store.error().message();
    EXPECT_EQ(format(*(*store)->engine().snapshot()), kRowsFormat);
    ASSERT_TRUE((*store)->engine().transact([](Transaction& rows) -> Result<void> {
      rows.put(meta_row("format"), std::string_view("\2\0\0\0\0\0\0\0", 8));
      return {};
    }));
  }
  {
    auto store = Store::open(options);
    ASSERT_TRUE(store) << store.error().message();
    EXPECT_EQ(format(*(*store)->engine().snapshot()), kRowsFormat);
  }
  std::filesystem::remove_all(path);
}

TEST_F(ExpiryIndexTest, RandomChangesLeaveTheIndexSoundAndEverythingExpiresInTime) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::map<std::string, uint64_t> model;  // 0: never
  for (int step = 0; step < 2000; ++step) {
    const std::string key = "k" + std::to_string(random() % 8);
    const auto known = model.find(key);
    const bool present = known != model.end() && (known->second == 0 || known->second > now_ms());
    if (!present) model.erase(key);
    ASSERT_EQ(value(key) != "<not_found>", present) << key << " in step " << step;
    switch (random() % 6) {
      case 0: {
        PutOptions options;
        options.expires_ms = now_ms() + 1 + random() % 100;
        ASSERT_TRUE(put(key, "v", options));
        model[key] = *options.expires_ms;
        break;
      }
      case 1:
        EXPECT_EQ(remove(key), present);
        model.erase(key);
        break;
      case 2:
      case 3:
        if (!present) break;
        expire_in(key, random() % 100);
        model[key] = locate(collection_, key)->entry.expires_ms;
        break;
      case 4:
        pass(random() % 20);
        break;
      default:
        ASSERT_TRUE(store_->sweep_expired());
        for (const int64_t moment : index()) EXPECT_GT(moment, 0);
    }
    if (step % 100 == 0) expect_sound();
  }
  pass(1000);
  ASSERT_TRUE(store_->sweep_expired());
  EXPECT_EQ(index(), (Moments{}));
  expect_sound();
}

}  // namespace
}  // namespace kvfs
