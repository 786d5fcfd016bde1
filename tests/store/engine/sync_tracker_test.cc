#include "store/engine/sync_tracker.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

constexpr Durability kDefault{};
constexpr Durability kEvery4{Durability::Mode::every, 4};
constexpr Durability kInterval100{Durability::Mode::interval, 100};

TEST(SyncTrackerTest, FirstCommitOfTheDefaultPolicyIsDueInASecondAndLaterOnesWithIt) {
  SyncTracker tracker;
  EXPECT_EQ(tracker.due_ms(), SyncTracker::kNever);
  EXPECT_TRUE(tracker.committed(1, kDefault, 5000).sooner);
  const auto second = tracker.committed(2, kDefault, 5400);
  EXPECT_FALSE(second.sooner);
  EXPECT_FALSE(second.now);
  EXPECT_EQ(tracker.due_ms(), 5000 + kSystemSyncMs);
  EXPECT_EQ(tracker.operations(), 2u);
  EXPECT_EQ(tracker.oldest_age_ms(5700), 700u);
}

TEST(SyncTrackerTest, EveryNDemandsASyncBeforeTheNthIsAcknowledged) {
  SyncTracker tracker;
  EXPECT_FALSE(tracker.committed(1, kEvery4, 0).now);
  EXPECT_TRUE(tracker.committed(2, kEvery4, 0).sooner);  // in the background at half
  EXPECT_FALSE(tracker.committed(3, kEvery4, 0).now);
  EXPECT_TRUE(tracker.committed(4, kEvery4, 0).now);
}

TEST(SyncTrackerTest, CommitsOfAWeakerPolicyCountForTheStricterOnesBefore) {
  SyncTracker tracker;
  EXPECT_FALSE(tracker.committed(1, kEvery4, 0).now);
  EXPECT_FALSE(tracker.committed(2, kDefault, 0).now);
  EXPECT_FALSE(tracker.committed(3, kDefault, 0).now);
  EXPECT_TRUE(tracker.committed(4, kDefault, 0).now);
}

TEST(SyncTrackerTest, IntervalIsDueAtHalfAndDemandedAtItsEnd) {
  SyncTracker tracker;
  tracker.committed(1, kInterval100, 1000);
  EXPECT_EQ(tracker.due_ms(), 1050u);
  EXPECT_FALSE(tracker.committed(2, kInterval100, 1099).now);
  EXPECT_TRUE(tracker.committed(3, kInterval100, 1100).now);
}

TEST(SyncTrackerTest, SyncCoversOnlyCommitsFromBeforeItBegan) {
  SyncTracker tracker;
  tracker.committed(1, kDefault, 1000);
  tracker.committed(2, kDefault, 1000);
  tracker.sync_begins();
  tracker.committed(3, kDefault, 1200);
  tracker.synced(2);
  EXPECT_EQ(tracker.operations(), 1u);
  EXPECT_EQ(tracker.oldest_age_ms(1300), 100u);
  EXPECT_EQ(tracker.due_ms(), 1200 + kSystemSyncMs);
  tracker.sync_begins();
  tracker.synced(3);
  EXPECT_EQ(tracker.operations(), 0u);
  EXPECT_EQ(tracker.due_ms(), SyncTracker::kNever);
  EXPECT_TRUE(tracker.committed(4, kDefault, 2000).sooner);
}

TEST(SyncTrackerTest, StrictCommitsDemandNothingSinceTheySyncThemselves) {
  SyncTracker tracker;
  const auto demand = tracker.committed(1, {Durability::Mode::strict, 0}, 1000);
  EXPECT_FALSE(demand.now);
  EXPECT_FALSE(demand.sooner);
  EXPECT_TRUE(tracker.committed(2, kDefault, 1000).sooner);
}

}  // namespace
}  // namespace kvfs
