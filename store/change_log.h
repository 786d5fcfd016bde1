// The changes of a transaction, packed: noting one costs a copy of its bytes alone. Changes are made of them again for
// those who ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/change.h"

namespace kvfs {

/// In the order in which they were added. Thread safety: none.
class ChangeLog {
 public:
  void add(const Change& change);
  void add(const ChangeView& change);
  void append(const ChangeLog& other);
  /// REQUIRES: not empty.
  void pop_back();
  /// Keeps the memory, unless it is large.
  void clear();

  bool empty() const { return ends_.empty(); }
  size_t size() const { return ends_.size(); }
  Change at(size_t i) const;
  std::vector<Change> all() const;

  /// The bytes of the change `i`, as unpack_change() takes them.
  std::string_view packed(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;  // of each change in bytes_
};

/// Of packed changes; the bytes are those of a ChangeLog of this process.
uint64_t id_of_packed(std::string_view bytes);
Change unpack_change(std::string_view bytes);

}  // namespace kvfs
