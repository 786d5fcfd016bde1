#include "store/engine/memtable.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kvfs {
namespace {

std::string show(const std::optional<Memtable::Version>& version) {
  if (!version) return "none";
  return std::to_string(version->sequence) + (version->erased ? " erased" : " " + std::string(version->value));
}

TEST(MemtableTest, EmptyTableHasNothing) {
  Memtable table;
  EXPECT_FALSE(table.get("a", 100));
  Memtable::Iterator it(table, 100);
  EXPECT_FALSE(it.valid());
  it.seek("");
  EXPECT_FALSE(it.valid());
  it.seek_before("z");
  EXPECT_FALSE(it.valid());
  it.seek_to_last();
  EXPECT_FALSE(it.valid());
  EXPECT_EQ(table.entries(), 0u);
}

TEST(MemtableTest, KeysArePutInOrderAheadOfIterators) {
  Memtable table;
  for (Sequence i = 1; i <= 100; ++i) table.put(i, std::to_string(i * 7919 % 101), "value");
  EXPECT_EQ(table.unordered(), 100U);
  table.put_in_order();
  EXPECT_EQ(table.unordered(), 0U);
  table.put(101, "new", "value");
  EXPECT_EQ(table.unordered(), 1U);
  const Memtable::Iterator it(table, 101);
  EXPECT_EQ(table.unordered(), 0U);
}

TEST(MemtableTest, EachSnapshotSeesItsVersion) {
  Memtable table;
  table.put(3, "k", "three");
  table.erase(5, "k");
  table.put(7, "k", "");
  EXPECT_EQ(show(table.get("k", 2)), "none");
  EXPECT_EQ(show(table.get("k", 3)), "3 three");
  EXPECT_EQ(show(table.get("k", 4)), "3 three");
  EXPECT_EQ(show(table.get("k", 6)), "5 erased");
  EXPECT_EQ(show(table.get("k", 7)), "7 ");
  EXPECT_EQ(table.entries(), 1u);
  EXPECT_EQ(table.first_sequence(), 3u);
  EXPECT_EQ(table.last_sequence(), 7u);
}

TEST(MemtableTest, PrefetchingTakesAnyNumberOfKeysAndChangesNothing) {
  Memtable table;
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("key" + std::to_string(i));
  for (size_t i = 0; i < names.size(); i += 2) table.put(i + 1, names[i], names[i]);
  const std::vector<std::string_view> keys(names.begin(), names.end());
  table.prefetch({});
  table.prefetch(keys);
  EXPECT_EQ(table.entries(), 100u);
  for (size_t i = 0; i < names.size(); ++i)
    EXPECT_EQ(show(table.get(keys[i], 1000)), i % 2 == 0 ? std::to_string(i + 1) + " " + names[i] : "none");
}

TEST(MemtableTest, LaterOfTwoVersionsAtOneSequenceCounts) {
  Memtable table;
  table.put(1, "k", "first");
  table.put(1, "k", "second");
  table.erase(2, "k");
  table.put(2, "k", "third");
  EXPECT_EQ(show(table.get("k", 1)), "1 second");
  EXPECT_EQ(show(table.get("k", 2)), "2 third");
  Memtable::Iterator it(table, 1);
  it.seek("");
  ASSERT_TRUE(it.valid());
  EXPECT_EQ(it.value(), "second");
  it.next();
  EXPECT_FALSE(it.valid());
}

TEST(MemtableTest, KeysAreOrderedAsUnsignedBytesAndMayHoldAnyByte) {
  using namespace std::string_literals;
  Memtable table;
  const std::vector<std::string> sorted = {"\0"s, "\0\0"s, "a", "a\0"s, "a\xff", "b", "\x80", "\xff\xff"};
  for (size_t i = sorted.size(); i-- > 0;) table.put(1, sorted[i], sorted[i]);
  Memtable::Iterator it(table, 1);
  it.seek("");
  for (const std::string& key : sorted) {
    ASSERT_TRUE(it.valid());
    EXPECT_EQ(it.key(), key);
    EXPECT_EQ(it.value(), key);
    it.next();
  }
  EXPECT_FALSE(it.valid());
}

TEST(MemtableTest, ManyKeysWithLongCommonPartsAreOrderedAsBytes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Memtable table;
  std::set<std::string> expected;
  Sequence sequence = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 2000; ++i) {
      // Keys that end within eight bytes of others, that go on with zeros, or that differ late.
      std::string key(random() % 4 * 5, "DX"[random() % 2]);
      key.append(random() % 12, '\0');
      if (random() % 2 == 0) key += "key:" + std::to_string(random() % 1000);
      key.append(random() % 3, '\0');
      table.put(++sequence, key, key);
      expected.insert(key);
    }
    Memtable::Iterator it(table, sequence);
    it.seek_to_first();
    for (const std::string& key : expected) {
      ASSERT_TRUE(it.valid());
      ASSERT_EQ(it.key(), key);
      it.next();
    }
    EXPECT_FALSE(it.valid());
  }
}

TEST(MemtableTest, BytesGrowByAtLeastWhatIsStored) {
  Memtable table;
  const size_t before = table.bytes();
  table.put(1, "k", std::string(kRowValueBytesMax, 'v'));
  EXPECT_GE(table.bytes(), before + kRowValueBytesMax);
}

// The reference: all versions, by key and then newest first.
class Model {
 public:
  void add(Sequence sequence, const std::string& key, std::optional<std::string> value) {
    keys_[key][sequence] = std::move(value);
  }
  std::string get(const std::string& key, Sequence snapshot) const {
    auto found = keys_.find(key);
    return found == keys_.end() ? "none" : visible(found->second, snapshot);
  }
  // "key:version" of all visible keys in order.
  std::vector<std::pair<std::string, std::string>> all(Sequence snapshot) const {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& [key, versions] : keys_) {
      if (auto shown = visible(versions, snapshot); shown != "none") rows.emplace_back(key, shown);
    }
    return rows;
  }

 private:
  using Versions = std::map<Sequence, std::optional<std::string>, std::greater<>>;
  static std::string visible(const Versions& versions, Sequence snapshot) {
    auto it = versions.lower_bound(snapshot);
    if (it == versions.end()) return "none";
    return std::to_string(it->first) + (it->second ? " " + *it->second : " erased");
  }
  std::map<std::string, Versions> keys_;
};

std::string show(const Memtable::Iterator& it) {
  return std::to_string(it.sequence()) + (it.erased() ? " erased" : " " + std::string(it.value()));
}

void check_iteration(const Memtable& table, const Model& model, Sequence snapshot, std::mt19937_64& random,
                     const std::function<std::string()>& some_key) {
  const auto rows = model.all(snapshot);
  Memtable::Iterator it(table, snapshot);
  size_t at = 0;
  for (it.seek_to_first(); it.valid(); it.next(), ++at) {
    ASSERT_LT(at, rows.size());
    ASSERT_EQ(it.key(), rows[at].first);
    ASSERT_EQ(show(it), rows[at].second);
  }
  ASSERT_EQ(at, rows.size());
  for (it.seek_to_last(); it.valid(); it.prev()) {
    ASSERT_GT(at, 0u);
    ASSERT_EQ(it.key(), rows[--at].first);
    ASSERT_EQ(show(it), rows[at].second);
  }
  ASSERT_EQ(at, 0u);
  // A walk in both directions from places that may not exist.
  for (int walk = 0; walk < 8; ++walk) {
    const std::string key = some_key();
    auto place = std::lower_bound(rows.begin(), rows.end(), std::make_pair(key, std::string()));
    if (random() % 2 == 0) {
      it.seek(key);
    } else {
      it.seek_before(key);
      place = place == rows.begin() ? rows.end() : place - 1;
    }
    for (int step = 0; step < 10; ++step) {
      ASSERT_EQ(it.valid(), place != rows.end());
      if (!it.valid()) break;
      ASSERT_EQ(it.key(), place->first);
      ASSERT_EQ(show(it), place->second);
      if (random() % 2 == 0) {
        it.next();
        ++place;
      } else {
        it.prev();
        place = place == rows.begin() ? rows.end() : place - 1;
      }
    }
  }
}

TEST(MemtableTest, AgreesWithAMapUnderRandomOperations) {
  const uint64_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (size_t key_count : {1, 3, 40, 700}) {
    const auto some_key = [&] {
      const uint64_t number = random() % key_count;
      return std::string(1 + number % 3, static_cast<char>('a' + number % 7)) + std::to_string(number);
    };
    Memtable table(64);  // far fewer buckets than keys
    Model model;
    Sequence sequence = 0;
    for (int round = 0; round < 12; ++round) {
      for (int i = 0; i < 60; ++i) {
        sequence += random() % 3;  // some versions share a sequence
        if (sequence == 0) sequence = 1;
        const std::string key = some_key();
        if (random() % 4 == 0) {
          table.erase(sequence, key);
          model.add(sequence, key, std::nullopt);
        } else {
          const std::string value = std::to_string(random());
          table.put(sequence, key, value);
          model.add(sequence, key, value);
        }
      }
      const Sequence snapshot = random() % (sequence + 2);
      for (int i = 0; i < 50; ++i) {
        const std::string key = some_key();
        ASSERT_EQ(show(table.get(key, snapshot)), model.get(key, snapshot)) << key << " at " << snapshot;
      }
      ASSERT_NO_FATAL_FAILURE(check_iteration(table, model, snapshot, random, some_key));
      ASSERT_NO_FATAL_FAILURE(check_iteration(table, model, sequence, random, some_key));
    }
  }
}

// The writer adds, at each sequence, the sequence's number under every key; a reader at a published snapshot must
// find exactly that number everywhere, by lookups and by iteration both ways.
TEST(MemtableTest, ReadersBesideTheWriterSeeWholeSnapshots) {
  constexpr int kKeys = 20;
  constexpr Sequence kSequences = 400;
  Memtable table(16);
  std::atomic<Sequence> published{0};
  std::atomic<int> failures{0};
  const auto key_of = [](int i) { return "key" + std::to_string(100 + i); };

  const auto read = [&](uint64_t seed) {
    std::mt19937_64 random(seed);
    for (Sequence newest = 0; newest < kSequences;) {
      newest = published.load(std::memory_order_acquire);
      if (newest == 0) continue;
      const Sequence snapshot = 1 + random() % newest;
      const std::string expected = std::to_string(snapshot);
      const auto version = table.get(key_of(static_cast<int>(random() % kKeys)), snapshot);
      if (!version || version->value != expected) ++failures;
      Memtable::Iterator it(table, snapshot);
      int forward = 0;
      for (it.seek(""); it.valid(); it.next(), ++forward) failures += it.value() != expected;
      int backward = 0;
      for (it.seek_before("z"); it.valid(); it.prev(), ++backward) failures += it.value() != expected;
      failures += forward != kKeys || backward != kKeys;
    }
  };
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < 3; ++i) readers.emplace_back(read, i);
  std::mt19937 random(1);
  for (Sequence sequence = 1; sequence <= kSequences; ++sequence) {
    const int start = static_cast<int>(random() % kKeys);
    for (int i = 0; i < kKeys; ++i) table.put(sequence, key_of((start + i) % kKeys), std::to_string(sequence));
    published.store(sequence, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(table.entries(), static_cast<size_t>(kKeys));
}

TEST(MemtableTest, VersionsThatNobodyCanSeeGiveTheirMemoryBack) {
  Memtable table;
  const auto write = [&table](Sequence from, Sequence to) {
    for (Sequence sequence = from; sequence < to; ++sequence)
      table.put(sequence, "k", std::string(100, static_cast<char>('a' + sequence % 26)));
  };
  write(1, 2000);
  const size_t seen_by_all = table.bytes();
  table.forget_before(1999);
  write(2000, 2002);
  EXPECT_EQ(show(table.get("k", 1999)), "1999 " + std::string(100, static_cast<char>('a' + 1999 % 26)));
  write(2002, 3000);
  EXPECT_EQ(table.bytes(), seen_by_all);
  EXPECT_EQ(show(table.get("k", 3000)), "2999 " + std::string(100, static_cast<char>('a' + 2999 % 26)));
}

// The writer recycles all that a registered reader does not need; the reader must find its own versions whole.
TEST(MemtableTest, ReadersSeeTheirVersionsWhileOldOnesAreUsedAgain) {
  constexpr Sequence kSequences = 30'000;
  constexpr int kKeys = 10;
  Memtable table;
  std::atomic<Sequence> published{0};
  std::atomic<Sequence> reading{UINT64_MAX};
  std::atomic<bool> done{false};
  int failures = 0;
  const auto key_of = [](int i) { return "key" + std::to_string(i); };
  const auto value_of = [](Sequence sequence, int i) {
    return std::string(1 + (sequence * 7 + static_cast<Sequence>(i)) % 90, static_cast<char>('a' + sequence % 26));
  };
  std::thread reader([&] {
    while (!done.load()) {
      Sequence at = published.load();
      do {
        reading.store(at);
      } while (published.load() != at && (at = published.load(), true));
      for (int i = 0; at != 0 && i < kKeys; ++i) {
        const auto version = table.get(key_of(i), at);
        failures += !version || version->sequence != at || version->value != value_of(at, i);
      }
      reading.store(UINT64_MAX);
    }
  });
  for (Sequence sequence = 1; sequence <= kSequences; ++sequence) {
    for (int i = 0; i < kKeys; ++i) table.put(sequence, key_of(i), value_of(sequence, i));
    published.store(sequence);
    table.forget_before(std::min(reading.load(), sequence));
  }
  done.store(true);
  reader.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace kvfs
