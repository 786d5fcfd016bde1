// Which thread serves a connection.
#include "httpbridge/listener.h"

#include <gtest/gtest.h>

#include <vector>

namespace kvfs::http {
namespace {

TEST(BestPlace, IsWhereTheConnectionsPacketsArrive) {
  const std::vector<Place> workers{{0, 3}, {1, 3}, {5, 3}};
  EXPECT_EQ(best_place(workers, 0), 0u);
  EXPECT_EQ(best_place(workers, 1), 1u);
  EXPECT_EQ(best_place(workers, 5), 2u);
}

TEST(BestPlace, IsTheOneWithFewestConnectionsWhereNoneIsNear) {
  const std::vector<Place> pinned{{0, 3}, {1, 1}, {2, 2}};
  EXPECT_EQ(best_place(pinned, 7), 1u) << "a CPU that has no worker";
  EXPECT_EQ(best_place(pinned, -1), 1u) << "a Unix socket";
  const std::vector<Place> anywhere{{std::nullopt, 1}, {std::nullopt, 0}};
  EXPECT_EQ(best_place(anywhere, 0), 1u);
}

TEST(BestPlace, AClientOfOneThreadDoesNotLeaveTheOthersIdle) {
  std::vector<Place> workers{{0, 0}, {1, 0}};
  for (int i = 0; i < 1000; ++i) workers[best_place(workers, 0)].connections++;
  EXPECT_EQ(workers[0].connections + workers[1].connections, 1000u);
  EXPECT_GE(workers[1].connections, 300u);
  EXPECT_GT(workers[0].connections, workers[1].connections);
}

TEST(BestPlace, AFewConnectionsAllStayNear) {
  std::vector<Place> workers{{0, 0}, {1, 0}};
  for (int i = 0; i < 16; ++i) workers[best_place(workers, 1)].connections++;
  EXPECT_EQ(workers[1].connections, 16u);
}

}  // namespace
}  // namespace kvfs::http
