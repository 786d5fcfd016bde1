// What other threads have for a connection: messages of channels, invalidations.
#include <exception>
#include <mutex>
#include <utility>

#include "respbridge/reply.h"
#include "respbridge/session.h"

namespace kvfs::resp {

void Session::deliver(const Channels::Message& message) noexcept {
  deliver(message.pattern.data() != nullptr ? "pmessage" : "message", message);
}

void Session::deliver_sharded(const Channels::Message& message) noexcept { deliver("smessage", message); }

/// There is no memory for a message. It must not be missed silently: the next check_deadlines() ends the connection.
void Session::miss() noexcept {
  const std::lock_guard lock(pushed_mutex_);
  push_overflow_ = true;
}

void Session::deliver(std::string_view kind, const Channels::Message& message) noexcept try {
  std::string text;
  Reply reply(text, push_protocol_.load(std::memory_order_relaxed));
  const bool by_pattern = message.pattern.data() != nullptr;
  const bool large = message.payload.size() >= PushQueue::kLargeBytes;
  if (large) text.reserve(message.payload.size() + message.channel.size() + message.pattern.size() + 128);
  reply.push(by_pattern ? 4 : 3);
  reply.bulk(kind);
  if (by_pattern) reply.bulk(message.pattern);
  reply.bulk(message.channel);
  reply.bulk(message.payload);
  if (large)
    push_large(std::move(text));
  else
    push(text);
} catch (const std::exception&) {
  miss();
}

void Session::push(std::string_view bytes) noexcept {
  push(bytes.size(), [&] { pushed_.add(bytes); });
}

void Session::push_large(std::string&& bytes) noexcept {
  push(bytes.size(), [&] { pushed_.add_large(std::move(bytes)); });
}

template <class Add>
void Session::push(size_t bytes, Add add) noexcept try {
  {
    const std::lock_guard lock(pushed_mutex_);
    const uint64_t bytes_max = service_.config().push_bytes_max();
    const bool overflow = bytes_max != 0 && pushed_.bytes() + bytes > bytes_max;
    if (!overflow) add();
    client_.card->pushed_bytes.store(pushed_.bytes(), std::memory_order_relaxed);
    const bool news = !push_announced_ || (overflow && !push_overflow_);
    push_overflow_ |= overflow;
    if (!news) return;
    push_announced_ = true;
  }
  owner_.loop().post([self = shared_from_this()] { self->on_pushed(); });
} catch (const std::exception&) {
  miss();
}

}  // namespace kvfs::resp
