#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <thread>

#include "store/descriptor.h"

namespace kvfs {
namespace {

constexpr std::chrono::hours kNever{1};  // a tick that no test lives to see

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
  }
  void fill() const { ASSERT_EQ(::write(write_end.get(), "x", 1), 1); }
  Descriptor read_end;
  Descriptor write_end;
};

class Recorder final : public EventLoop::Handler {
 public:
  Recorder(std::string& into, char mark) : into_(into), mark_(mark) {}
  void on_ready(EventLoop::Event event) override {
    if (event.readable) into_ += mark_;
    if (event.hung_up) into_ += '!';
  }

 private:
  std::string& into_;
  const char mark_;
};

EventLoop::Hooks hooks(std::function<void()> settle, std::chrono::milliseconds tick = kNever) {
  return {std::move(settle), tick};
}

TEST(EventLoop, RunsWhatIsPostedInItsOrderOnItsThread) {
  EventLoop loop("test", hooks([] {}));
  std::string order;
  std::thread::id thread;
  std::thread runner([&] { loop.run(); });
  for (const char each : std::string("abc")) loop.post([&order, each] { order += each; });
  loop.post([&] {
    thread = std::this_thread::get_id();
    loop.stop();
  });
  const std::thread::id expected = runner.get_id();
  runner.join();
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(thread, expected);
}

TEST(EventLoop, WhatIsPostedByWhatWasPostedRunsToo) {
  EventLoop loop("test", hooks([] {}));
  int depth = 0;
  std::function<void()> again = [&] {
    if (++depth == 5) return loop.stop();
    loop.post(again);
  };
  loop.post(again);
  loop.run();
  EXPECT_EQ(depth, 5);
}

// As does a child between fork(2) and exec(2).
TEST(EventLoop, AHandlerThatWasRemovedIsLeftAloneThoughAnotherStillHasItsSocket) {
  EventLoop loop("test", hooks([] {}));
  std::string order;
  Recorder removed(order, 'r');
  Recorder stays(order, 's');
  Pipe first, second;
  ASSERT_TRUE(loop.add(first.read_end.get(), removed));
  ASSERT_TRUE(loop.add(second.read_end.get(), stays));
  const Descriptor of_another(::dup(first.read_end.get()));
  loop.remove(first.read_end.get());
  first.read_end.close();
  first.fill();
  second.fill();
  loop.post([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  EXPECT_EQ(order, "s");
}

TEST(EventLoop, WhatThrowsDoesNotTakeTheTurnOfOthers) {
  std::string order;
  int settled = 0;
  EventLoop loop("test", hooks([&] {
                   ++settled;
                   throw std::runtime_error("settling");
                 }));
  EventLoop::Timer timer(loop);
  loop.post([&] { throw std::runtime_error("posted"); });
  loop.post([&] { order += 'p'; });
  timer.start(std::chrono::milliseconds(1), [&] {
    order += 't';
    loop.stop();
    throw std::runtime_error("timer");
  });
  loop.run();
  EXPECT_EQ(order, "pt");
  EXPECT_GE(settled, 1);
}

TEST(EventLoop, TellsOfReadinessOnceAndOfTheEnd) {
  std::string seen;
  Pipe pipe;
  Recorder recorder(seen, 'r');
  int turns = 0;
  EventLoop loop("test", hooks([&] {
                   if (++turns == 1) return loop.hurry();  // nothing was read: there is no new event
                   if (turns == 2) {
                     EXPECT_EQ(seen, "r");
                     pipe.write_end.close();
                     return;
                   }
                   loop.stop();
                 }));
  ASSERT_TRUE(loop.add(pipe.read_end.get(), recorder));
  pipe.fill();
  loop.run();
  EXPECT_EQ(seen, "rr!");
}

TEST(EventLoop, WhatWasPostedBeforeAnEventIsDoneBeforeIt) {
  std::string order;
  Pipe pipe;
  Recorder recorder(order, 'e');
  EventLoop loop("test", hooks([&] { loop.stop(); }));
  ASSERT_TRUE(loop.add(pipe.read_end.get(), recorder));
  loop.post([&] { order += 'p'; });
  pipe.fill();
  loop.run();
  EXPECT_EQ(order, "pe");
}

TEST(EventLoop, HurryingTakesAnotherTurnWithoutAnEvent) {
  int turns = 0;
  EventLoop loop("test", hooks([&] {
                   if (++turns == 4) return loop.stop();
                   loop.hurry();
                 }));
  loop.post([] {});
  loop.run();
  EXPECT_EQ(turns, 4);
}

TEST(EventLoop, TimersRunInTheOrderOfTheirTimesUnlessCancelled) {
  std::string order;
  EventLoop loop("test", hooks([] {}));
  EventLoop::Timer first(loop);
  EventLoop::Timer second(loop);
  EventLoop::Timer cancelled(loop);
  EventLoop::Timer put_off(loop);
  auto ended = std::make_unique<EventLoop::Timer>(loop);
  second.start(std::chrono::milliseconds(3), [&] { order += '2'; });
  cancelled.start(std::chrono::milliseconds(1), [&] { order += 'c'; });
  put_off.start(std::chrono::milliseconds(1), [&] { order += 'x'; });
  ended->start(std::chrono::milliseconds(1), [&] { order += 'e'; });
  first.start(std::chrono::milliseconds(2), [&] {
    order += '1';
    put_off.start(std::chrono::milliseconds(5), [&] {
      order += '3';
      loop.stop();
    });
  });
  put_off.cancel();
  cancelled.cancel();
  ended.reset();
  loop.run();
  EXPECT_EQ(order, "123");
}

TEST(EventLoop, ATimerMayEndItself) {
  EventLoop loop("test", hooks([] {}));
  auto timer = std::make_unique<EventLoop::Timer>(loop);
  timer->start(std::chrono::milliseconds(1), [&] {
    timer.reset();
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(timer, nullptr);
}

TEST(EventLoop, TicksWithoutEvents) {
  int ticks = 0;
  EventLoop loop("test", hooks([] {}, std::chrono::milliseconds(1)));
  loop.each_tick([&] {
    if (++ticks == 3) loop.stop();
  });
  loop.run();
  EXPECT_EQ(ticks, 3);
}

TEST(EventLoop, StoppedBeforeItRunsItEndsAtOnce) {
  EventLoop loop("test", hooks([] {}));
  bool ran = false;
  loop.stop();
  loop.post([&] { ran = true; });
  loop.run();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace kvfs
