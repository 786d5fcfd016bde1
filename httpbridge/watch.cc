#include "httpbridge/watch.h"

#include <charconv>

#include "httpbridge/event_source.h"
#include "httpbridge/json_text.h"
#include "httpbridge/url.h"
#include "httpbridge/watch_hub.h"
#include "store/change_json.h"

namespace kvfs::http {

namespace {

constexpr size_t kChangesAtOnce = 256;

/// Which changes a watch is told of.
struct Filter {
  std::string tenant;
  std::string collection;  // empty: all
  std::string prefix;

  bool names(std::string_view in, std::string_view key) const {
    return !in.empty() && (collection.empty() || in == collection) && key.starts_with(prefix);
  }
  bool takes(const Change& change) const {
    if (change.tenant != tenant) return false;
    const bool moves = change.kind == ChangeKind::rename || change.kind == ChangeKind::link;
    if (change.node == Kind::directory && change.kind != ChangeKind::rename) return false;
    return names(change.collection, change.key) || (moves && names(change.to_collection, change.to_key));
  }
};

/// What both kinds of watch share: the place in the feed and the wake.
class WatchSource : public EventSource {
 public:
  WatchSource(Context& context, Filter filter, uint64_t after)
      : EventSource(context), filter_(std::move(filter)), after_(after) {}
  void set_wake(std::function<void()> wake) override { wake_ = context_.watch_hub->add(std::move(wake)); }

 protected:
  /// What is new for this watch, oldest first; moves on in the feed. `missed`: there were others that are gone.
  std::vector<ChangePtr> take(bool& missed) {
    std::vector<ChangePtr> taken;
    missed = false;
    for (;;) {
      Feed::Batch batch = context_.store.feed().read(after_, kChangesAtOnce);
      missed = missed || batch.missed;
      const bool any = !batch.changes.empty();
      after_ = batch.next;
      for (ChangePtr& change : batch.changes)
        if (filter_.takes(*change)) taken.push_back(std::move(change));
      if (!any || !taken.empty() || missed) break;
    }
    if (missed) context_.metrics.changes_missed.add();
    return taken;
  }

  const Filter filter_;
  uint64_t after_;

 private:
  std::shared_ptr<void> wake_;
};

class ChangeStream final : public WatchSource {
 public:
  ChangeStream(Context& context, Filter filter, uint64_t after) : WatchSource(context, std::move(filter), after) {
    text_ = "retry: 1000\nid: " + std::to_string(after) + "\n\n";
    rest_heartbeat();
  }

  Result<Piece> read(std::span<char> out) override {
    if (text_.empty()) {
      bool missed = false;
      if (pending_.empty()) pending_ = take(missed);
      if (missed) text_.append("event: missed\ndata: {\"missed\":true}\n\n");
      size_t told = 0;
      for (; told < pending_.size() && text_.size() < context_.options.watch_buffer_bytes_max; ++told) {
        const ChangePtr& change = pending_[told];
        text_.append("id: ");
        append_json_number(text_, change->id);
        text_.append("\nevent: ").append(to_string(change->kind)).append("\ndata: ");
        append_change_json(text_, *change, false);
        text_.append("\n\n");
      }
      pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(told));
      if (!beat_or_go_on()) return Piece{0, State::wait};
    }
    return Piece{copy_text(out), State::more};
  }

 private:
  std::vector<ChangePtr> pending_;  // taken from the feed, not told yet
};

class PollSource final : public WatchSource {
 public:
  PollSource(Context& context, Filter filter, uint64_t after, uint64_t timeout_ms)
      : WatchSource(context, std::move(filter), after) {
    due_ms_ = steady_now_ms() + static_cast<int64_t>(timeout_ms);
  }

  Result<Piece> read(std::span<char> out) override {
    if (text_.empty()) {
      bool missed = false;
      const auto changes = take(missed);
      if (changes.empty() && !missed && steady_now_ms() < due_ms_) return Piece{0, State::wait};
      text_ = "{\"changes\":[";
      for (size_t i = 0; i < changes.size(); ++i) {
        if (i > 0) text_.push_back(',');
        append_change_json(text_, *changes[i], false);
      }
      text_.append("],\"last\":\"");
      append_json_number(text_, after_);
      text_.append(missed ? "\",\"missed\":true}" : "\",\"missed\":false}");
    }
    const size_t bytes = copy_text(out);
    return Piece{bytes, text_.empty() ? State::done : State::more};
  }
};

std::optional<uint64_t> parse_id(std::string_view text) {
  uint64_t id = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return !text.empty() && error == std::errc() && stop == text.data() + text.size() ? std::optional(id) : std::nullopt;
}

struct WatchRequest {
  Filter filter;
  uint64_t after = 0;
  bool poll = false;
  uint64_t timeout_ms = 30'000;
};

Result<WatchRequest> parse(Context& context, const Request& request) {
  WatchRequest watch;
  watch.filter.tenant = request.caller.tenant;
  if (request.collection_named) watch.filter.collection = request.collection;
  std::optional<std::string> after;
  if (request.headers.last_event_id.data() != nullptr) after = std::string(request.headers.last_event_id);
  for (QueryFields fields(request.query);;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    if (fields.name() == "prefix") watch.filter.prefix = fields.value();
    if (fields.name() == "after" && !after) after = fields.value();
    if (fields.name() == "watch") watch.poll = fields.value() == "poll";
    if (fields.name() == "timeout") {
      const auto seconds = parse_id(fields.value());
      if (!seconds) return {Errc::invalid, "timeout must be a whole number of seconds"};
      watch.timeout_ms =
          std::min<uint64_t>(std::min<uint64_t>(*seconds, 86'400) * 1000, context.options.long_poll_ms_max);
    }
  }
  watch.after = context.store.feed().last();
  if (after) {
    const auto id = parse_id(*after);
    if (!id) return {Errc::invalid, "after (or Last-Event-ID) must be an id that a watch gave"};
    watch.after = *id;
  }
  return watch;
}

}  // namespace

bool wants_watch(const Request& request) {
  if (request.headers.accept.find("text/event-stream") != std::string_view::npos) return true;
  if (request.query.find("watch") == std::string_view::npos) return false;
  const auto asked = query_value(request.query, "watch");
  return asked && asked->has_value();
}

Result<void> watch_changes(Context& context, Request& request, Response& response) {
  auto watch = parse(context, request);
  if (!watch) return watch.error();
  if (!may_open_event_source(context, request, response)) return {};
  if (watch->poll) {
    response.content_type = "application/json";
    response.source = std::make_unique<PollSource>(context, std::move(watch->filter), watch->after, watch->timeout_ms);
  } else {
    response.content_type = "text/event-stream";
    response.source = std::make_unique<ChangeStream>(context, std::move(watch->filter), watch->after);
  }
  return {};
}

}  // namespace kvfs::http
