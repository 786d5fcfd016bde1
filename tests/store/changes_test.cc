#include "store/changes.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

ChangeLog changes(uint64_t first, uint64_t last, Origin origin_of_second = kNoOrigin) {
  ChangeLog out;
  for (uint64_t id = first; id <= last; ++id) {
    Change change;
    change.id = id;
    if (id == first + 1) change.origin = origin_of_second;
    out.add(change);
  }
  return out;
}

TEST(FeedTest, GivesChangesAfterAPositionInOrder) {
  Feed feed(10, 0);
  feed.publish(changes(1, 5));
  const Feed::Batch batch = feed.read(2, 2);
  ASSERT_EQ(batch.changes.size(), 2U);
  EXPECT_EQ(batch.changes[0]->id, 3U);
  EXPECT_EQ(batch.next, 4U);
  EXPECT_FALSE(batch.missed);
  EXPECT_TRUE(feed.read(5, 10).changes.empty());
}

TEST(FeedTest, SaysWhatItNoLongerHas) {
  Feed feed(3, 0);
  feed.publish(changes(1, 5));
  EXPECT_TRUE(feed.read(1, 10).missed);
  EXPECT_FALSE(feed.read(2, 10).missed);
  EXPECT_EQ(feed.read(0, 10).changes.size(), 3U);
}

TEST(FeedTest, ChangesComeBackWithAllTheySay) {
  constexpr uint64_t kKept = 1000;
  Feed feed(kKept, 0);
  const auto text = [](uint64_t id, char what) { return std::string(id * 7 % 300, what) + std::to_string(id); };
  for (uint64_t id = 1; id <= 3 * kKept; ++id) {
    Change change;
    change.id = id;
    change.kind = ChangeKind::rename;
    change.origin = 7;
    change.created = id % 2 == 0;
    change.type = ValueType::set;
    change.node = Kind::directory;
    change.tenant = text(id, 't');
    change.collection = text(id, 'c');
    change.key = text(id, 'k');
    change.name = text(id, 'n');
    change.to_collection = text(id, 'C');
    change.to_key = text(id, 'K');
    change.to_name = text(id, 'N');
    change.dir = id + 1;
    change.inode = id + 2;
    change.size = id + 3;
    change.version = id + 4;
    change.to_dir = id + 5;
    change.replaced_inode = id + 6;
    change.event = "rename_from";
    ChangeLog one;
    one.add(change);
    feed.publish(one);
  }
  const Feed::Batch batch = feed.read(0, 2 * kKept);
  EXPECT_TRUE(batch.missed);
  ASSERT_EQ(batch.changes.size(), kKept);
  for (size_t i = 0; i < kKept; ++i) {
    const Change& change = *batch.changes[i];
    const uint64_t id = 2 * kKept + 1 + i;
    ASSERT_EQ(change.id, id);
    ASSERT_EQ(change.tenant + change.collection + change.key + change.name,
              text(id, 't') + text(id, 'c') + text(id, 'k') + text(id, 'n'));
    ASSERT_EQ(change.to_collection + change.to_key + change.to_name, text(id, 'C') + text(id, 'K') + text(id, 'N'));
    ASSERT_EQ(change.dir + change.inode + change.size + change.version + change.to_dir + change.replaced_inode,
              6 * id + 21);
    ASSERT_TRUE(change.kind == ChangeKind::rename && change.origin == 7 && change.created == (id % 2 == 0) &&
                change.type == ValueType::set && change.node == Kind::directory && change.event == "rename_from");
  }
}

TEST(FeedTest, EarlierRunsOfTheStoreAreMissed) {
  const Feed feed(3, 100);
  EXPECT_TRUE(feed.read(50, 10).missed);
  EXPECT_FALSE(feed.read(100, 10).missed);
  EXPECT_EQ(feed.last(), 100U);
}

TEST(FeedTest, APositionOfAHistoryThatIsLostIsMissedNotWaitedFor) {
  Feed feed(10, 100);
  feed.publish(changes(101, 103));
  const Feed::Batch batch = feed.wait(500, 10, 60'000);  // given out before a power loss took it
  EXPECT_TRUE(batch.missed);
  EXPECT_EQ(batch.changes.size(), 3U);
  EXPECT_EQ(batch.next, 103U);
  EXPECT_FALSE(feed.read(batch.next, 10).missed);
}

TEST(FeedTest, WakesListenersUntilTheyEnd) {
  Feed feed(10, 0);
  int woken = 0;
  auto listener = feed.listen([&] { ++woken; });
  feed.publish(changes(1, 2));
  EXPECT_EQ(woken, 1);
  listener.reset();
  feed.publish(changes(3, 3));
  EXPECT_EQ(woken, 1);
}

TEST(FeedTest, ObserversAreToldOfTheChangesOfOthers) {
  Feed feed(10, 0);
  std::vector<uint64_t> told;
  auto observer = feed.observe([&](const Change& change) { told.push_back(change.id); }, 7);
  const ChangeLog mixed = changes(1, 3, 7);
  feed.publish(mixed);
  feed.tell_observers(mixed);
  EXPECT_EQ(told, (std::vector<uint64_t>{1, 3}));
  observer.reset();
  feed.publish(changes(4, 4));
  feed.tell_observers(changes(4, 4));
  EXPECT_EQ(told.size(), 2U);
}

TEST(FeedTest, ObserversAreToldWhereATransactionEnds) {
  Feed feed(10, 0);
  std::string told;
  auto observer =
      feed.observe([&](const Change& change) { told += std::to_string(change.id); }, kNoOrigin, [&] { told += '.'; });
  feed.tell_observers(changes(1, 3));
  feed.tell_observers(changes(4, 4));
  EXPECT_EQ(told, "123.4.");
}

TEST(FeedTest, WaitEndsWithAChangeOrWithTheFeed) {
  Feed feed(10, 0);
  std::thread publisher([&] { feed.publish(changes(1, 1)); });
  EXPECT_EQ(feed.wait(0, 10, 60'000).changes.size(), 1U);
  publisher.join();
  std::thread closer([&] { feed.close(); });
  EXPECT_TRUE(feed.wait(1, 10, 60'000).changes.empty());
  closer.join();
}

using StoreChangesTest = StoreTest;

TEST_F(StoreChangesTest, EveryCommitIsPublishedWithItsOriginAndKey) {
  const uint64_t before = store_->feed().last();
  const Origin origin = store_->new_origin();
  WriteOptions options;
  options.origin = origin;
  ASSERT_TRUE(
      store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, "d/k", std::string_view("v")); }, options));
  EXPECT_TRUE(remove("d/k"));
  const Feed::Batch batch = store_->feed().read(before, 100);
  std::string seen;
  uint64_t last = before;
  for (const ChangePtr& change : batch.changes) {
    seen += std::string(to_string(change->kind)) + ":" + change->tenant + "/" + change->collection + "/" + change->key +
            " ";
    EXPECT_GT(change->id, last);
    last = change->id;
  }
  EXPECT_EQ(seen, "make:acme/default/d put:acme/default/d/k remove:acme/default/d/k remove_dir:acme/default/d ");
  EXPECT_EQ(batch.changes.at(1)->origin, origin);
  EXPECT_TRUE(batch.changes.at(1)->created);
  EXPECT_EQ(batch.changes.at(1)->name, "k");
}

TEST_F(StoreChangesTest, FailedTransactionsPublishNothing) {
  const uint64_t before = store_->feed().last();
  EXPECT_EQ(write([&](WriteTxn& txn) -> Result<void> {
              (void)kvfs::put(txn, collection_, "k", std::string_view("v"));
              return Errc::invalid;
            }),
            "invalid");
  EXPECT_TRUE(store_->feed().read(before, 10).changes.empty());
  EXPECT_EQ(value("k"), "<not_found>");
}

}  // namespace
}  // namespace kvfs
