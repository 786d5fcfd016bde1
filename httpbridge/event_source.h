// What tells clients of events as they happen: text that goes out as the client takes it, heartbeats, the count of all.
#pragma once

#include <algorithm>
#include <chrono>

#include "httpbridge/service.h"

namespace kvfs::http {

inline int64_t steady_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// A body without an end of its own, counted among the watches while it exists.
class EventSource : public BodySource {
 public:
  explicit EventSource(Context& context);
  ~EventSource() override;
  std::optional<uint64_t> size() const override { return std::nullopt; }
  int64_t due_ms() const override { return due_ms_; }

 protected:
  Context& context_;
  std::string text_;  // on its way out
  int64_t due_ms_ = 0;

  /// Copies out what is left of text_, which is empty after its last byte.
  size_t copy_text(std::span<char> out);
  /// The next heartbeat is a full interval from now.
  void rest_heartbeat();
  /// False where there is nothing to send: neither text nor a heartbeat that is due.
  bool beat_or_go_on();

 private:
  size_t at_ = 0;  // of text_
};

/// Prepares the answer, or makes it 503 and returns false where there are watches_max already.
bool may_open_event_source(Context& context, const Request& request, Response& response);

}  // namespace kvfs::http
