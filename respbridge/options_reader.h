// Reads the optional words of a command, one after another.
#pragma once

#include <optional>
#include <string_view>

#include "respbridge/command.h"
#include "respbridge/numbers.h"

namespace kvfs::resp {

class OptionsReader {
 public:
  OptionsReader(Args args, size_t at) : args_(args), at_(at) {}
  bool at_end() const { return at_ >= args_.size(); }
  size_t left() const { return args_.size() - at_; }
  /// The next word, if it is `lower` in any case: passes it.
  bool take(std::string_view lower) {
    if (at_end() || !equals_ignoring_case(args_[at_], lower)) return false;
    ++at_;
    return true;
  }
  /// The word after the next, where the next is `lower`: passes both.
  std::optional<std::string_view> take_value(std::string_view lower) {
    if (left() < 2 || !equals_ignoring_case(args_[at_], lower)) return std::nullopt;
    at_ += 2;
    return args_[at_ - 1];
  }
  /// REQUIRES: !at_end().
  std::string_view next() { return args_[at_++]; }

 private:
  const Args args_;
  size_t at_;
};

}  // namespace kvfs::resp
