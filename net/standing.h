// Operations of an io_context that are to be always under way: accepting, waiting for the next tick.
#pragma once

#include <memory>
#include <utility>

namespace kvfs {

/// Where there is no memory to begin such an operation again, or to end it, its handler is dropped with its token, and
/// under_way() tells. Whoever runs the io_context catches what was thrown, and begins again what is not under way.
/// Thread safety: none; that of the io_context's thread.
class Standing {
 public:
  /// Held by the handler until it has begun the next turn. May outlive the Standing.
  class Token {
   public:
    explicit Token(std::shared_ptr<bool> flag) : flag_(std::move(flag)) { *flag_ = true; }
    ~Token() { end(); }
    Token(Token&& other) noexcept : flag_(std::exchange(other.flag_, nullptr)) {}
    Token& operator=(Token&&) = delete;
    /// This turn is over.
    void end() {
      if (flag_) *flag_ = false;
      flag_.reset();
    }

   private:
    std::shared_ptr<bool> flag_;
  };

  Token begin() { return Token(flag_); }
  bool under_way() const { return *flag_; }

 private:
  const std::shared_ptr<bool> flag_ = std::make_shared<bool>(false);
};

}  // namespace kvfs
