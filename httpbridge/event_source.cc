#include "httpbridge/event_source.h"

namespace kvfs::http {

EventSource::EventSource(Context& context) : context_(context) {
  context_.service.watches().fetch_add(1);
  context_.metrics.watches_opened.add();
}

EventSource::~EventSource() {
  context_.service.watches().fetch_sub(1);
  context_.metrics.watches_closed.add();
}

size_t EventSource::copy_text(std::span<char> out) {
  const size_t bytes = text_.copy(out.data(), out.size(), at_);
  at_ += bytes;
  if (at_ == text_.size()) {
    text_.clear();
    at_ = 0;
  }
  return bytes;
}

void EventSource::rest_heartbeat() {
  const auto heartbeat_ms = static_cast<int64_t>(context_.options.watch_heartbeat_ms);
  due_ms_ = heartbeat_ms == 0 ? 0 : steady_now_ms() + heartbeat_ms;
}

bool EventSource::beat_or_go_on() {
  if (text_.empty() && due_ms_ != 0 && steady_now_ms() >= due_ms_) text_ = ": heartbeat\n\n";
  if (text_.empty()) return false;
  rest_heartbeat();
  return true;
}

bool may_open_event_source(Context& context, const Request& request, Response& response) {
  response.streaming = true;
  if (context.service.watches().load() < static_cast<int64_t>(context.options.watches_max)) return true;
  response.streaming = false;
  response.add("Retry-After", "10");
  set_error(response, request.route->style, 503,
            "there are watches_max, " + std::to_string(context.options.watches_max) + " watches already");
  return false;
}

}  // namespace kvfs::http
