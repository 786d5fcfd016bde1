#include "store/keyspace.h"

#include <iterator>
#include <random>
#include <set>

#include "store/check.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

using KeyspaceTest = StoreTest;

TEST_F(KeyspaceTest, PutGetRemove) {
  const Result<PutOutcome> made = put("a", "1");
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->created);
  EXPECT_EQ(value("a"), "1");
  const Result<PutOutcome> replaced = put("a", "2");
  EXPECT_FALSE(replaced->created);
  EXPECT_GT(replaced->version, made->version);
  EXPECT_EQ(value("a"), "2");
  EXPECT_TRUE(remove("a"));
  EXPECT_FALSE(remove("a"));
  EXPECT_EQ(value("a"), "<not_found>");
}

TEST_F(KeyspaceTest, ValuesOfEverySizeReadBack) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{kInlineBytesMax}, size_t{kInlineBytesMax} + 1,
                            size_t{kChunkBytes}, size_t{kChunkBytes} + 1, size_t{3} * kChunkBytes + 17}) {
    std::string bytes(size, 'x');
    for (size_t i = 0; i < size; i += 101) bytes[i] = static_cast<char>(i);
    ASSERT_TRUE(put("k", bytes)) << size;
    EXPECT_EQ(value("k"), bytes) << size;
    EXPECT_EQ(info().bytes, size);
  }
  EXPECT_EQ(info().keys, 1U);
  EXPECT_TRUE(remove("k"));
  EXPECT_EQ(info().bytes, 0U);
}

TEST_F(KeyspaceTest, AKeyMayBeAValueAndAPrefix) {
  ASSERT_TRUE(put("a", "value"));
  ASSERT_TRUE(put("a/b", "below"));
  EXPECT_EQ(value("a"), "value");
  EXPECT_EQ(value("a/b"), "below");
  EXPECT_EQ(keys(), "a a/b");
  EXPECT_EQ(names(collection_), "a/");
  EXPECT_TRUE(remove("a/b"));
  EXPECT_EQ(names(collection_), "a");
  ASSERT_TRUE(put("c/d", "1"));
  ASSERT_TRUE(put("c", "2"));
  EXPECT_EQ(names(collection_), "a c/");
  EXPECT_TRUE(remove("c"));
  EXPECT_EQ(names(collection_), "a c/");
}

TEST_F(KeyspaceTest, OddKeysAreKeptByteByByte) {
  const std::vector<std::string> odd = {"http://example.com",
                                        "http://example.com/x",
                                        "user:1001",
                                        "a/../b",
                                        ".",
                                        "..",
                                        std::string("n\0l", 3),
                                        "trailing/",
                                        "/leading",
                                        "//",
                                        std::string(255, '\xc3')};
  for (const std::string& key : odd) ASSERT_TRUE(put(key, "value of " + key)) << key;
  for (const std::string& key : odd) EXPECT_EQ(value(key), "value of " + key);
  EXPECT_EQ(info().keys, odd.size());
  for (const std::string& key : odd) EXPECT_TRUE(remove(key)) << key;
  EXPECT_EQ(keys(), "");
  EXPECT_EQ(names(collection_), "");
}

TEST_F(KeyspaceTest, AnImplicitDirectoryStaysUntilItsLastKeyGoesInWhateverOrder) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto stands = [&](std::string_view name) {
    return store_->read([&](const ReadTxn& txn) { return find_entry(txn, {collection_, name, true}).has_value(); });
  };
  for (const std::string order : {"first", "last", "any", "first or last"}) {
    std::set<std::string> left;
    for (int i = 0; i < 200; ++i) {
      // Some of them in a directory of their own, which goes before.
      left.insert("d/" + std::to_string(1000 + i) + (i % 10 == 0 ? "/k" : ""));
      ASSERT_TRUE(put(*left.rbegin(), "v"));
    }
    while (!left.empty()) {
      ASSERT_TRUE(stands("d")) << order << ", " << left.size() << " left";
      auto next = left.begin();
      if (order == "last" || (order == "first or last" && random() % 2 == 0))
        next = std::prev(left.end());
      else if (order == "any")
        std::advance(next, random() % left.size());
      ASSERT_TRUE(remove(*next));
      left.erase(next);
    }
    EXPECT_FALSE(stands("d")) << order;
  }
}

TEST_F(KeyspaceTest, ImplicitDirectoriesGoWithTheirLastKeyExplicitOnesStay) {
  ASSERT_TRUE(put("i/j/k", "1"));
  EXPECT_EQ(names(collection_), "i/");
  EXPECT_TRUE(remove("i/j/k"));
  EXPECT_EQ(names(collection_), "");
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "made", new_directory()); }), "ok");
  ASSERT_TRUE(put("made/k", "1"));
  EXPECT_TRUE(remove("made/k"));
  EXPECT_EQ(names(collection_), "made/");
}

TEST_F(KeyspaceTest, PreconditionsHoldOrRefuse) {
  PutOptions absent;
  absent.precondition.if_absent = true;
  const Result<PutOutcome> made = put("a", "1", absent);
  ASSERT_TRUE(made);
  EXPECT_EQ(put("a", "2", absent).error().code, Errc::precondition_failed);
  PutOptions match;
  match.precondition.if_match = std::vector<Version>{made->version};
  const Result<PutOutcome> second = put("a", "3", match);
  ASSERT_TRUE(second);
  EXPECT_EQ(put("a", "4", match).error().code, Errc::precondition_failed);
  EXPECT_EQ(value("a"), "3");
  PutOptions present;
  present.precondition.if_present = true;
  EXPECT_EQ(put("b", "1", present).error().code, Errc::precondition_failed);
  EXPECT_EQ(value("b"), "<not_found>");
  EXPECT_EQ(names(collection_), "a");
}

TEST_F(KeyspaceTest, AFailedPutLeavesNoDirectoriesBehind) {
  PutOptions present;
  present.precondition.if_present = true;
  EXPECT_FALSE(put("x/y/z", "1", present));
  EXPECT_EQ(names(collection_), "");
}

TEST_F(KeyspaceTest, ListsInKeyOrderBothWaysWithBounds) {
  for (const char* key : {"a", "a-b", "a/x", "a/y/z", "a0", "b", "c/1", "c/2"}) ASSERT_TRUE(put(key, "v"));
  EXPECT_EQ(keys(), "a a-b a/x a/y/z a0 b c/1 c/2");
  ListQuery query;
  query.reverse = true;
  EXPECT_EQ(keys(query), "c/2 c/1 b a0 a/y/z a/x a-b a");
  query = {};
  query.prefix = "a/";
  EXPECT_EQ(keys(query), "a/x a/y/z");
  query = {};
  query.delimiter = "/";
  EXPECT_EQ(keys(query), "a a-b a/ a0 b c/");
  query.reverse = true;
  EXPECT_EQ(keys(query), "c/ b a0 a/ a-b a");
  query = {};
  query.start = "a/x";
  query.end_incl = "b";
  EXPECT_EQ(keys(query), "a/x a/y/z a0 b");
  query.end = "a0";
  query.end_incl.reset();
  EXPECT_EQ(keys(query), "a/x a/y/z");
  query = {};
  query.start = "nothing/here";
  EXPECT_EQ(keys(query), "");
  query.start = "a/y/zz/q";
  EXPECT_EQ(keys(query), "a0 b c/1 c/2");
}

TEST_F(KeyspaceTest, PagesMeetEveryKeyOnce) {
  std::string expected;
  for (const char* key : {"a", "a/x", "b", "c/1", "c/2/3", "d"}) {
    ASSERT_TRUE(put(key, "v"));
    expected.append(expected.empty() ? "" : " ").append(key);
  }
  for (const bool reverse : {false, true}) {
    for (const char* delimiter : {"", "/"}) {
      ListQuery whole;
      whole.reverse = reverse;
      whole.delimiter = delimiter;
      std::string paged;
      ListQuery query = whole;
      query.limit = 1;
      std::optional<std::string> next;
      do {
        next = store_->read([&](const ReadTxn& txn) {
          const auto add = [&](std::string_view key) {
            paged.append(paged.empty() ? "" : " ").append(key);
            return true;
          };
          return list_keys(
              txn, collection_, query, [&](std::string_view key, const Entry&) { return add(key); }, add);
        });
        query.after = next;
      } while (next);
      EXPECT_EQ(paged, keys(whole)) << reverse << delimiter;
    }
  }
}

TEST_F(KeyspaceTest, UpdateMakesAValueOfTheOneThatIsThere) {
  std::string made;
  const auto append = [&](const Entry* present) -> Result<std::string_view> {
    if (present != nullptr && present->type != ValueType::bytes) return Errc::wrong_type;
    made = (present != nullptr ? std::string(present->inline_value) : "none") + "+";
    return std::string_view(made);
  };
  const auto update_key = [&](std::string_view key) {
    return write([&](WriteTxn& txn) { return update(txn, collection_, key, append); });
  };
  EXPECT_EQ(update_key("a/b"), "ok");
  EXPECT_EQ(update_key("a/b"), "ok");
  EXPECT_EQ(value("a/b"), "none++");
  EXPECT_EQ(info().bytes, 6U);
  PutOptions expiring;
  expiring.expires_ms = store_->now_ms() + 10;
  ASSERT_TRUE(put("gone", "x", expiring));
  clock_ns_ += 10'000'000;
  EXPECT_EQ(update_key("gone"), "ok");
  EXPECT_EQ(value("gone"), "none+");
  PutOptions counter;
  counter.type = ValueType::counter;
  ASSERT_TRUE(put("n", "5", counter));
  const uint64_t changes = store_->feed().last();
  EXPECT_EQ(update_key("n"), "wrong_type");
  EXPECT_EQ(value("n"), "5\n");
  made.assign(kInlineBytesMax, 'x');
  ASSERT_TRUE(put("long", made));
  EXPECT_EQ(update_key("long"), "value_too_large");
  EXPECT_EQ(value("long").size(), kInlineBytesMax);
  EXPECT_EQ(store_->feed().read(changes, 10).changes.size(), 1U);
  EXPECT_TRUE(check_store(*store_).sound());
}

TEST_F(KeyspaceTest, ExpiredKeysAreAbsentEverywhereAndSwept) {
  PutOptions options;
  options.expires_ms = store_->now_ms() + 10;
  ASSERT_TRUE(put("dir/gone", "1", options));
  ASSERT_TRUE(put("stays", "1"));
  EXPECT_EQ(value("dir/gone"), "1");
  clock_ns_ += 10'000'000;
  EXPECT_EQ(value("dir/gone"), "<not_found>");
  EXPECT_EQ(keys(), "stays");
  EXPECT_FALSE(remove("dir/gone"));
  EXPECT_EQ(info().keys, 2U);
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(info().keys, 1U);
  EXPECT_EQ(names(collection_), "stays");
  EXPECT_EQ(*store_->sweep_expired(), 0U);
}

TEST_F(KeyspaceTest, ADirectoryWithAnExpiredValueGoesWhenThatIsSwept) {
  PutOptions options;
  options.expires_ms = store_->now_ms() + 10;
  ASSERT_TRUE(put("dir/expires", "1", options));
  ASSERT_TRUE(put("dir/other", "1"));
  clock_ns_ += 10'000'000;
  ASSERT_TRUE(remove("dir/other"));
  EXPECT_TRUE(check_store(*store_).sound());
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(info().keys, 0U);
  EXPECT_EQ(names(collection_), "");
  EXPECT_TRUE(check_store(*store_).sound());
}

TEST_F(KeyspaceTest, APutEndsAnEarlierExpiryUnlessItIsKept) {
  PutOptions options;
  options.expires_ms = store_->now_ms() + 10;
  ASSERT_TRUE(put("plain", "1", options));
  ASSERT_TRUE(put("plain", "2"));
  ASSERT_TRUE(put("kept", "1", options));
  PutOptions keep;
  keep.keep_expiry = true;
  ASSERT_TRUE(put("kept", "2", keep));
  clock_ns_ += 10'000'000;
  EXPECT_EQ(*store_->sweep_expired(), 1U);
  EXPECT_EQ(keys(), "plain");
}

TEST_F(KeyspaceTest, DirectoriesPassOnTheirDefaultTtl) {
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "s", new_directory()); }), "ok");
  const Located dir = *locate(collection_, "s");
  AttributeChange change;
  change.default_ttl_ms = 1000;
  EXPECT_EQ(write([&](WriteTxn& txn) { return set_attributes(txn, dir, change); }), "ok");
  const Result<PutOutcome> outcome = put("s/deep/key", "1");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->expires_ms, store_->now_ms() + 1000);
  PutOptions never;
  never.expires_ms = 0;
  EXPECT_EQ(put("s/other", "1", never)->expires_ms, 0U);
}

TEST_F(KeyspaceTest, ReplacingAValueTakesAwayWhatRunningItGave) {
  ASSERT_TRUE(put("f", "one"));
  AttributeChange change;
  change.mode = 06755;
  EXPECT_EQ(write([&](WriteTxn& txn) { return set_attributes(txn, *locate(collection_, "f"), change); }), "ok");
  ASSERT_TRUE(put("f", "two"));
  EXPECT_EQ(locate(collection_, "f")->entry.mode, 0755u);
}

TEST_F(KeyspaceTest, RenameKeepsTheInodeAndCopyDoesNot) {
  ASSERT_TRUE(put("a", "1"));
  const Inode inode = locate(collection_, "a")->entry.inode;
  EXPECT_EQ(write([&](WriteTxn& txn) { return rename_key(txn, collection_, "a", collection_, "d/b"); }), "ok");
  EXPECT_EQ(keys(), "d/b");
  EXPECT_EQ(locate(directory(collection_, "d"), "b")->entry.inode, inode);
  EXPECT_EQ(write([&](WriteTxn& txn) { return copy_key(txn, collection_, "d/b", collection_, "c"); }), "ok");
  EXPECT_EQ(value("c"), "1");
  EXPECT_NE(locate(collection_, "c")->entry.inode, inode);
  const std::string big(200'000, 'b');
  ASSERT_TRUE(put("big", big));
  EXPECT_EQ(write([&](WriteTxn& txn) { return copy_key(txn, collection_, "big", collection_, "big2"); }), "ok");
  EXPECT_TRUE(remove("big"));
  EXPECT_EQ(value("big2"), big);
}

TEST_F(KeyspaceTest, QuotaRefusesGrowthAndLetsShrink) {
  Settings settings;
  settings.quota_bytes = 100;
  settings.quota_keys = 2;
  EXPECT_EQ(write([&](WriteTxn& txn) -> Result<void> {
              set_settings(txn, tenant_, settings);
              return {};
            }),
            "ok");
  ASSERT_TRUE(put("a", std::string(90, 'x')));
  EXPECT_EQ(put("b", std::string(11, 'x')).error().code, Errc::quota_exceeded);
  EXPECT_EQ(value("b"), "<not_found>");
  ASSERT_TRUE(put("b", "x"));
  EXPECT_EQ(put("c", "").error().code, Errc::quota_exceeded);
  ASSERT_TRUE(put("a", "small"));
  EXPECT_TRUE(remove("a"));
  EXPECT_EQ(store_->usage(tenant_).keys, 1U);
  EXPECT_EQ(store_->usage(tenant_).bytes, 1U);
}

TEST_F(KeyspaceTest, ClearRemovesEverythingInSteps) {
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(put("d" + std::to_string(i % 3) + "/k" + std::to_string(i), "v"));
  EXPECT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "explicit", new_directory()); }), "ok");
  size_t removed = 0;
  for (;;) {
    const Result<size_t> part =
        store_->write([&](WriteTxn& txn) { return clear_collection(txn, collection_, 10, true); });
    ASSERT_TRUE(part);
    if (*part == 0) break;
    removed += *part;
  }
  EXPECT_EQ(removed, 26U);
  EXPECT_EQ(names(collection_), "");
  EXPECT_EQ(info().keys, 0U);
}

TEST_F(KeyspaceTest, TenantsAndCollectionsAreApart) {
  ASSERT_TRUE(put("k", "acme"));
  const DirId other = *store_->ensure_tenant("other");
  const Result<DirId> collection =
      store_->write([&](WriteTxn& txn) { return ensure_collection(txn, other, "default"); });
  EXPECT_EQ(write([&](WriteTxn& txn) { return kvfs::put(txn, *collection, "k", std::string_view("other")); }), "ok");
  EXPECT_EQ(value("k"), "acme");
  EXPECT_EQ(store_->find_collection(other, "nope").error().code, Errc::not_found);
  EXPECT_EQ(store_->find_tenant("a/b").error().code, Errc::invalid);
}

TEST_F(KeyspaceTest, VersionsGrowEvenIfTheClockGoesBack) {
  const Version first = put("a", "1")->version;
  clock_ns_ -= 5'000'000'000;
  EXPECT_GT(put("a", "2")->version, first);
}

}  // namespace
}  // namespace kvfs
