// Reading mapped files that may not be readable: a page that the disk cannot bring, or that the file has no more, ends
// the process of who touches it by SIGBUS, and a wrong pointer in a damaged file by SIGSEGV (mmap(2), signal(7)),
// unless they are expected.
#pragma once

#include <csetjmp>

namespace kvfs {

/// Within its life, such a fault of the calling thread goes on at `point` (siglongjmp(3)). They nest.
class FaultGuard {
 public:
  FaultGuard();
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  sigjmp_buf point;

 private:
  FaultGuard* const outer_;
};

/// Calls `read`. False: it has touched what cannot be read, and was left where it stood. REQUIRES: what stands between
/// here and there needs no destructor; catch_faults() was called.
template <class Read>
bool survives_faults(const Read& read) {
  FaultGuard guard;
  if (sigsetjmp(guard.point, 0) != 0) return false;
  read();
  return true;
}

/// From now on, faults of threads that expect none go where they went before. Any thread; once is enough.
void catch_faults();

}  // namespace kvfs
