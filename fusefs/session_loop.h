// Takes requests from /dev/fuse and processes them: each thread processes what it read itself, so that no request is
// handed from thread to thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "store/result.h"

struct fuse_session;

namespace kvfs {

struct SessionLoopOptions {
  unsigned threads_max = 8;
};

/// Two threads wait for requests where there may be more than one: with a single one each request of a lone client
/// costs two wake-ups across CPUs, with two the kernel finds one of them where the client runs (measured: up to four
/// times faster). More read while requests queue up, or while threads wait for something else.
///
/// Thread safety: all functions may be called from any thread, start() once.
class SessionLoop {
 public:
  /// `session` is mounted, its descriptor blocks, and it outlives this. Uses the signal SIGRTMIN.
  SessionLoop(fuse_session* session, const SessionLoopOptions& options);
  /// Stops.
  ~SessionLoop();

  Result<void> start();
  /// No request is taken after it returns; those under way are answered.
  void stop();
  /// Returns when the loop has ended: by stop() or end(), or because the file system was unmounted.
  void wait();
  /// As stop(), without waiting for what is under way.
  void end();

  /// The calling thread processes a request that may wait: another thread reads from now on. No-op elsewhere.
  static void about_to_block();
  /// Likewise, and what it waits for may wait for other requests: another thread reads in any case, be it one more than
  /// threads_max.
  static void about_to_wait_for_requests();

 private:
  struct Worker {
    std::thread thread;
    std::atomic<bool> waiting{false};
  };

  /// False: the system gives no thread.
  bool add_worker_locked();
  /// Lets a thread become a reader, a new one where none is idle; beyond threads_max only `in_any_case`.
  void call_reader_locked(bool in_any_case);
  void run(Worker& worker);
  /// Reads requests and processes them until another thread is to do so.
  void serve(Worker& worker, struct RequestBuffer& buffer);
  void hand_over(bool in_any_case);
  /// Asks, now and then, whether requests wait: then one more thread reads; else one of those too many gives it up.
  void adjust();

  fuse_session* const session_;
  const unsigned threads_max_;
  const unsigned readers_min_;
  const unsigned readers_max_;
  std::atomic<bool> ended_{false};

  std::mutex mutex_;
  std::condition_variable reader_wanted_;
  std::condition_variable changed_;  // the loop ended, or a thread did
  unsigned readers_ = 0;             // guarded by mutex_: threads that read, or process what will not make them wait
  unsigned readers_wanted_;          // guarded by mutex_
  unsigned idle_ = 0;                // guarded by mutex_: threads that wait to become readers
  unsigned running_ = 0;             // guarded by mutex_
  std::list<Worker> workers_;        // guarded by mutex_
};

}  // namespace kvfs
