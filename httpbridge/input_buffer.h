// Bytes that came in and are not used up yet. Grows on demand, gives memory back when idle.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace kvfs::http {

class InputBuffer {
 public:
  std::string_view unread() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Like consume, but what was consumed stays where it is (views point there).
  void consume_in_place(size_t bytes) { begin_ += bytes; }

  size_t capacity() const { return capacity_; }
  /// Room for at least `bytes` behind the unread ones, which may move.
  std::span<char> prepare(size_t bytes) {
    if (capacity_ - end_ < bytes) {
      const size_t have = end_ - begin_;
      if (capacity_ - have >= bytes && begin_ > 0) {
        std::memmove(data_.get(), data_.get() + begin_, have);
      } else {
        size_t wanted = capacity_ == 0 ? bytes : capacity_;
        while (wanted < have + bytes) wanted *= 2;
        std::unique_ptr<char[]> larger(new char[wanted]);
        if (have > 0) std::memcpy(larger.get(), data_.get() + begin_, have);
        data_ = std::move(larger);
        capacity_ = wanted;
      }
      begin_ = 0;
      end_ = have;
    }
    return {data_.get() + end_, capacity_ - end_};
  }
  void commit(size_t bytes) { end_ += bytes; }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(prepare(bytes.size()).data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  /// Forgets everything and its memory.
  void release() {
    data_.reset();
    capacity_ = begin_ = end_ = 0;
  }
  /// To be called when nothing is unread and nothing points here.
  void shrink(size_t to_bytes) {
    if (empty() && capacity_ > to_bytes) release();
    if (empty()) begin_ = end_ = 0;
  }

 private:
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace kvfs::http
