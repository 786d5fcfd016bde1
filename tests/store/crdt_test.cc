#include "store/crdt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace kvfs {
namespace {

constexpr size_t kReplicas = 4;

/// Replicas that change their own state and merge those of others, at random, some of them apart for a while.
template <class State>
class Replicas {
 public:
  explicit Replicas(unsigned seed) : random(seed) {}

  /// `change(state, replica)` is one random change.
  template <class Change>
  void run(size_t steps, Change&& change) {
    for (size_t step = 0; step < steps; ++step) {
      const size_t one = random() % kReplicas;
      if (random() % 3 != 0) {
        change(states[one], static_cast<ReplicaId>(one + 1));
        continue;
      }
      const size_t other = random() % kReplicas;
      const bool apart = step % 40 < 20 && one % 2 != other % 2;  // a partition that comes and goes
      if (!apart) merge_into(one, copy_of(other));
    }
  }

  /// Everybody merges everybody's state, twice, in any order: afterwards all must be the same.
  void settle() {
    for (int round = 0; round < 2; ++round) {
      std::vector<std::pair<size_t, size_t>> pairs;
      for (size_t i = 0; i < kReplicas; ++i)
        for (size_t j = 0; j < kReplicas; ++j) pairs.emplace_back(i, j);
      std::shuffle(pairs.begin(), pairs.end(), random);
      for (const auto& [one, other] : pairs) merge_into(one, states[other]);
    }
  }

  Dot next_dot(ReplicaId replica) { return {++clock, replica}; }

  std::mt19937 random;
  State states[kReplicas];
  Version clock = 0;

 private:
  /// What a replica was some time ago is as good as what it is.
  const State& copy_of(size_t replica) {
    if (old_.size() < 50) return old_.emplace_back(states[replica]);
    if (random() % 4 == 0) return old_[random() % old_.size()];
    return old_[random() % old_.size()] = states[replica];
  }
  void merge_into(size_t one, const State& other) {
    const State copy = other;
    states[one].merge(copy);
  }
  std::vector<State> old_;
};

template <class State>
State merged(State a, const State& b) {
  a.merge(b);
  return a;
}

template <class State>
void expect_laws(const State& a, const State& b, const State& c) {
  EXPECT_TRUE(merged(a, b) == merged(b, a)) << "commutative";
  EXPECT_TRUE(merged(merged(a, b), c) == merged(a, merged(b, c))) << "associative";
  EXPECT_TRUE(merged(a, a) == a) << "idempotent";
  EXPECT_TRUE(merged(merged(a, b), b) == merged(a, b)) << "idempotent";
}

class CrdtTest : public testing::Test {
 protected:
  void SetUp() override { RecordProperty("seed", static_cast<int>(seed_)); }
  const unsigned seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

TEST_F(CrdtTest, CountersConvergeToTheSumOfAllChanges) {
  for (unsigned round = 0; round < 50; ++round) {
    Replicas<PnCounter> replicas(seed_ + round);
    int64_t total = 0;
    replicas.run(200, [&](PnCounter& counter, ReplicaId replica) {
      const int64_t amount = static_cast<int64_t>(replicas.random() % 21) - 10;
      counter.add(replica, amount);
      total += amount;
    });
    expect_laws(replicas.states[0], replicas.states[1], replicas.states[2]);
    replicas.settle();
    for (const PnCounter& counter : replicas.states) {
      EXPECT_EQ(counter.value(), total);
      EXPECT_TRUE(*PnCounter::decode(counter.encode()) == counter);
    }
  }
}

TEST_F(CrdtTest, SetsConverge) {
  for (unsigned round = 0; round < 50; ++round) {
    Replicas<OrSet> replicas(seed_ + round);
    replicas.run(200, [&](OrSet& set, ReplicaId replica) {
      const std::string member(1, static_cast<char>('a' + replicas.random() % 6));
      if (replicas.random() % 2 == 0)
        set.add(replicas.next_dot(replica), member);
      else
        set.remove(member);
    });
    expect_laws(replicas.states[0], replicas.states[1], replicas.states[2]);
    replicas.settle();
    for (const OrSet& set : replicas.states) {
      EXPECT_TRUE(set == replicas.states[0]);
      EXPECT_TRUE(*OrSet::decode(set.encode()) == set);
    }
  }
}

TEST_F(CrdtTest, RegistersConvergeToTheLastWrite) {
  for (unsigned round = 0; round < 50; ++round) {
    Replicas<LwwRegister> replicas(seed_ + round);
    std::string last;
    replicas.run(200, [&](LwwRegister& reg, ReplicaId replica) {
      last = std::to_string(replicas.clock);
      reg.set(replicas.next_dot(replica), last);
    });
    expect_laws(replicas.states[0], replicas.states[1], replicas.states[2]);
    replicas.settle();
    for (const LwwRegister& reg : replicas.states) EXPECT_EQ(reg.value, last);
  }
}

TEST(OrSetTest, AnAdditionMadeElsewhereAtTheSameTimeWins) {
  OrSet a;
  a.add({1, 1}, "x");
  OrSet b = a;
  a.remove("x");
  b.add({2, 2}, "x");
  a.merge(b);
  EXPECT_TRUE(a.contains("x"));
}

TEST(OrSetTest, ARemovalTakesAwayWhatItHasSeen) {
  OrSet a;
  a.add({1, 1}, "x");
  OrSet b = a;
  b.remove("x");
  a.merge(b);
  EXPECT_FALSE(a.contains("x"));
  b.merge(a);
  EXPECT_TRUE(a == b);
}

TEST(OrSetTest, AnOldCopyDoesNotBringBackWhatWasRemoved) {
  OrSet a;
  a.add({1, 1}, "x");
  const OrSet old = a;
  a.remove("x");
  a.merge(old);
  EXPECT_EQ(a.size(), 0u);
}

TEST(OrSetTest, AReplicaThatIsGoneLeavesNoTrace) {
  OrSet a;
  a.add({1, 1}, "x");
  a.add({2, 2}, "y");
  a.remove("x");
  a.forget(1);
  a.forget(2);  // its addition is still a member
  EXPECT_EQ(a.seen().newest().size(), 1u);
  EXPECT_EQ(a.members(), std::vector<std::string>{"y"});
}

TEST(OrSetTest, DamagedBytesAreRefused) {
  OrSet set;
  set.add({1, 1}, "member");
  const std::string bytes = set.encode();
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    const Result<OrSet> part = OrSet::decode(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(part ? part->size() : 0, 0u) << cut;  // whole members are read, or none
  }
  EXPECT_FALSE(OrSet::decode(""));
  EXPECT_FALSE(PnCounter::decode("\x01xyz"));
}

TEST(PnCounterTest, TheSmallestNumberIsAdded) {
  PnCounter counter;
  counter.add(1, INT64_MIN);
  EXPECT_EQ(counter.value(), INT64_MIN);
  counter.add(2, INT64_MAX);
  EXPECT_EQ(counter.value(), -1);
}

}  // namespace
}  // namespace kvfs
