#include "daemon/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>

namespace kvfs {

EventWaiter::EventWaiter() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  unmounted_ = ::eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || unmounted_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

EventWaiter::~EventWaiter() {
  ::close(signals_);
  ::close(unmounted_);
}

Event EventWaiter::wait() {
  for (;;) {
    pollfd fds[] = {{.fd = signals_, .events = POLLIN, .revents = 0},
                    {.fd = unmounted_, .events = POLLIN, .revents = 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    signalfd_siginfo info{};
    if ((fds[0].revents & POLLIN) != 0 && ::read(signals_, &info, sizeof info) == sizeof info) {
      return info.ssi_signo == SIGHUP ? Event::reload : Event::stop;
    }
    if ((fds[1].revents & POLLIN) != 0) return Event::unmounted;
  }
}

void EventWaiter::notify_unmounted() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(unmounted_, &one, sizeof one);
}

}  // namespace kvfs
