#include "store/typed_value.h"

#include <map>
#include <random>
#include <set>
#include <sstream>

#include "store/check.h"
#include "store/dump.h"
#include "store/key_state.h"
#include "store/set_value.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

class TypedValueTest : public StoreTest {
 protected:
  uint64_t add(std::string_view key, const std::vector<std::string>& members) { return change(key, members, true); }
  uint64_t take(std::string_view key, const std::vector<std::string>& members) { return change(key, members, false); }
  uint64_t change(std::string_view key, const std::vector<std::string>& members, bool add) {
    const std::vector<std::string_view> views(members.begin(), members.end());
    PutOptions options;
    options.keep_expiry = options.keep_content_type = true;
    const auto done = store_->write([&](WriteTxn& txn) {
      return add ? add_members(txn, collection_, key, views, options) : remove_members(txn, collection_, key, views);
    });
    EXPECT_TRUE(done) << done.error().message();
    return done ? done->changed : 0;
  }
  std::string add_number(std::string_view key, int64_t amount) {
    PutOptions options;
    options.keep_expiry = true;
    const auto done =
        store_->write([&](WriteTxn& txn) { return add_to_counter(txn, collection_, key, amount, options); });
    return done ? std::to_string(done->value) : std::string(to_string(done.error().code));
  }
  Result<PutOutcome> put_as(std::string_view key, ValueType type, std::string text) {
    PutOptions options;
    options.type = type;
    return put(key, std::move(text), options);
  }
  Entry entry(std::string_view key) {
    return store_->read([&](const ReadTxn& txn) {
      Entry found = *get(txn, collection_, key);
      found.content_type = found.xattrs = found.inline_value = found.state = {};
      return found;
    });
  }
  template <class Use>
  auto read_set(std::string_view key, Use&& use) {
    return store_->read([&](const ReadTxn& txn) { return use(SetReader(txn, *get(txn, collection_, key))); });
  }
  std::string write_file(std::string_view name, const std::string& text, std::optional<uint64_t> appended_from) {
    const Result<Located> node = locate(collection_, name);
    const StagedValue staged = StagedValue::inlined(store_->chunks(), text);
    ValueChange change;
    change.appended_from = appended_from;
    return write([&](WriteTxn& txn) { return set_value(txn, *node, staged, change); });
  }
  size_t rows_in(Table table) {
    return store_->read([&](const ReadTxn& txn) {
      size_t count = 0;
      const auto cursor = txn.rows().cursor();
      const std::string prefix(1, static_cast<char>(table));
      for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) ++count;
      return count;
    });
  }
  static std::vector<std::string> numbered(size_t count, const std::string& prefix = "member:") {
    std::vector<std::string> out;
    for (size_t i = 0; i < count; ++i) out.push_back(prefix + std::to_string(i));
    return out;
  }

  const unsigned seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

TEST_F(TypedValueTest, ACounterIsItsNumberAndALineFeed) {
  EXPECT_EQ(add_number("hits", 5), "5");
  EXPECT_EQ(add_number("hits", -7), "-2");
  EXPECT_EQ(value("hits"), "-2\n");
  EXPECT_EQ(entry("hits").type, ValueType::counter);
  EXPECT_EQ(entry("hits").size, 3U);
}

TEST_F(TypedValueTest, WritingACounterSetsItAndAppendingAdds) {
  add_number("hits", 5);
  EXPECT_EQ(write_file("hits", "7\n", std::nullopt), "ok");
  EXPECT_EQ(value("hits"), "7\n");
  add_number("hits", 1);  // another door, after the file was opened
  EXPECT_EQ(write_file("hits", "7\n+5\n-1\n", 2), "ok");
  EXPECT_EQ(value("hits"), "12\n");
  EXPECT_EQ(write_file("hits", "1\n+1\n", std::nullopt), "ok");
  EXPECT_EQ(value("hits"), "2\n");
  EXPECT_EQ(write_file("hits", "", std::nullopt), "ok");
  EXPECT_EQ(value("hits"), "0\n");
  EXPECT_EQ(write_file("hits", "many\n", std::nullopt), "invalid");
  EXPECT_EQ(write_file("hits", "9223372036854775807\n+1\n", std::nullopt), "out_of_range");
  EXPECT_EQ(value("hits"), "0\n");
}

TEST_F(TypedValueTest, CountersAndSetsRefuseEachOthersOperations) {
  (void)put("bytes", "5");
  add("set", {"a"});
  add_number("counter", 1);
  EXPECT_EQ(add_number("bytes", 1), "wrong_type");
  EXPECT_EQ(add_number("set", 1), "wrong_type");
  const std::vector<std::string_view> member{"x"};
  EXPECT_EQ(write([&](WriteTxn& txn) { return add_members(txn, collection_, "counter", member, {}); }), "wrong_type");
  EXPECT_EQ(write([&](WriteTxn& txn) { return remove_members(txn, collection_, "bytes", member); }), "wrong_type");
  EXPECT_EQ(add_number("counter", INT64_MAX), "out_of_range");
}

TEST_F(TypedValueTest, AddingWhatIsThereIsNoChange) {
  EXPECT_EQ(add("s", {"b", "a", "b"}), 2U);
  const Version version = entry("s").version;
  EXPECT_EQ(add("s", {"a"}), 0U);
  EXPECT_EQ(entry("s").version, version);
  EXPECT_EQ(value("s"), "a\nb\n");
}

TEST_F(TypedValueTest, WritingASetReplacesItsMembersAndAppendingAdds) {
  add("s", {"a", "b"});
  EXPECT_EQ(write_file("s", "c\nb\nd", std::nullopt), "ok");
  EXPECT_EQ(value("s"), "b\nc\nd\n");
  add("s", {"meanwhile"});
  EXPECT_EQ(write_file("s", "b\nc\nd\ne\n", 6), "ok");
  EXPECT_EQ(value("s"), "b\nc\nd\ne\nmeanwhile\n");
}

TEST_F(TypedValueTest, ALargeSetLiesInElementRowsAndBehavesAsASmallOne) {
  std::mt19937 random(seed_);
  std::set<std::string> model;
  for (int step = 0; step < 2000; ++step) {
    std::string member = "m" + std::to_string(random() % 600);
    if (random() % 50 == 0) member += "\n\\" + std::string(random() % 300, 'x');
    if (random() % 3 != 0) {
      EXPECT_EQ(add("s", {member}), model.insert(member).second ? 1U : 0U);
    } else {
      EXPECT_EQ(model.empty() ? 0U : take("s", {member}), model.erase(member));
    }
  }
  ASSERT_GT(model.size(), kInlineMembersMax);
  EXPECT_TRUE(entry("s").elements);
  EXPECT_EQ(entry("s").keys, model.size());
  EXPECT_EQ(rows_in(Table::element), model.size());
  const std::vector<std::string> expected(model.begin(), model.end());
  EXPECT_EQ(read_set("s", [](const SetReader& set) { return set.members(); }), expected);
  EXPECT_EQ(decode_members(value("s")), expected);
  EXPECT_EQ(value("s").size(), entry("s").size);
  for (int i = 0; i < 50; ++i) {
    const std::string member = "m" + std::to_string(random() % 600);
    EXPECT_EQ(read_set("s", [&](const SetReader& set) { return set.contains(member); }), model.contains(member));
    EXPECT_TRUE(model.contains(read_set("s", [&](const SetReader& set) {
      return set.random([&](uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random); });
    })));
  }
  EXPECT_EQ(findings(), "");
}

TEST_F(TypedValueTest, AddingWhatALargeSetHasWritesNothing) {
  std::vector<std::string> members;
  for (int i = 0; i < 300; ++i) members.push_back("m" + std::to_string(i));
  EXPECT_EQ(add("s", members), 300U);
  ASSERT_TRUE(entry("s").elements);
  const Version version = entry("s").version;
  const Sequence commits = store_->last_commit();
  const uint64_t changes = store_->feed().last();
  EXPECT_EQ(add("s", {"m7", "m299"}), 0U);
  EXPECT_EQ(entry("s").version, version);
  EXPECT_EQ(store_->last_commit(), commits);
  EXPECT_EQ(store_->feed().last(), changes);
  EXPECT_EQ(add("s", {"m7", "new"}), 1U);
  EXPECT_EQ(entry("s").keys, 301U);
  const std::string_view present = "m7";
  EXPECT_EQ(write([&](WriteTxn& txn) {
              PutOptions options;
              options.precondition.if_match = {version};  // it has another one by now
              return add_members(txn, collection_, "s", {&present, 1}, options);
            }),
            "precondition_failed");
  EXPECT_TRUE(check_store(*store_).sound());
}

TEST_F(TypedValueTest, PagesMeetEveryMemberThatStays) {
  add("s", numbered(1000));
  std::set<std::string> met;
  uint64_t place = 0;
  size_t pages = 0;
  do {
    const auto page = read_set("s", [&](const SetReader& set) { return set.page(place, 10); });
    met.insert(page.members.begin(), page.members.end());
    place = page.next;
    EXPECT_LT(place, uint64_t{1} << 53);
    take("s", {"member:" + std::to_string(900 + pages % 100)});
    add("s", {"new:" + std::to_string(pages)});
    ++pages;
  } while (place != 0);
  for (const std::string& member : numbered(900)) EXPECT_TRUE(met.contains(member)) << member;
}

TEST_F(TypedValueTest, EveryMemberOfALargeSetIsDrawnNowAndThen) {
  add("s", numbered(200));
  std::mt19937_64 random(seed_);
  std::map<std::string, int> drawn;
  constexpr int kDraws = 20'000;
  read_set("s", [&](const SetReader& set) {
    for (int i = 0; i < kDraws; ++i)
      ++drawn[set.random([&](uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random); })];
    return 0;
  });
  EXPECT_EQ(drawn.size(), 200U);
  for (const auto& [member, times] : drawn) EXPECT_LT(times, 10 * kDraws / 200) << member;
}

TEST_F(TypedValueTest, AllMembersOfASetArePoppedOnceWhileOthersCome) {
  std::mt19937_64 random(seed_);
  for (const size_t size : {size_t{20}, size_t{3000}}) {
    const std::string key = "s" + std::to_string(size);
    add(key, numbered(size));
    std::set<std::string> left;
    for (const std::string& member : numbered(size)) left.insert(member);
    for (size_t came = 0; !left.empty();) {
      const size_t wanted = 1 + random() % 7;
      const auto popped = read_set(key, [&](const SetReader& set) {
        return set.to_pop(wanted,
                          [&](uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random); });
      });
      ASSERT_EQ(popped.size(), std::min(wanted, left.size()));
      for (const std::string& member : popped) ASSERT_EQ(left.erase(member), 1U) << member;
      if (left.empty()) break;
      take(key, popped);
      if (came < size && random() % 4 == 0) {
        const std::string member = "new:" + std::to_string(came++);
        add(key, {member});
        left.insert(member);
      }
    }
  }
  EXPECT_EQ(findings(), "");
}

TEST_F(TypedValueTest, ALargeSetIsReadInPiecesFromAnyOffset) {
  add("s", numbered(3000));
  const std::string whole = value("s");
  std::mt19937 random(seed_);
  std::string pieces;
  while (pieces.size() < whole.size()) {
    char piece[700];
    pieces.append(piece, *store_->read([&](const ReadTxn& txn) {
      return read_value(txn, *get(txn, collection_, "s"), pieces.size(), sizeof piece, piece);
    }));
  }
  EXPECT_EQ(pieces, whole);
  for (int i = 0; i < 100; ++i) {
    const size_t offset = random() % whole.size();
    char piece[100];
    const size_t got = *store_->read(
        [&](const ReadTxn& txn) { return read_value(txn, *get(txn, collection_, "s"), offset, sizeof piece, piece); });
    EXPECT_EQ(std::string(piece, got), whole.substr(offset, sizeof piece));
  }
  const ValueReader reader =
      store_->read([&](const ReadTxn& txn) { return ValueReader(txn, *get(txn, collection_, "s")); });
  remove("s");
  std::string streamed(whole.size(), '\0');
  EXPECT_EQ(*reader.read(0, streamed.size(), streamed.data()), whole.size());
  EXPECT_EQ(streamed, whole);
}

TEST_F(TypedValueTest, RemovingALargeSetIsOneSmallCommitAndItsElementsGoLater) {
  add("s", numbered(5000));
  remove("s");
  EXPECT_EQ(value("s"), "<not_found>");
  EXPECT_EQ(info().bytes, 0U);
  EXPECT_EQ(rows_in(Table::garbage), 1U);
  EXPECT_EQ(findings(), "");
  add("s", {"again"});
  EXPECT_EQ(*store_->purge_elements(), 5000U);
  EXPECT_EQ(rows_in(Table::element), 0U);
  EXPECT_EQ(rows_in(Table::garbage), 0U);
  EXPECT_EQ(value("s"), "again\n");
}

TEST_F(TypedValueTest, TheElementsOfAllSetsThatAreGoneGoInOneSweep) {
  add("s", numbered(5000));
  add("t", numbered(4000));
  remove("s");
  remove("t");
  EXPECT_EQ(rows_in(Table::garbage), 2U);
  EXPECT_EQ(*store_->purge_elements(), 9000U);
  EXPECT_EQ(rows_in(Table::element), 0U);
  add("u", numbered(2000));
  EXPECT_EQ(*store_->purge_elements(), 0U);
  remove("u");
  EXPECT_EQ(*store_->purge_elements(), 2000U);
  EXPECT_EQ(rows_in(Table::garbage), 0U);
}

TEST_F(TypedValueTest, EveryMemberOfALargeSetIsDrawnEquallyOften) {
  constexpr size_t kMembers = 300;
  constexpr size_t kDraws = 30'000;
  add("s", numbered(kMembers));
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto draw = [&](uint64_t below) { return std::uniform_int_distribution<uint64_t>(0, below - 1)(random); };
  std::map<std::string, size_t> drawn;
  store_->read([&](const ReadTxn& txn) {
    const Result<Entry> entry = get(txn, collection_, "s");
    ASSERT_TRUE(entry);
    ASSERT_TRUE(entry->elements);
    const SetReader set(txn, *entry);
    for (size_t i = 0; i < kDraws; ++i) ++drawn[set.random(draw)];
  });
  // Pearson's statistic has a mean of 299 and a deviation of 24 where all are drawn equally often; by thousands larger
  // where members were drawn as often as their distance from the next one is long.
  constexpr double kExpected = double{kDraws} / kMembers;
  double statistic = static_cast<double>(kMembers - drawn.size()) * kExpected;
  for (const auto& [member, count] : drawn) {
    const double off = static_cast<double>(count) - kExpected;
    statistic += off * off / kExpected;
  }
  EXPECT_LT(statistic, 299 + 8 * 24.4);
}

TEST_F(TypedValueTest, BytesReplaceALargeSetAndTheReverse) {
  add("s", numbered(2000));
  (void)put("s", "plain");
  EXPECT_EQ(value("s"), "plain");
  EXPECT_EQ(entry("s").type, ValueType::bytes);
  EXPECT_EQ(info().bytes, 5U);
  EXPECT_TRUE(put_as("s", ValueType::set, encode_members({"x", "y"})));
  EXPECT_EQ(value("s"), "x\ny\n");
  EXPECT_EQ(info().bytes, 4U);
  (void)put("s", std::string(200'000, 'b'));
  EXPECT_TRUE(put_as("s", ValueType::counter, "4"));
  EXPECT_EQ(value("s"), "4\n");
  EXPECT_EQ(info().bytes, 2U);
  EXPECT_EQ(rows_in(Table::chunk), 0U);
  ASSERT_TRUE(store_->purge_elements());
  EXPECT_EQ(findings(), "");
}

TEST_F(TypedValueTest, ALargeTextBecomesASetAndGivesItsChunksBack) {
  std::vector<std::string> members = numbered(20'000);
  std::sort(members.begin(), members.end());
  EXPECT_TRUE(put_as("s", ValueType::set, encode_members(members)));
  EXPECT_EQ(entry("s").keys, members.size());
  EXPECT_EQ(rows_in(Table::chunk), 0U);
  EXPECT_EQ(decode_members(value("s")), members);
  EXPECT_TRUE(put_as("s", ValueType::set, encode_members({"member:7"})));
  EXPECT_EQ(value("s"), "member:7\n");
  EXPECT_FALSE(entry("s").elements);
}

TEST_F(TypedValueTest, TypesAreChangedWithTheTextKept) {
  (void)put("n", "41");
  const auto to = [&](ValueType type) {
    const Result<Located> node = locate(collection_, "n");
    return write([&](WriteTxn& txn) { return set_type(txn, *node, type); });
  };
  EXPECT_EQ(to(ValueType::counter), "ok");
  EXPECT_EQ(add_number("n", 1), "42");
  EXPECT_EQ(to(ValueType::bytes), "ok");
  EXPECT_EQ(value("n"), "42");
  EXPECT_EQ(to(ValueType::set), "ok");
  EXPECT_EQ(value("n"), "42\n");
  add("n", {"x"});
  EXPECT_EQ(to(ValueType::counter), "invalid");
  EXPECT_EQ(info().bytes, 5U);
}

TEST_F(TypedValueTest, CopiesAndRenamesKeepTypeAndMembers) {
  add("large", numbered(500));
  add_number("counter", 9);
  ASSERT_EQ(write([&](WriteTxn& txn) { return copy_key(txn, collection_, "large", collection_, "copy"); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "large", collection_, "moved"); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return copy_key(txn, collection_, "counter", collection_, "c2"); }), "ok");
  take("moved", {"member:0"});
  EXPECT_EQ(entry("copy").keys, 500U);
  EXPECT_EQ(entry("moved").keys, 499U);
  EXPECT_EQ(add_number("c2", 1), "10");
  EXPECT_EQ(add_number("counter", 1), "10");
  EXPECT_EQ(findings(), "");
}

TEST_F(TypedValueTest, LargeBytesTakeThePlaceOfACounterOrSet) {
  const std::string large(kInlineBytesMax + 1000, 'x');
  ASSERT_TRUE(put("large", large));
  add_number("counter", 5);
  add("small", {"x"});
  add("many", numbered(500));
  for (const char* to : {"counter", "small", "many"}) {
    ASSERT_EQ(write([&](WriteTxn& txn) { return copy_key(txn, collection_, "large", collection_, to); }), "ok") << to;
    EXPECT_EQ(value(to), large) << to;
    EXPECT_EQ(findings(), "") << to;
  }
  EXPECT_EQ(info().bytes, 4 * large.size());
  for (const char* key : {"counter", "small", "many", "large"}) EXPECT_TRUE(remove(key));
  EXPECT_EQ(info().bytes, 0U);
}

// A truncated file still has what was staged beyond its end, as holes.
TEST_F(TypedValueTest, AStagedTextThatWasCutHasNothingBeyondItsEnd) {
  add("set", {"x"});
  const Result<Located> node = locate(collection_, "set");
  const std::string line = "0123456\n";
  std::string text;
  while (text.size() < 100'000) text += line;
  StagedValue staged(store_->chunks());
  staged.size = text.size();
  for (uint32_t index = 0; index * kChunkBytes < text.size(); ++index)
    ASSERT_TRUE(staged.stage_chunk(index, std::string_view(text).substr(index * kChunkBytes, kChunkBytes)));
  for (uint32_t index = 2; index < 300; ++index) staged.stage_hole(index);
  EXPECT_EQ(write([&](WriteTxn& txn) { return set_value(txn, *node, staged, ValueChange{}); }), "ok");
  staged.published();
  EXPECT_EQ(value("set"), line);
  EXPECT_EQ(findings(), "");
}

TEST_F(TypedValueTest, QuotasCountWhatTypedValuesOccupy) {
  Settings settings;
  settings.quota_bytes = 100;
  (void)write([&](WriteTxn& txn) -> Result<void> {
    set_settings(txn, tenant_, settings);
    return {};
  });
  add("s", {std::string(60, 'a')});
  const std::string big(60, 'b');
  const std::vector<std::string_view> member{big};
  EXPECT_EQ(write([&](WriteTxn& txn) { return add_members(txn, collection_, "s", member, {}); }), "quota_exceeded");
  EXPECT_EQ(entry("s").keys, 1U);
}

TEST_F(TypedValueTest, ExpiryEndsCountersAndSets) {
  add("s", {"a"});
  ASSERT_EQ(write([&](WriteTxn& txn) { return set_expiry(txn, collection_, "s", store_->now_ms() + 1000); }), "ok");
  add("s", {"b"});
  EXPECT_NE(entry("s").expires_ms, 0U);
  clock_ns_ += 2'000'000'000;
  EXPECT_EQ(value("s"), "<not_found>");
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(add("s", {"c"}), 1U);
  EXPECT_EQ(value("s"), "c\n");
}

TEST_F(TypedValueTest, ADumpKeepsCountersAndSetsWithTheirState) {
  add_number("counter", 5);
  add("small", {"a", "line\nfeed"});
  add("large", numbered(3000));
  const auto states = [&](Store& store, DirId collection) {
    return store.read([&](const ReadTxn& txn) {
      std::string out;
      for (const char* key : {"counter", "small", "large"}) out += state_of(txn, collection, key)->encode();
      return out;
    });
  };
  std::stringstream text;
  ASSERT_TRUE(dump(*store_, [&](std::string_view line) -> Result<void> {
    text << line;
    return {};
  }));
  Result<std::unique_ptr<Store>> other = Store::open(options());
  ASSERT_TRUE(other);
  const auto loaded = load(**other, text, {});
  ASSERT_TRUE(loaded) << loaded.error().message();
  const DirId there = *(*other)->find_collection(*(*other)->find_tenant("acme"), "default");
  EXPECT_EQ(states(**other, there), states(*store_, collection_));
  const auto entry = (*other)->read([&](const ReadTxn& txn) { return get(txn, there, "large")->keys; });
  EXPECT_EQ(entry, 3000U);
}

}  // namespace
}  // namespace kvfs
