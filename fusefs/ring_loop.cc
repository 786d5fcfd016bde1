#include "fusefs/ring_loop.h"

#define FUSE_USE_VERSION 314
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <liburing.h>
#include <linux/fuse.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>

#include "fusefs/newer_requests.h"
#include "fusefs/request_threads.h"
#include "store/cpus.h"

namespace kvfs {
namespace {

// linux/fuse.h of Linux 6.14, which older headers lack.
struct RingEntryInOut {
  uint64_t flags;
  uint64_t commit_id;
  uint32_t payload_size;
  uint32_t padding;
  uint64_t reserved;
};
struct RingHeader {
  char in_out[128];  // fuse_in_header, then fuse_out_header
  char op_in[128];   // what is particular to the request
  RingEntryInOut entry;
};
static_assert(sizeof(RingHeader) == 288);
struct RingCommand {
  uint64_t flags;
  uint64_t commit_id;
  uint16_t queue;
  uint8_t padding[6];
};
enum : uint32_t { kRegister = 1, kCommitAndFetch = 2 };

constexpr unsigned kRingEntries = 4;
// Requests come to the CPU of who makes them, which is where small ones are answered soonest. Long reads take so much
// work that who reads on is better served from another CPU meanwhile.
constexpr uint32_t kLongRead = 64 * 1024;
constexpr unsigned kLongReadsToRoam = 4;  // one after the other
constexpr size_t kHeadRoom = 4096;        // before the payload, for the headers that belong before it
constexpr const char* kSwitch = "/sys/module/fuse/parameters/enable_uring";

std::string message_of(int error) { return std::generic_category().message(error); }

bool write_switch(char state) {
  const int fd = ::open(kSwitch, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, &state, 1) == 1;
  ::close(fd);
  return written;
}

}  // namespace

struct RingLoop::Server {
  RingLoop* loop = nullptr;
  unsigned cpu = 0;
  std::thread thread;
  std::atomic<bool> waiting{false};
  bool waits_for_others = false;  // guarded by mutex_
  unsigned long_reads = 0;        // one after the other
  io_uring ring{};
  RingHeader header{};
  char* memory = nullptr;  // kHeadRoom bytes, then the payload
  iovec parts[2] = {};     // what the kernel is given: header and payload
  uint64_t unique = 0;     // of the request under way; 0: none, or answered

  char* payload() const { return memory + kHeadRoom; }
  size_t payload_bytes() const { return parts[1].iov_len; }

  void push(uint32_t command) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&ring);
    if (sqe == nullptr) std::abort();  // cannot be: there is one command at a time
    std::memset(static_cast<void*>(sqe), 0, sizeof *sqe);
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->fd = fuse_session_fd(loop->session_);
    sqe->cmd_op = command;
    sqe->addr = reinterpret_cast<uint64_t>(parts);
    sqe->len = 2;
    RingCommand what{};
    what.queue = static_cast<uint16_t>(cpu);
    what.commit_id = command == kRegister ? 0 : header.entry.commit_id;
    // Behind the 64 bytes of an ordinary entry there are 64 more (IORING_SETUP_SQE128); the command begins at 48.
    std::memcpy(reinterpret_cast<char*>(sqe) + offsetof(io_uring_sqe, cmd), &what, sizeof what);
  }
};

namespace {
/// Whose request this thread processes.
thread_local RingLoop::Server* serving = nullptr;
}  // namespace

RingLoop::Switch::Switch() {
  fd_ = ::open(kSwitch, O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) {
    on_ = Error{Errc::unsupported, "this kernel has no FUSE over io_uring (Linux 6.14 with CONFIG_FUSE_IO_URING has)"};
    return;
  }
  while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
  char state = 0;
  if (::pread(fd_, &state, 1, 0) == 1 && state == 'Y') return;
  if (write_switch('Y'))
    was_off_ = true;
  else
    on_ = Error{Errc::access_denied,
                std::string("FUSE over io_uring is switched off, and only root can change that: echo Y > ") + kSwitch};
}

RingLoop::Switch::~Switch() {
  if (was_off_ && !write_switch('N')) spdlog::warn("mount: {} stays Y", kSwitch);
  if (fd_ >= 0) ::close(fd_);
}

RingLoop::RingLoop(fuse_session* session, unsigned threads_max) : session_(session), threads_max_(threads_max) {}

RingLoop::~RingLoop() { stop(); }

Result<void> RingLoop::prepare() {
  const auto cpus = static_cast<unsigned>(get_nprocs_conf());  // the kernel's queues: CPUs that there may be
  std::unique_lock lock(mutex_);
  free_.resize(cpus);
  for (unsigned cpu = 0; cpu < cpus; ++cpu)
    if (!add_server_locked(cpu)) return Error{Errc::limit_reached, "no thread can be started for the mount"};
  changed_.wait(lock, [&] { return prepared_ == cpus || error_ != 0; });
  if (error_ != 0) return Error{Errc::io, "io_uring_setup: " + message_of(error_)};
  return {};
}

bool RingLoop::add_server_locked(unsigned cpu) {
  const auto start = [&](Server& server) {
    server.loop = this;
    server.cpu = cpu;
    return std::thread([this, &server] { run(server); });
  };
  if (!start_one_more(servers_, start)) return false;
  running_++;
  free_[cpu]++;
  return true;
}

void RingLoop::start(size_t payload_bytes, std::function<void()> failed) {
  {
    const std::lock_guard lock(mutex_);
    payload_bytes_ = payload_bytes;
    failed_ = std::move(failed);
    started_ = true;
  }
  changed_.notify_all();
}

void RingLoop::stop() {
  std::list<Server> servers;
  {
    std::unique_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
    interrupt_until(lock, changed_, servers_, [&] { return running_ == 0; });
    servers.swap(servers_);
  }
  for (Server& server : servers) server.thread.join();
}

void RingLoop::run(Server& server) {
  block_other_signals();
  stay_on_cpus({static_cast<int>(server.cpu)});

  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SQE128 | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
  const int made = io_uring_queue_init_params(kRingEntries, &server.ring, &parameters);
  bool goes_on = made == 0;
  {
    std::unique_lock lock(mutex_);
    if (made == 0)
      prepared_++;
    else if (error_ == 0)
      error_ = -made;
    changed_.notify_all();
    if (goes_on) changed_.wait(lock, [&] { return started_ || ended_; });
    goes_on = goes_on && !ended_;
  }
  if (goes_on) serve(server);
  if (made == 0) io_uring_queue_exit(&server.ring);
  if (server.memory != nullptr) munmap(server.memory, kHeadRoom + server.payload_bytes());
  const std::lock_guard lock(mutex_);
  if (!server.waits_for_others) free_[server.cpu]--;
  running_--;
  changed_.notify_all();
}

void RingLoop::serve(Server& server) {
  void* const memory = mmap(nullptr, kHeadRoom + payload_bytes_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return lost(server, errno);
  server.memory = static_cast<char*>(memory);
  server.parts[0] = {&server.header, sizeof server.header};
  server.parts[1] = {server.payload(), payload_bytes_};
  server.push(kRegister);
  while (!ended_) {
    server.waiting = true;
    const int taken = ended_ ? -EINTR : io_uring_submit_and_wait(&server.ring, 1);
    server.waiting = false;
    io_uring_cqe* done = nullptr;
    if (io_uring_peek_cqe(&server.ring, &done) != 0) {
      if (taken >= 0 || taken == -EINTR || taken == -EAGAIN || taken == -EBUSY) continue;
      return lost(server, -taken);
    }
    const int result = done->res;
    io_uring_cqe_seen(&server.ring, done);
    if (result < 0) return lost(server, -result);
    process(server);
  }
  (void)io_uring_submit(&server.ring);  // the last reply
}

void RingLoop::lost(Server& server, int error) {
  if (error == ENOTCONN || error == ECONNABORTED || error == ECANCELED) return;  // unmounted
  std::function<void()> failed;
  {
    const std::lock_guard lock(mutex_);
    if (free_[server.cpu] > 1 || ended_) {
      spdlog::warn("mount: io_uring: no further thread for CPU {}: {}", server.cpu, message_of(error));
      return;
    }
    failed = failed_;
  }
  spdlog::error("mount: io_uring: CPU {} cannot be served: {}; set mount.io_uring = no", server.cpu, message_of(error));
  failed();
}

void RingLoop::process(Server& server) {
  fuse_in_header in;
  std::memcpy(&in, server.header.in_out, sizeof in);
  // As read(2) gives it: the header, what is particular to the request, and then the payload, which is there already.
  const size_t particular = in.len - sizeof in - server.header.entry.payload_size;
  char* const request = server.payload() - particular - sizeof in;
  std::memcpy(request, &in, sizeof in);
  std::memcpy(request + sizeof in, server.header.op_in, particular);
  translate_newer_request(request, in.len);
  fuse_buf buffer{};
  buffer.mem = request;
  buffer.size = in.len;
  server.unique = in.unique;
  choose_cpu(server, in.opcode);
  serving = &server;
  fuse_session_process_buf(session_, &buffer);
  serving = nullptr;
  works_again(server);
}

void RingLoop::choose_cpu(Server& server, uint32_t opcode) {
  fuse_read_in read;
  std::memcpy(&read, server.header.op_in, sizeof read);
  const bool is_long = opcode == FUSE_READ && read.size >= kLongRead;
  const bool roamed = server.long_reads >= kLongReadsToRoam;
  server.long_reads = is_long ? server.long_reads + 1 : 0;
  const bool roams = server.long_reads >= kLongReadsToRoam;
  if (roams != roamed) stay_on_cpus(roams ? cpus_ : std::vector{static_cast<int>(server.cpu)});
}

bool RingLoop::reply(const iovec* parts, int count) {
  if (serving == nullptr) return false;
  Server& server = *serving;
  fuse_out_header out;
  std::memcpy(&out, parts[0].iov_base, sizeof out);
  if (out.unique == 0 || out.unique != server.unique) return false;
  server.unique = 0;
  size_t used = 0;
  for (int i = 1; i < count; ++i) {
    if (parts[i].iov_len > server.payload_bytes() - used) {
      out.error = -EIO;
      used = 0;
      break;
    }
    if (parts[i].iov_base != server.payload() + used)
      std::memcpy(server.payload() + used, parts[i].iov_base, parts[i].iov_len);
    used += parts[i].iov_len;
  }
  std::memcpy(server.header.in_out, &out, sizeof out);
  server.header.entry.payload_size = static_cast<uint32_t>(used);
  server.push(kCommitAndFetch);
  return true;
}

std::span<char> RingLoop::reply_room() {
  if (serving == nullptr) return {};
  return {serving->payload(), serving->payload_bytes()};
}

void RingLoop::about_to_block() {
  if (serving != nullptr) serving->loop->make_up_for(*serving, false);
}

void RingLoop::about_to_wait_for_requests() {
  if (serving != nullptr) serving->loop->make_up_for(*serving, true);
}

void RingLoop::make_up_for(Server& server, bool in_any_case) {
  const std::lock_guard lock(mutex_);
  if (!server.waits_for_others) free_[server.cpu]--;
  server.waits_for_others = true;
  if (!ended_ && free_[server.cpu] == 0 && (running_ < threads_max_ || in_any_case)) add_server_locked(server.cpu);
}

void RingLoop::works_again(Server& server) {
  if (!server.waits_for_others) return;  // set by this thread alone
  const std::lock_guard lock(mutex_);
  server.waits_for_others = false;
  free_[server.cpu]++;
}

}  // namespace kvfs
