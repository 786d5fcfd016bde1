// Takes requests from /dev/fuse and processes them: one thread reads at a time and processes what it read itself, so
// that a lone client is answered without a thread switch; others step in while it is busy.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "store/result.h"

struct fuse_session;

namespace kvfs {

struct SessionLoopOptions {
  unsigned threads_max = 8;
  /// How long the reading thread polls before it sleeps, when requests come in quick succession. Faster where a CPU is
  /// idle, slower where client and daemon share one. 0: never.
  unsigned spin_us = 0;
};

/// Thread safety: all functions may be called from any thread, start() once.
class SessionLoop {
 public:
  /// `session` is mounted, its descriptor is non-blocking, and outlives this.
  SessionLoop(fuse_session* session, const SessionLoopOptions& options);
  /// Stops.
  ~SessionLoop();

  Result<void> start();
  /// No request is taken after it returns; those under way are answered.
  void stop();
  /// Returns when the loop has ended: by stop() or because the file system was unmounted.
  void wait();

  /// The calling thread processes a request that may wait: another thread reads from now on. No-op elsewhere.
  static void about_to_block();
  /// Likewise, and what it waits for may wait for other requests: another thread reads in any case, be it one more than
  /// threads_max.
  static void about_to_wait_for_requests();

 private:
  void run();
  /// Reads one request into the thread's buffer; false: the loop has ended.
  bool receive(struct Buffer& buffer);
  bool wait_for_request(int64_t idle_since_ns);
  void hand_over(bool in_any_case = false);
  /// Whether a further request waits, asked now and then while requests come without a pause.
  bool has_backlog();
  void end();

  fuse_session* const session_;
  const SessionLoopOptions options_;
  const int device_;
  int stop_event_ = -1;
  std::atomic<bool> ended_{false};

  // Of the reading thread alone (passed on under mutex_):
  bool quick_succession_ = false;  // the last request came within spin_us
  unsigned polls_off_ = 0;         // so many waits without polling are left
  unsigned polls_off_next_ = 1;    // after the next futile one
  unsigned at_once_ = 0;           // so many requests in a row were there before they were waited for

  std::mutex mutex_;
  std::condition_variable reader_free_;
  std::condition_variable ended_changed_;
  bool has_reader_ = false;           // guarded by mutex_
  unsigned idle_ = 0;                 // guarded by mutex_: threads that wait to read
  unsigned running_ = 0;              // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
};

}  // namespace kvfs
