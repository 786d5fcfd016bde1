#include "fusefs/node_table.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

TEST(NodeTable, ForgetsAnInodeWhenItsLookupsAreGone) {
  NodeTable nodes;
  EXPECT_TRUE(nodes.remember(2000, {1, "a", false}));
  EXPECT_FALSE(nodes.remember(2000, {1, "a", false}, 2));
  EXPECT_FALSE(nodes.forget(2000, 2));
  EXPECT_TRUE(nodes.knows(2000));
  EXPECT_TRUE(nodes.forget(2000, 1));
  EXPECT_FALSE(nodes.knows(2000));
  EXPECT_FALSE(nodes.place(2000).has_value());
}

TEST(NodeTable, FollowsMovesOfKnownInodesOnly) {
  NodeTable nodes;
  nodes.remember(2000, {1, "a", false});
  nodes.move(2000, {7, "b", false});
  nodes.move(3000, {7, "c", false});
  EXPECT_EQ(nodes.place(2000)->dir, 7u);
  EXPECT_EQ(nodes.place(2000)->name, "b");
  EXPECT_FALSE(nodes.knows(3000));
  EXPECT_EQ(nodes.size(), 1u);
}

TEST(NodeTable, RemembersTheLatestOtherPlacesOfAFile) {
  NodeTable nodes;
  nodes.remember(2000, {1, "a", false});
  EXPECT_TRUE(nodes.other_places(2000).empty());
  for (const char* name : {"b", "c", "a", "b", "b"}) nodes.remember(2000, {1, name, false});
  std::vector<std::string> names;
  for (const Place& place : nodes.other_places(2000)) names.push_back(place.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(nodes.place(2000)->name, "b");
  for (size_t i = 0; i < 100; i++) nodes.remember(2000, {10 + i, "x", false});
  EXPECT_EQ(nodes.other_places(2000).size(), NodeTable::kOtherPlacesMax);
  EXPECT_EQ(nodes.other_places(2000).front().dir, 108u);
  EXPECT_TRUE(nodes.other_places(3000).empty());
}

TEST(NodeTable, VisitsAllWithoutHoldingALock) {
  NodeTable nodes;
  for (Inode i = 2000; i < 2200; i++) nodes.remember(i, {1, "n", false});
  size_t visited = 0;
  nodes.for_each([&](Inode inode, const Place&) {
    nodes.forget(inode, 1);
    visited++;
  });
  EXPECT_EQ(visited, 200u);
  EXPECT_EQ(nodes.size(), 0u);
}

}  // namespace
}  // namespace kvfs
