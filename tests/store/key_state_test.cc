// Replicas as stores: keys change apart, states are exchanged at random, and all become the same.
#include "store/key_state.h"

#include <gtest/gtest.h>

#include <random>

#include "store/check.h"
#include "store/runtime.h"
#include "store/store.h"
#include "store/typed_value.h"

namespace kvfs {
namespace {

class Replica {
 public:
  explicit Replica(std::atomic<uint64_t>& clock_ns) {
    StoreOptions options;
    options.engine.kind = "memory";
    options.expiry_interval_ms = 0;
    options.keep_tombstones = true;
    options.clock_ns = [&clock_ns] { return clock_ns.load(); };
    store = *Store::open(options);
    const DirId tenant = *store->ensure_tenant("t");
    collection = *store->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant, "c"); });
  }
  KeyState state(std::string_view key) {
    return *store->read([&](const ReadTxn& txn) { return state_of(txn, collection, key); });
  }
  bool merge(std::string_view key, const KeyState& theirs) {
    // Over the wire and back.
    const KeyState sent = *KeyState::decode(theirs.encode());
    const auto done = store->write([&](WriteTxn& txn) { return merge_state(txn, collection, key, sent); });
    EXPECT_TRUE(done) << done.error().message();
    return done && *done;
  }
  void put(std::string_view key, std::string_view value) {
    EXPECT_TRUE(store->write([&](WriteTxn& txn) { return kvfs::put(txn, collection, key, value, PutOptions()); }));
  }
  void add(std::string_view key, std::string_view member) { change(key, member, true); }
  void take(std::string_view key, std::string_view member) { change(key, member, false); }
  void add_number(std::string_view key, int64_t amount) {
    (void)store->write([&](WriteTxn& txn) { return add_to_counter(txn, collection, key, amount, keep()); });
  }
  void remove(std::string_view key) {
    (void)store->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection, key); });
  }
  void expire_at(std::string_view key, uint64_t ms) {
    (void)store->write([&](WriteTxn& txn) { return set_expiry(txn, collection, key, ms); });
  }
  std::string value(std::string_view key) {
    return store->read([&](const ReadTxn& txn) -> std::string {
      const auto entry = get(txn, collection, key);
      if (!entry) return "<none>";
      return std::string(to_string(entry->type)) + ":" + *read_whole_value(txn, *entry, 1 << 20);
    });
  }
  std::string findings() {
    std::string out;
    for (const CheckFinding& finding : check_store(*store).findings) out += finding.where + ": " + finding.what + "\n";
    return out;
  }

  std::unique_ptr<Store> store;
  DirId collection = 0;

 private:
  static PutOptions keep() {
    PutOptions options;
    options.keep_expiry = true;
    return options;
  }
  void change(std::string_view key, std::string_view member, bool add) {
    const std::vector<std::string_view> members{member};
    (void)store->write([&](WriteTxn& txn) {
      return add ? add_members(txn, collection, key, members, keep()) : remove_members(txn, collection, key, members);
    });
  }
};

class KeyStateTest : public testing::Test {
 protected:
  void exchange(std::string_view key) {
    one.merge(key, two.state(key));
    two.merge(key, one.state(key));
    EXPECT_TRUE(one.state(key) == two.state(key)) << key;
  }
  void tick() { clock_ns += 1'000'000; }

  std::atomic<uint64_t> clock_ns{1'700'000'000'000'000'000};
  Replica one{clock_ns};
  Replica two{clock_ns};
  const unsigned seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

TEST_F(KeyStateTest, TheLaterBytesWin) {
  one.put("k", "first");
  tick();
  two.put("k", "second");
  exchange("k");
  EXPECT_EQ(one.value("k"), "bytes:second");
  EXPECT_FALSE(one.merge("k", two.state("k"))) << "nothing new";
}

TEST_F(KeyStateTest, AWriteAfterAMergeIsLaterThoughTheClockIsBehind) {
  clock_ns += 1'000'000'000'000;
  two.put("k", "ahead");
  clock_ns -= 1'000'000'000'000;
  one.merge("k", two.state("k"));
  one.put("k", "behind");
  exchange("k");
  EXPECT_EQ(two.value("k"), "bytes:behind");
}

TEST_F(KeyStateTest, CountersAddUp) {
  one.add_number("n", 3);
  two.add_number("n", 4);
  exchange("n");
  EXPECT_EQ(one.value("n"), "counter:7\n");
  one.add_number("n", -2);
  two.add_number("n", 10);
  exchange("n");
  exchange("n");
  EXPECT_EQ(two.value("n"), "counter:15\n");
}

TEST_F(KeyStateTest, AnAdditionElsewhereWinsOverARemoval) {
  one.add("s", "a");
  exchange("s");
  one.take("s", "a");
  two.add("s", "b");
  exchange("s");
  EXPECT_EQ(one.value("s"), "set:b\n");
  two.remove("s");
  one.add("s", "c");
  exchange("s");
  EXPECT_EQ(two.value("s"), "set:c\n");
}

TEST_F(KeyStateTest, WhatIsRemovedDoesNotComeBack) {
  one.put("k", "v");
  one.add("s", "a");
  one.add_number("n", 1);
  const KeyState old_k = one.state("k"), old_s = one.state("s"), old_n = one.state("n");
  for (const char* key : {"k", "s", "n"}) exchange(key);
  for (const char* key : {"k", "s", "n"}) one.remove(key);
  one.merge("k", old_k), one.merge("s", old_s), one.merge("n", old_n);
  for (const char* key : {"k", "s", "n"}) {
    exchange(key);
    EXPECT_EQ(one.value(key), "<none>");
    EXPECT_EQ(two.value(key), "<none>");
  }
  two.add_number("n", 5);
  two.add("s", "again");
  exchange("n"), exchange("s");
  EXPECT_EQ(one.value("n"), "counter:5\n");
  EXPECT_EQ(one.value("s"), "set:again\n");
}

TEST_F(KeyStateTest, TheExpiryThatWasChangedLastCounts) {
  one.add("s", "a");
  exchange("s");
  const uint64_t now_ms = clock_ns / 1'000'000;
  one.expire_at("s", now_ms + 1000);
  tick();
  two.expire_at("s", now_ms + 9000);
  two.add("s", "b");
  exchange("s");
  EXPECT_EQ(one.state("s").expires_ms, now_ms + 9000);
}

TEST_F(KeyStateTest, ForgettingEndsTombstonesOfWhatAllHaveSeen) {
  one.put("early", "v"), one.remove("early");
  const Version stable = one.store->runtime().last_version() + 1;
  tick();
  one.put("late", "v"), one.remove("late");
  std::string after;
  do {
    after = *one.store->write(
        [&](WriteTxn& txn) -> Result<std::string> { return forget_removed(txn, one.collection, stable, after, 1); });
  } while (!after.empty());
  EXPECT_TRUE(one.state("early").kind == KeyState::Kind::absent);
  EXPECT_TRUE(one.state("late").kind == KeyState::Kind::removed);
}

TEST_F(KeyStateTest, StatesOfAnyBytesAreDecodedSafely) {
  one.add("s", "a");
  const std::string good = one.state("s").encode();
  EXPECT_TRUE(KeyState::decode(good));
  std::mt19937 random(seed_);
  for (size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(KeyState::decode(good.substr(0, cut)));
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    (void)KeyState::decode(bad);
  }
}

TEST(ReplicasTest, StoresThatExchangeStatesInAnyOrderBecomeTheSame) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr size_t kReplicas = 3;
  constexpr const char* kKeys[] = {"a", "b", "dir/c"};
  for (int round = 0; round < 8; ++round) {
    std::atomic<uint64_t> clock_ns{1'700'000'000'000'000'000};
    std::vector<std::unique_ptr<Replica>> replicas;
    for (size_t i = 0; i < kReplicas; ++i) replicas.push_back(std::make_unique<Replica>(clock_ns));
    std::vector<std::pair<std::string, KeyState>> sent;
    for (int step = 0; step < 300; ++step) {
      Replica& one = *replicas[random() % kReplicas];
      const std::string key = kKeys[random() % 3];
      const std::string member = "m" + std::to_string(random() % (round % 2 == 0 ? 5 : 400));
      if (random() % 4 != 0) clock_ns += random() % 3'000'000;
      switch (random() % 12) {
        case 0:
          one.put(key, member);
          break;
        case 1:
          one.remove(key);
          break;
        case 2:
          one.add_number(key, static_cast<int64_t>(random() % 9) - 4);
          break;
        case 3:
          one.take(key, member);
          break;
        case 4:
          one.expire_at(key, clock_ns / 1'000'000 + 60'000 + random() % 1000);
          break;
        case 5:
        case 6:
        case 7:
          for (int i = 0; i < (round % 2 == 0 ? 1 : 60); ++i) one.add(key, member + ":" + std::to_string(i));
          break;
        default: {
          // Late, twice, or never between those that are apart.
          const size_t from = random() % kReplicas;
          if (step % 60 < 30 && from == 0) break;
          sent.emplace_back(key, replicas[from]->state(key));
          const auto& [about, state] = sent[random() % sent.size()];
          one.merge(about, state);
        }
      }
    }
    for (int again = 0; again < 2; ++again)
      for (size_t i = 0; i < kReplicas * kReplicas; ++i)
        for (const char* key : kKeys)
          replicas[i % kReplicas]->merge(key, replicas[(i / kReplicas + i) % kReplicas]->state(key));
    for (size_t i = 0; i < kReplicas; ++i)
      for (size_t j = 0; j < kReplicas; ++j)
        for (const char* key : kKeys) replicas[i]->merge(key, replicas[j]->state(key));
    for (const char* key : kKeys)
      for (size_t i = 1; i < kReplicas; ++i) {
        EXPECT_TRUE(replicas[i]->state(key) == replicas[0]->state(key)) << key << " round " << round;
        EXPECT_EQ(replicas[i]->value(key).size(), replicas[0]->value(key).size());
      }
    for (const auto& replica : replicas) EXPECT_EQ(replica->findings(), "");
  }
}

}  // namespace
}  // namespace kvfs
