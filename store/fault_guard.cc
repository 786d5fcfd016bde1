#include "store/fault_guard.h"

#include <pthread.h>
#include <ucontext.h>

#include <csignal>
#include <mutex>

namespace kvfs {

namespace {

constinit thread_local FaultGuard* innermost = nullptr;

struct sigaction bus_before;
struct sigaction segv_before;

/// What would have been done without a guard. A fault happens again when this returns.
void pass_on(const struct sigaction& before, int signal, siginfo_t* info, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
    before.sa_sigaction(signal, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    before.sa_handler(signal);
  else if (::signal(signal, SIG_DFL); info->si_code <= 0)
    ::raise(signal);  // by kill(2), which does not happen again by itself
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const bool by_kernel = info->si_code > 0;
  if (FaultGuard* const guard = innermost; guard != nullptr && by_kernel) {
    // As the return from here would have done; whoever stands between the kernel and this may have blocked more.
    ::pthread_sigmask(SIG_SETMASK, &static_cast<const ucontext_t*>(context)->uc_sigmask, nullptr);
    siglongjmp(guard->point, signal);
  }
  pass_on(signal == SIGBUS ? bus_before : segv_before, signal, info, context);
}

}  // namespace

FaultGuard::FaultGuard() : outer_(innermost) { innermost = this; }
FaultGuard::~FaultGuard() { innermost = outer_; }

void catch_faults() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &bus_before);
    ::sigaction(SIGSEGV, &action, &segv_before);
  });
}

}  // namespace kvfs
