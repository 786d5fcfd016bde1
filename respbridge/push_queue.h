// Messages that wait to be sent to a client, in order.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace kvfs::resp {

/// Large messages are kept as they come: a buffer that grew with them would copy all of them again and again.
class PushQueue {
 public:
  static constexpr size_t kLargeBytes = 16 * 1024;

  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  void add(std::string_view message) {
    bytes_ += message.size();
    if (tail_.size() + message.size() > kLargeBytes) seal();
    tail_.append(message);
  }
  void add_large(std::string&& message) {
    bytes_ += message.size();
    seal();
    sealed_.push_back(std::move(message));
  }
  /// Moves messages to the end of `out` until it has `bytes_wanted` or there are no more.
  void take(std::string& out, size_t bytes_wanted) {
    size_t taken = 0;
    while (!sealed_.empty() && out.size() < bytes_wanted) {
      taken += sealed_.front().size();
      if (out.empty())
        out = std::move(sealed_.front());
      else
        out.append(sealed_.front());
      sealed_.pop_front();
    }
    if (sealed_.empty() && out.size() < bytes_wanted) {
      taken += tail_.size();
      out.append(tail_);
      tail_.clear();
    }
    bytes_ -= taken;
  }

 private:
  void seal() {
    if (tail_.empty()) return;
    sealed_.push_back(std::move(tail_));
    tail_.clear();
  }

  std::deque<std::string> sealed_;
  std::string tail_;  // behind all of sealed_
  size_t bytes_ = 0;
};

}  // namespace kvfs::resp
