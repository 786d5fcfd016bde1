// Takes requests over io_uring (Linux 6.14 and later, Documentation/filesystems/fuse/fuse-io-uring.rst) instead of by
// read(2) and writev(2). The kernel keeps a queue for each CPU and has its requests answered on that CPU, so that
// neither a request nor its reply wakes another one, and one system call gives a reply and takes the next request.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <span>
#include <vector>

#include "store/cpus.h"
#include "store/result.h"

struct fuse_session;

namespace kvfs {

/// One request at a time belongs to a thread, which answers it itself. What the kernel hands to a thread it does in
/// that thread's context, so a thread that waits must own nothing that is free: hence threads of one entry each, and
/// another one for the same CPU where all of its threads wait for something else.
///
/// The rest (the first exchange, forgotten inodes, interrupts, notifications) goes by /dev/fuse as ever.
///
/// Thread safety: all functions may be called from any thread, start() once.
class RingLoop {
 public:
  /// Holds the kernel's switch (the parameter enable_uring of the module fuse) on, if it can: the kernel looks at it
  /// only when a file system introduces itself. What was off is off again afterwards. Mounts of kvfs take turns.
  class Switch {
   public:
    Switch();
    ~Switch();
    Switch(const Switch&) = delete;
    /// Errors: unsupported, access_denied; both say what to do.
    const Result<void>& on() const { return on_; }

   private:
    Result<void> on_;
    int fd_ = -1;
    bool was_off_ = false;
  };

  /// `session` outlives this. Uses the signal SIGRTMIN, which must be handled (SessionLoop does).
  RingLoop(fuse_session* session, unsigned threads_max);
  /// Stops.
  ~RingLoop();

  /// Makes the rings: before the kernel is told that they are used. Errors: io, with what the system refused.
  Result<void> prepare();
  /// The kernel has agreed: it waits for a thread of each CPU from now on. `payload_bytes`: the most that a request or
  /// a reply carries behind its header. `failed` is called, on any thread, where a CPU cannot be served.
  void start(size_t payload_bytes, std::function<void()> failed);
  /// No request is taken after it returns; those under way are answered.
  void stop();

  /// Answers the request that the calling thread has taken from a ring. False: it has taken none, or not this one.
  static bool reply(const iovec* parts, int count);
  /// Where reply() has the bytes behind the reply's header without copying them. Whatever the request of this thread
  /// carried behind its parameters (names, bytes to write) lies there. Empty for a thread that has taken none.
  static std::span<char> reply_room();
  /// As those of SessionLoop, for requests taken from a ring. No-op elsewhere.
  static void about_to_block();
  static void about_to_wait_for_requests();

  struct Server;  // a thread with its ring

 private:
  /// False: the system gives no thread.
  bool add_server_locked(unsigned cpu);
  void run(Server& server);
  void serve(Server& server);
  void process(Server& server);
  /// Before a request of that kind: where the thread of `server` may run from now on.
  void choose_cpu(Server& server, uint32_t opcode);
  /// `server` takes no further request.
  void lost(Server& server, int error);
  void make_up_for(Server& server, bool in_any_case);
  void works_again(Server& server);

  fuse_session* const session_;
  const unsigned threads_max_;
  const std::vector<int> cpus_ = usable_cpus();

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::list<Server> servers_;
  std::vector<unsigned> free_;  // of each CPU: threads that do not wait for something else
  unsigned running_ = 0;
  unsigned prepared_ = 0;
  int error_ = 0;  // of making a ring
  bool started_ = false;
  std::function<void()> failed_;
  size_t payload_bytes_ = 0;  // set before started_
  std::atomic<bool> ended_{false};
};

}  // namespace kvfs
