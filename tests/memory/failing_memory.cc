#include "tests/memory/failing_memory.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace kvfs::test {
namespace {

constexpr uint64_t kNever = 0;

thread_local uint64_t allocations_left = kNever;
thread_local bool has_failed = false;
thread_local bool is_spared = false;
std::atomic<bool> none_elsewhere{false};
std::atomic<uint64_t> failures_elsewhere{0};

bool fails() {
  if (none_elsewhere.load(std::memory_order_relaxed) && !is_spared) {
    failures_elsewhere += 1;
    return true;
  }
  if (allocations_left == kNever || --allocations_left != kNever) return false;
  has_failed = true;
  return true;
}

}  // namespace

void* allocate(size_t bytes, size_t alignment) {
  void* const memory =
      fails() ? nullptr : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

FailingAllocation::FailingAllocation(uint64_t nth) {
  has_failed = false;
  allocations_left = nth;
}
FailingAllocation::~FailingAllocation() { allocations_left = kNever; }
bool FailingAllocation::failed() const { return has_failed; }

NoMemoryElsewhere::NoMemoryElsewhere() {
  is_spared = true;
  failures_elsewhere = 0;
  none_elsewhere = true;
}
NoMemoryElsewhere::~NoMemoryElsewhere() { none_elsewhere = false; }
uint64_t NoMemoryElsewhere::failures() const { return failures_elsewhere; }

}  // namespace kvfs::test

// The array forms and those that do not throw come down to these.
void* operator new(std::size_t bytes) { return kvfs::test::allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return kvfs::test::allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
