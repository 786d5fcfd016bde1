#include "daemon/background.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace kvfs {

namespace {

constexpr char kReady = 'R';

void write_all(int fd, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno != EINTR) return;
    if (written > 0) done += static_cast<size_t>(written);
  }
}

void leave_terminal() {
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  if (null > STDERR_FILENO) ::close(null);
}

/// The child ended or closed the pipe without a word.
std::string describe_end(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) == child && WIFSIGNALED(status)) {
    return fmt::format("the daemon was killed by signal {} before it was ready", WTERMSIG(status));
  }
  return "the daemon ended before it was ready; run it with -f to see why";
}

/// What the child says until it closes the pipe or is ready: "R", or the exit code and a line.
int wait_for(pid_t child, int pipe, const std::function<void()>& check) {
  std::string said;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(pipe, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    said.append(buffer, static_cast<size_t>(count));
    if (said.front() == kReady) {
      check();
      return static_cast<int>(ExitCode::ok);
    }
  }
  if (said.empty()) {
    std::fprintf(stderr, "kvfs: %s\n", describe_end(child).c_str());
    return static_cast<int>(ExitCode::failure);
  }
  std::fprintf(stderr, "kvfs: %s\n", said.c_str() + 1);
  return said.front() - 'a';
}

}  // namespace

Readiness::Readiness(Readiness&& other) noexcept : pipe_(std::exchange(other.pipe_, -1)) {}

Readiness& Readiness::operator=(Readiness&& other) noexcept {
  std::swap(pipe_, other.pipe_);
  return *this;
}

Readiness::~Readiness() { close(); }

void Readiness::close() {
  if (pipe_ >= 0) ::close(std::exchange(pipe_, -1));
}

void Readiness::ready() {
  if (pipe_ < 0) return;
  write_all(pipe_, std::string(1, kReady));
  close();
  leave_terminal();
}

bool Readiness::failed(const Failure& failure) {
  if (pipe_ < 0) return false;
  write_all(pipe_, static_cast<char>('a' + static_cast<int>(failure.code)) + failure.message);
  close();
  return true;
}

int run_in_background(const std::function<int(Readiness)>& daemon, const std::function<void()>& check) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    std::fprintf(stderr, "kvfs: cannot go to the background: %s\n", ::strerror(errno));
    return static_cast<int>(ExitCode::failure);
  }
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "kvfs: cannot go to the background: %s\n", ::strerror(errno));
    return static_cast<int>(ExitCode::failure);
  }
  if (child == 0) {
    ::close(pipe[0]);
    ::setsid();
    if (::chdir("/") != 0) return static_cast<int>(ExitCode::failure);
    return daemon(Readiness(pipe[1]));
  }
  ::close(pipe[1]);
  const int code = wait_for(child, pipe[0], check);
  ::close(pipe[0]);
  return code;
}

}  // namespace kvfs
