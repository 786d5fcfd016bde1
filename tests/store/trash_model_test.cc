// Random removals, restores, expiries, open files, sweeps and reopenings of a store with a trash against std::map.
// KVFS_TEST_SEED repeats a run, KVFS_TEST_STEPS lengthens it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "store/check.h"
#include "store/store.h"
#include "tests/support/temp_dir.h"

namespace kvfs {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

struct Live {
  std::string value;
  uint64_t expires_ms = 0;
  Inode inode = 0;
};
struct Removed {
  std::string key;
  Live was;
  uint64_t ends_ms = 0;
};

class TrashModelTest : public testing::TestWithParam<const char*> {
 protected:
  static constexpr uint64_t kKeepMs = 400;
  static constexpr uint64_t kKeysMax = 25;
  static constexpr uint64_t kBytesMax = 400'000;

  void SetUp() override {
    open();
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
  }

  void open() {
    store_.reset();
    StoreOptions options;
    options.engine.kind = GetParam();
    options.engine.path = files_ / "store";
    options.engine.memtable_entries_max = 300;
    options.expiry_interval_ms = 0;
    options.trash = {kKeepMs, kBytesMax, kKeysMax};
    options.clock_ns = [this] { return now_ms_ * 1'000'000; };
    Result<std::unique_ptr<Store>> opened = Store::open(options);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    held_.clear();
    while (!orphans_.empty()) end_orphan(orphans_.begin()->first);
  }

  uint64_t below(uint64_t limit) { return random_() % limit; }
  std::string some_key() {
    std::string key(1, static_cast<char>('a' + below(4)));
    for (uint64_t depth = below(3); depth > 0; --depth) key += (below(2) == 0 ? "/" : "") + std::to_string(below(3));
    return key;
  }
  std::optional<Inode> inode_of(const std::string& key) {
    return store_->read([&](const ReadTxn& txn) -> std::optional<Inode> {
      const Result<Entry> entry = get(txn, collection_, key);
      return entry ? std::optional(entry->inode) : std::nullopt;
    });
  }

  void put() {
    const std::string key = some_key();
    const uint64_t bytes = below(10) == 0 ? below(200'000) : below(100);
    Live live{std::string(bytes, static_cast<char>('A' + below(26))), below(5) == 0 ? now_ms_ + 1 + below(800) : 0, 0};
    ValueWriter writer(store_->chunks(), kValueBytesMax);
    ASSERT_TRUE(writer.append(live.value));
    Result<StagedValue> staged = writer.finish();
    ASSERT_TRUE(staged);
    PutOptions options;
    options.expires_ms = live.expires_ms;
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, key, *staged, options); }));
    staged->published();
    live.inode = *inode_of(key);
    live_[key] = live;
  }

  void note_removed(const std::string& key, const Live& was, Version id) {
    Removed removed{key, was, now_ms_ + kKeepMs};
    if (was.expires_ms != 0) removed.ends_ms = std::min(removed.ends_ms, was.expires_ms);
    if (held_.contains(was.inode))
      orphans_[was.inode] = {id, removed};
    else
      trash_[id] = removed;
  }
  void end_orphan(Inode inode) {
    const auto [id, removed] = orphans_.at(inode);
    if (removed.ends_ms > now_ms_) trash_[id] = removed;
    orphans_.erase(inode);
  }

  void remove() {
    const std::string key = some_key();
    const auto done = store_->write([&](WriteTxn& txn) { return kvfs::remove(txn, collection_, key); });
    const auto live = live_.find(key);
    ASSERT_EQ(done.has_value(), live != live_.end()) << key;
    if (!done) return;
    note_removed(key, live->second, *done);
    live_.erase(live);
  }

  void move() {
    const auto from = live_.find(some_key());
    const std::string to = some_key();
    const auto target = live_.find(to);
    if (from == live_.end() || from->first == to) return;
    if (target != live_.end() && held_.contains(target->second.inode)) return;
    ASSERT_TRUE(
        store_->write([&](WriteTxn& txn) { return rename_key(txn, collection_, from->first, collection_, to); }));
    if (target != live_.end()) {
      const auto id = store_->read([&](const ReadTxn& txn) -> Result<Version> {
        const auto last = find_last_trashed(txn, tenant_, "default", to);
        if (!last) return last.error();
        return last->id;
      });
      ASSERT_TRUE(id) << to;
      note_removed(to, target->second, *id);
    }
    const Live moved = from->second;
    live_.erase(from);
    live_[to] = moved;
  }

  void hold_or_release() {
    if (!held_.empty() && below(2) == 0) {
      const Inode inode = std::next(held_.begin(), static_cast<std::ptrdiff_t>(below(held_.size())))->first;
      held_.erase(inode);
      store_->release_inode(inode);
      if (orphans_.contains(inode)) end_orphan(inode);
      return;
    }
    const std::string key = some_key();
    const auto live = live_.find(key);
    if (live == live_.end() || held_.contains(live->second.inode)) return;
    const Result<Slot> slot = store_->read([&](const ReadTxn& txn) { return find_slot(txn, collection_, key); });
    ASSERT_TRUE(slot);
    store_->hold_inode(live->second.inode, *slot);
    held_[live->second.inode] = true;
  }

  void restore() {
    if (trash_.empty()) return;
    const auto item = std::next(trash_.begin(), static_cast<std::ptrdiff_t>(below(trash_.size())));
    const bool replace = below(2) == 0;
    const std::string to = below(3) == 0 ? some_key() : item->second.key;
    const auto present = live_.find(to);
    const bool is_there = item->second.ends_ms > now_ms_;
    if (present != live_.end() && held_.contains(present->second.inode)) return;
    const auto done = store_->write([&](WriteTxn& txn) {
      return restore_trashed(txn, tenant_, item->first, RestoreTarget{"default", to, replace});
    });
    ASSERT_EQ(done.has_value(), is_there && (replace || present == live_.end())) << to;
    if (!done) return;
    const Live back = item->second.was;
    trash_.erase(item);
    if (present != live_.end()) {
      const Version id =
          store_->read([&](const ReadTxn& txn) { return find_last_trashed(txn, tenant_, "default", to)->id; });
      note_removed(to, present->second, id);
    }
    live_[to] = back;
    ASSERT_EQ(inode_of(to), back.inode) << "a value keeps its inode";
  }

  void drop() {
    if (trash_.empty()) return;
    const auto item = std::next(trash_.begin(), static_cast<std::ptrdiff_t>(below(trash_.size())));
    ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return drop_trashed(txn, tenant_, item->first); }));
    trash_.erase(item);
  }

  void sweep() {
    ASSERT_TRUE(store_->sweep_expired());
    ASSERT_TRUE(store_->sweep_trash());
    std::erase_if(trash_, [&](const auto& each) { return each.second.ends_ms <= now_ms_; });
    uint64_t bytes = 0;
    for (const auto& [id, removed] : trash_) bytes += removed.was.value.size();
    while (trash_.size() > kKeysMax || bytes > kBytesMax) {
      bytes -= trash_.begin()->second.was.value.size();
      trash_.erase(trash_.begin());
    }
  }

  void expect_same() {
    store_->read([&](const ReadTxn& txn) {
      size_t live = 0;
      KeyCursor cursor(txn, collection_);
      for (cursor.seek(""); cursor.valid(); cursor.next(), ++live) {
        const auto model = live_.find(std::string(cursor.key()));
        ASSERT_TRUE(model != live_.end()) << cursor.key();
        ASSERT_TRUE(*read_whole_value(txn, cursor.entry(), 1 << 30) == model->second.value) << cursor.key();
        ASSERT_EQ(cursor.entry().expires_ms, model->second.expires_ms) << cursor.key();
      }
      ASSERT_EQ(live, live_.size());
      auto next = trash_.begin();
      const auto pass_ended = [&] {
        while (next != trash_.end() && next->second.ends_ms <= now_ms_) ++next;
      };
      pass_ended();
      list_trash(txn, tenant_, 0, [&](const Trashed& item) {
        EXPECT_TRUE(next != trash_.end()) << item.key;
        if (next == trash_.end()) return false;
        EXPECT_EQ(item.id, next->first);
        EXPECT_EQ(item.key, next->second.key);
        EXPECT_EQ(item.ends_ms, next->second.ends_ms);
        EXPECT_TRUE(*read_whole_value(txn, item.entry, 1 << 30) == next->second.was.value) << item.key;
        ++next;
        pass_ended();
        return true;
      });
      ASSERT_TRUE(next == trash_.end());
      TrashUse use;
      for (const auto& [id, removed] : trash_) use.keys += 1, use.bytes += removed.was.value.size();
      ASSERT_EQ(trash_use(txn, tenant_), use);
      const Store::Usage usage = store_->usage(tenant_);
      ASSERT_EQ(usage.trash_keys, use.keys);
      ASSERT_EQ(usage.trash_bytes, use.bytes);
    });
  }

  void expect_sound() {
    const CheckReport report = check_store(*store_);
    ASSERT_TRUE(report.sound()) << report.findings.front().where << ": " << report.findings.front().what;
  }

  void step() {
    now_ms_ += below(3);
    std::erase_if(live_,
                  [&](const auto& each) { return each.second.expires_ms != 0 && each.second.expires_ms <= now_ms_; });
    const uint64_t what = below(1000);
    if (what < 350) return put();
    if (what < 570) return remove();
    if (what < 670) return move();
    if (what < 740) return hold_or_release();
    if (what < 850) return restore();
    if (what < 870) return drop();
    if (what < 920) return sweep();
    if (what < 960) return expect_same();
    if (what < 980) return expect_sound();
    if (what < 990) return void(store_->checkpoint());
    if (std::string(GetParam()) != "memory") open();
  }

  const test::TempDir files_;
  std::mt19937_64 random_;
  std::atomic<uint64_t> now_ms_{1'700'000'000'000};
  std::unique_ptr<Store> store_;
  DirId tenant_ = 0;
  DirId collection_ = 0;
  std::map<std::string, Live> live_;
  std::map<Version, Removed> trash_;
  std::map<Inode, bool> held_;
  std::map<Inode, std::pair<Version, Removed>> orphans_;
};

TEST_P(TrashModelTest, AgreesWithAMap) {
  const uint64_t seed = from_environment("KVFS_TEST_SEED", std::random_device{}());
  SCOPED_TRACE("KVFS_TEST_SEED=" + std::to_string(seed));
  random_.seed(seed);
  for (uint64_t steps = from_environment("KVFS_TEST_STEPS", 3000); steps > 0 && !HasFailure(); --steps) step();
  if (HasFailure()) return;
  expect_same();
  expect_sound();
}

INSTANTIATE_TEST_SUITE_P(Engines, TrashModelTest, testing::Values("lmdb", "memory"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace kvfs
