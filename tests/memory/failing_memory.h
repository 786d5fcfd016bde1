// Want of memory on demand: operator new of the executable that links this fails where a test says so.
#pragma once

#include <cstdint>

namespace kvfs::test {

/// The `nth` allocation of this thread from now on fails (1: the next). Until it is destroyed; one at a time.
class FailingAllocation {
 public:
  explicit FailingAllocation(uint64_t nth);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  /// It came to that.
  bool failed() const;
};

/// Every allocation of every other thread fails. Until it is destroyed; one at a time.
class NoMemoryElsewhere {
 public:
  NoMemoryElsewhere();
  ~NoMemoryElsewhere();
  NoMemoryElsewhere(const NoMemoryElsewhere&) = delete;
  /// How many allocations failed so far.
  uint64_t failures() const;
};

}  // namespace kvfs::test
