#include "store/engine/background_task.h"

#include <chrono>
#include <utility>

namespace kvfs {

BackgroundTask::BackgroundTask(std::function<uint64_t()> run, Failed failed)
    : run_(std::move(run)), failed_(std::move(failed)), thread_([this] { loop(); }) {}

BackgroundTask::~BackgroundTask() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundTask::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void BackgroundTask::loop() {
  uint64_t wait_ms = kNever;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto due = [this] { return woken_ || stopping_; };
      if (wait_ms == kNever) {
        changed_.wait(lock, due);
      } else {
        changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), due);
      }
      if (stopping_) return;
      woken_ = false;
    }
    wait_ms = run_once();
  }
}

uint64_t BackgroundTask::run_once() noexcept {
  try {
    return run_();
  } catch (const std::exception& failure) {
    try {
      if (failed_) failed_(failure);
    } catch (const std::exception&) {  // not even memory to tell it
    }
  }
  return kAgainMs;
}

}  // namespace kvfs
