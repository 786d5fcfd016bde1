// One HTTP answer as handlers build it, and how its head becomes bytes. Knows no socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "httpbridge/request.h"
#include "store/result.h"

namespace kvfs::http {

/// A body that is made while it is sent, in bounded memory. Used by one thread.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// Bytes in all; nullopt: known at the end only (sent chunked).
  virtual std::optional<uint64_t> size() const = 0;

  enum class State { more, done, wait };
  struct Piece {
    size_t bytes = 0;
    State state = State::more;  // wait: nothing now, `wake` will be called; done: these were the last bytes
  };
  /// Fills at most out.size() bytes. An error after the head has gone out ends the connection.
  virtual Result<Piece> read(std::span<char> out) = 0;

  /// `wake` may be called from any thread, also needlessly; it only signals. Set before the first read().
  virtual void set_wake(std::function<void()> wake) { (void)wake; }
  /// When a waiting source wants to be read again even so, in milliseconds of std::chrono::steady_clock; 0: never.
  virtual int64_t due_ms() const { return 0; }
};

class Response {
 public:
  int status = 200;
  std::string content_type;                // empty: none
  std::string body;                        // unless `source`
  std::optional<uint64_t> content_length;  // of a HEAD answer whose body was not made
  std::unique_ptr<BodySource> source;
  bool close = false;      // the connection ends after this answer
  bool streaming = false;  // never buffered by proxies (events)

  /// Empties all, keeping allocations.
  void reset();

  /// REQUIRES: `value` holds no control characters; use add_untrusted for anything a client chose.
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, uint64_t value);
  /// Control characters are left out, so that a value can never end the line.
  void add_untrusted(std::string_view name, std::string_view value);
  /// The ETag of a value's version.
  void add_etag(uint64_t version);
  /// Puts `mark` at the end of the ETag's value, within its quotes. No-op without an ETag.
  void mark_etag(std::string_view mark);

  void text(int code, std::string_view type, std::string_view bytes);

  /// Appends status line and header fields with the blank line to `out`.
  /// `unix_seconds`: now, for Date.
  void append_head(const Request& request, int64_t unix_seconds, std::string& out) const;

 private:
  std::string headers_;  // complete lines
};

}  // namespace kvfs::http
