// Random changes, scans, snapshots, checkpoints, expiry and reopenings of a whole store against std::map.
// KVFS_TEST_SEED repeats a run, KVFS_TEST_STEPS lengthens it.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "store/check.h"
#include "store/snapshots.h"
#include "store/store.h"
#include "tests/support/temp_dir.h"

namespace kvfs {
namespace {

struct Kept {
  std::string value;
  uint64_t expires_ms = 0;
};
using Model = std::map<std::string, Kept>;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

class StoreModelTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    open();
    const DirId tenant = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant, "default"); });
  }

  void open() {
    close();
    StoreOptions options;
    options.engine.kind = GetParam();
    options.engine.path = files_ / "store";
    options.engine.memtable_entries_max = 300;  // so that memtables are frozen and folded all the time
    options.expiry_interval_ms = 0;
    options.clock_ns = [this] { return now_ms_ * 1'000'000; };
    Result<std::unique_ptr<Store>> opened = Store::open(options);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    snapshots_ = std::make_unique<Snapshots>(*store_);
  }
  void close() {
    past_.clear();
    snapshots_.reset();
    store_.reset();
  }
  void TearDown() override { close(); }

  uint64_t below(uint64_t limit) { return random_() % limit; }
  std::string some_key() {
    std::string key(1, static_cast<char>('a' + below(5)));
    for (uint64_t depth = below(4); depth > 0; --depth) key += (below(2) == 0 ? "/" : "") + std::to_string(below(4));
    return key;
  }
  std::string some_value() {
    const uint64_t bytes = below(30) == 0 ? below(200'000) : below(100);
    return std::string(bytes, static_cast<char>('A' + below(26)));
  }

  static void forget_expired(Model& model, uint64_t now_ms) {
    std::erase_if(model,
                  [&](const auto& each) { return each.second.expires_ms != 0 && each.second.expires_ms <= now_ms; });
  }

  void put() {
    const std::string key = some_key();
    Kept kept{some_value(), below(5) == 0 ? now_ms_ + 1 + below(500) : 0};
    ValueWriter writer(store_->chunks(), kValueBytesMax);
    ASSERT_TRUE(writer.append(kept.value));
    Result<StagedValue> staged = writer.finish();
    ASSERT_TRUE(staged);
    PutOptions options;
    options.expires_ms = kept.expires_ms;
    const bool existed = model_.contains(key);
    const auto done = store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, key, *staged, options); });
    ASSERT_TRUE(done) << key << ": " << done.error().message();
    staged->published();
    EXPECT_EQ(done->created, !existed) << key;
    model_[key] = std::move(kept);
  }

  void remove() {
    const std::string key = some_key();
    const auto done = store_->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection_, key); });
    EXPECT_EQ(done.has_value(), model_.erase(key) == 1) << key;
  }

  void move_or_copy() {
    const std::string from = some_key();
    const std::string to = some_key();
    const bool moves = below(2) == 0;
    const auto done = store_->write([&](WriteTxn& txn) {
      return moves ? rename_key(txn, collection_, from, collection_, to)
                   : copy_key(txn, collection_, from, collection_, to);
    });
    const auto found = model_.find(from);
    ASSERT_EQ(done.has_value(), found != model_.end()) << from << " to " << to;
    if (!done || from == to) return;
    const Kept kept = found->second;
    if (moves) model_.erase(found);
    model_[to] = kept;
  }

  /// All of it or nothing.
  void several_at_once() {
    const bool fails = below(3) == 0;
    Model changed = model_;
    const Result<void> done = store_->write([&](WriteTxn& txn) -> Result<void> {
      for (int i = 0; i < 5; ++i) {
        const std::string key = some_key();
        if (auto ok = kvfs::put(txn, collection_, key, std::string_view("batch")); !ok) return ok.error();
        changed[key] = {"batch", 0};
      }
      if (fails) return {Errc::precondition_failed, "on purpose"};
      return {};
    });
    EXPECT_EQ(done.has_value(), !fails);
    if (done) model_ = std::move(changed);
  }

  void expect_same(const ReadTxn& txn, const Model& model) {
    KeyCursor cursor(txn, collection_);
    cursor.seek("");
    for (const auto& [key, kept] : model) {
      ASSERT_TRUE(cursor.valid()) << key << " is missing";
      ASSERT_EQ(cursor.key(), key);
      const Result<std::string> value = read_whole_value(txn, cursor.entry(), 1 << 30);
      ASSERT_TRUE(value && *value == kept.value) << key;
      ASSERT_EQ(cursor.entry().expires_ms, kept.expires_ms) << key;
      cursor.next();
    }
    ASSERT_FALSE(cursor.valid()) << cursor.key();
  }

  void walk() {
    store_->read([&](const ReadTxn& txn) {
      KeyCursor cursor(txn, collection_);
      const std::string key = some_key();
      auto row = model_.lower_bound(key);
      cursor.seek(key);
      for (uint64_t steps = 1 + below(20); steps > 0; --steps) {
        ASSERT_EQ(cursor.valid(), row != model_.end());
        if (!cursor.valid()) return;
        ASSERT_EQ(cursor.key(), row->first);
        if (below(2) == 0) {
          cursor.next();
          ++row;
        } else {
          cursor.prev();
          row = row == model_.begin() ? model_.end() : std::prev(row);
        }
      }
    });
  }

  void look_back() {
    if (past_.size() < 4) {
      const auto taken = snapshots_->take("s" + std::to_string(next_snapshot_++));
      ASSERT_TRUE(taken) << taken.error().message();
      past_.push_back({*taken, model_});
      return;
    }
    const size_t at = below(past_.size());
    ASSERT_TRUE(past_[at].snapshot->read([&](const ReadTxn& txn) -> Result<void> {
      expect_same(txn, past_[at].model);
      return {};
    }));
    ASSERT_TRUE(snapshots_->drop(past_[at].snapshot->name()));
    past_.erase(past_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void step() {
    now_ms_ += below(3);
    forget_expired(model_, now_ms_);
    const uint64_t what = below(1000);
    if (what < 500) return put();
    if (what < 650) return remove();
    if (what < 800) return move_or_copy();
    if (what < 850) return several_at_once();
    if (what < 940) return walk();
    if (what < 970) return look_back();
    if (what < 980) return void(store_->sweep_expired().value());
    if (what < 990) return void(store_->checkpoint());
    if (what < 994 && std::string(GetParam()) != "memory") return open();
    store_->read([&](const ReadTxn& txn) { expect_same(txn, model_); });
  }

  struct Past {
    Snapshots::Ptr snapshot;
    Model model;
  };
  const test::TempDir files_;
  std::mt19937_64 random_;
  std::atomic<uint64_t> now_ms_{1'700'000'000'000};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Snapshots> snapshots_;
  DirId collection_ = 0;
  Model model_;
  std::vector<Past> past_;
  uint64_t next_snapshot_ = 0;
};

TEST_P(StoreModelTest, AgreesWithAMap) {
  const uint64_t seed = from_environment("KVFS_TEST_SEED", std::random_device{}());
  SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
  random_.seed(seed);
  for (uint64_t steps = from_environment("KVFS_TEST_STEPS", 4000); steps > 0 && !HasFailure(); --steps) step();
  ASSERT_FALSE(HasFailure());
  store_->read([&](const ReadTxn& txn) { expect_same(txn, model_); });
  past_.clear();
  snapshots_ = std::make_unique<Snapshots>(*store_);
  ASSERT_TRUE(store_->sweep_expired());
  EXPECT_EQ(store_->usage(0).keys, model_.size());
  const CheckReport report = check_store(*store_);
  EXPECT_TRUE(report.sound()) << report.findings.front().where << ": " << report.findings.front().what;
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreModelTest, testing::Values("lmdb", "memory"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace kvfs
