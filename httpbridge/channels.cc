#include "httpbridge/channels.h"

#include <algorithm>
#include <iterator>

#include "httpbridge/event_source.h"
#include "httpbridge/json_text.h"
#include "httpbridge/resources.h"
#include "httpbridge/url.h"
#include "httpbridge/values.h"
#include "httpbridge/watch.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr size_t kEventBytes = 96;  // an event beside its names and payload, about

void append_missed(std::string& out, uint64_t missed) {
  out.append("event: missed\ndata: {\"missed\":");
  append_json_number(out, missed);
  out.append("}\n\n");
}

void append_message(std::string& out, const Channels::Message& message) {
  out.append("event: message\ndata: {");
  append_text_member(out, "channel", message.channel);
  if (message.pattern.data() != nullptr) {
    out.push_back(',');
    append_text_member(out, "pattern", message.pattern);
  }
  out.push_back(',');
  append_text_member(out, "payload", message.payload);
  out.append("}\n\n");
}

/// Where publishers leave messages for one client, as text of events. What does not fit is counted instead, and the
/// client is told how many it missed, in their place. Thread safety: all functions may be called from any thread.
class Mailbox final : public Channels::Subscriber {
 public:
  explicit Mailbox(size_t bytes_max) : bytes_max_(bytes_max) {}

  void set_wake(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  void deliver(const Channels::Message& message) noexcept override {
    const std::lock_guard lock(mutex_);
    const bool was_empty = text_.empty() && missed_ == 0;
    const size_t before = text_.size();
    if (before + message.channel.size() + message.payload.size() + kEventBytes > bytes_max_) {
      ++missed_;
    } else {
      try {
        if (missed_ > 0) append_missed(text_, missed_);
        append_message(text_, message);
        missed_ = 0;
      } catch (const std::exception&) {  // no memory
        text_.resize(before);
        ++missed_;
      }
    }
    try {
      if (was_empty && wake_) wake_();
    } catch (const std::exception&) {  // the next heartbeat sends it
    }
  }

  /// What has come since the last call. `missed`: at its end, how many messages did not fit.
  std::string take(uint64_t& missed) {
    const std::lock_guard lock(mutex_);
    missed = std::exchange(missed_, 0);
    return std::exchange(text_, {});
  }

 private:
  const size_t bytes_max_;
  std::mutex mutex_;
  std::string text_;            // guarded by mutex_
  uint64_t missed_ = 0;         // after text_; guarded by mutex_
  std::function<void()> wake_;  // guarded by mutex_
};

struct Subscriptions {
  std::vector<std::string> channels;
  std::vector<std::string> patterns;
};

/// Subscribed from its construction, so that who has seen the answer's head misses nothing.
class MessageStream final : public EventSource {
 public:
  MessageStream(Context& context, std::string tenant, Subscriptions names)
      : EventSource(context),
        tenant_(std::move(tenant)),
        names_(std::move(names)),
        mailbox_(std::make_shared<Mailbox>(context.options.watch_buffer_bytes_max)) {
    Channels& hub = context_.store.channels();
    for (const std::string& channel : names_.channels) hub.subscribe(tenant_, channel, mailbox_);
    for (const std::string& pattern : names_.patterns) hub.subscribe_pattern(tenant_, pattern, mailbox_);
    text_ = "retry: 1000\n\n";
    rest_heartbeat();
  }
  ~MessageStream() override {
    Channels& hub = context_.store.channels();
    for (const std::string& channel : names_.channels) hub.unsubscribe(tenant_, channel, mailbox_.get());
    for (const std::string& pattern : names_.patterns) hub.unsubscribe_pattern(tenant_, pattern, mailbox_.get());
  }

  void set_wake(std::function<void()> wake) override { mailbox_->set_wake(std::move(wake)); }

  Result<Piece> read(std::span<char> out) override {
    if (text_.empty()) {
      uint64_t missed = 0;
      text_ = mailbox_->take(missed);
      if (missed > 0) {
        append_missed(text_, missed);
        context_.metrics.changes_missed.add(missed);
      }
      if (!beat_or_go_on()) return Piece{0, State::wait};
    }
    return Piece{copy_text(out), State::more};
  }

 private:
  const std::string tenant_;
  const Subscriptions names_;
  const std::shared_ptr<Mailbox> mailbox_;
};

Result<Subscriptions> parse_subscriptions(const Request& request) {
  Subscriptions names;
  if (!request.key.empty()) names.channels.push_back(request.key);
  for (QueryFields fields(request.query);;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    if (fields.name() == "channel") names.channels.push_back(fields.value());
    if (fields.name() == "pattern") names.patterns.push_back(fields.value());
  }
  if (names.channels.empty() && names.patterns.empty())
    return {Errc::invalid, "name what to subscribe to: ?channel=NAME or ?pattern=PATTERN, each as often as wanted"};
  return names;
}

Result<void> subscribe(Context& context, Request& request, Response& response) {
  auto names = parse_subscriptions(request);
  if (!names) return names.error();
  if (!may_open_event_source(context, request, response)) return {};
  response.content_type = "text/event-stream";
  response.source = std::make_unique<MessageStream>(context, std::string(request.caller.tenant), std::move(*names));
  return {};
}

void append_channel(std::string& out, Context& context, std::string_view tenant, std::string_view name) {
  out.push_back('{');
  append_text_member(out, "name", name);
  out.append(",\"subscribers\":");
  append_json_number(out, context.store.channels().subscribers(tenant, name));
  out.push_back('}');
}

}  // namespace

Result<void> publish_message(Context& context, Request& request, Response& response) {
  const size_t receivers = context.store.channels().publish(request.caller.tenant, request.key, request.body);
  response.text(200, kJson, "{\"receivers\":" + std::to_string(receivers) + "}");
  return {};
}

Result<void> get_channels(Context& context, Request& request, Response& response) {
  if (wants_watch(request)) return subscribe(context, request, response);
  const auto pattern = query_value(request.query, "pattern");
  if (!pattern) return pattern.error();
  const auto asked = page_asked(context, request);
  if (!asked) return asked.error();
  const Channels& hub = context.store.channels();
  std::string body = "{\"channels\":[";
  std::vector<std::string> names = hub.active(request.caller.tenant, pattern->value_or(""));
  std::sort(names.begin(), names.end());
  auto name = asked->after ? std::upper_bound(names.begin(), names.end(), *asked->after) : names.begin();
  for (size_t told = 0; name != names.end() && told < asked->limit; ++name, ++told) {
    if (body.back() == '}') body.push_back(',');
    append_channel(body, context, request.caller.tenant, *name);
  }
  body.push_back(']');
  if (name != names.end()) body.append(",\"cursor\":\"").append(encode_cursor(*std::prev(name))).append("\"");
  body.append(",\"patterns\":");
  append_json_number(body, hub.patterns(request.caller.tenant));
  body.push_back('}');
  response.text(200, kJson, body);
  return {};
}

Result<void> get_channel(Context& context, Request& request, Response& response) {
  if (wants_watch(request)) return subscribe(context, request, response);
  response.text(200, kJson, {});
  append_channel(response.body, context, request.caller.tenant, request.key);
  return {};
}

}  // namespace kvfs::http
