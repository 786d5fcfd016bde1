// The bytes a client has sent that are not yet executed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace kvfs::resp {

class InputBuffer {
 public:
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }

  /// Room for at least `count` bytes behind data(); moves data(), so that views into it end.
  std::pair<char*, size_t> prepare(size_t count) {
    const size_t size = end_ - begin_;
    if (size + count > capacity_) {
      // By half again and more, so that a large command is copied a bounded number of times while it comes.
      const size_t capacity = std::max({size + count, capacity_ + capacity_ / 2, kCapacityMin});
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      if (size > 0) std::memcpy(larger.get(), bytes_.get() + begin_, size);
      bytes_ = std::move(larger);
      capacity_ = capacity;
      begin_ = 0;
      end_ = size;
    } else if (end_ + count > capacity_) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, size);
      begin_ = 0;
      end_ = size;
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(size_t count) { end_ += count; }

  /// Forgets the first `count` bytes; gives memory back that one large command took.
  void consume(size_t count) {
    begin_ += count;
    if (begin_ < end_) return;
    begin_ = end_ = 0;
    if (capacity_ > kCapacityKept) {
      bytes_.reset();
      capacity_ = 0;
    }
  }

 private:
  static constexpr size_t kCapacityMin = 16 * 1024;
  static constexpr size_t kCapacityKept = 1024 * 1024;
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace kvfs::resp
