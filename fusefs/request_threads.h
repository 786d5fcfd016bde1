// Threads that wait in the kernel for requests, and how they are made to look up: a signal, SIGRTMIN, ends the wait.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

namespace kvfs {

/// For such a thread: other signals are the daemon's, but for faults of its own, which somebody may expect
/// (store/fault_guard.h).
inline void block_other_signals() {
  sigset_t others;
  sigfillset(&others);
  for (const int own : {SIGRTMIN, SIGBUS, SIGSEGV}) sigdelset(&others, own);
  pthread_sigmask(SIG_SETMASK, &others, nullptr);
}

/// One more of `threads`, whose `thread` is what `start` gives. False, with a warning: the system gives no thread.
template <class Threads, class Start>
bool start_one_more(Threads& threads, const Start& start) {
  try {
    auto& one = threads.emplace_back();
    one.thread = start(one);
    return true;
  } catch (const std::exception& e) {
    if (!threads.empty() && !threads.back().thread.joinable()) threads.pop_back();
    spdlog::warn("mount: no further thread: {}", e.what());
    return false;
  }
}

/// Interrupts those of `threads` (of `thread` and an atomic `waiting`) that wait, until `done()`. `lock` is held and
/// guards them; `changed` is notified when a thread ends.
template <class Threads, class Done>
void interrupt_until(std::unique_lock<std::mutex>& lock, std::condition_variable& changed, Threads& threads,
                     const Done& done) {
  constexpr std::chrono::milliseconds kEach{5};
  // A signal between a thread's last look and its wait would be lost, hence again and again.
  do {
    for (auto& one : threads) {
      if (one.waiting) pthread_kill(one.thread.native_handle(), SIGRTMIN);
    }
  } while (!changed.wait_for(lock, kEach, done));
}

}  // namespace kvfs
