#include "httpbridge/resources.h"

#include <charconv>
#include <memory>
#include <mutex>

#include "httpbridge/json_text.h"
#include "httpbridge/url.h"
#include "httpbridge/values.h"
#include "store/engine/engine.h"
#include "store/tree.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr size_t kClearedAtOnce = 500;
constexpr uint64_t kTrashSettingMax = uint64_t{1} << 62;

void append_info(std::string& out, const CollectionInfo& info) {
  out.append("{\"name\":");
  if (valid_utf8(info.name)) {
    append_json_string(out, info.name);
  } else {
    out.append("null,\"name_base64\":\"");
    append_base64(out, info.name);
    out.push_back('"');
  }
  const auto number = [&out](std::string_view name, uint64_t value) {
    out.append(",\"").append(name).append("\":");
    append_json_number(out, value);
  };
  number("keys", info.keys);
  number("bytes", info.bytes);
  number("quota_keys", info.settings.quota_keys);
  number("quota_bytes", info.settings.quota_bytes);
  if (info.settings.eviction) {
    out.append(",\"eviction\":");
    append_json_string(out, to_string(*info.settings.eviction));
  }
  if (info.settings.eviction_samples != 0) number("eviction_samples", info.settings.eviction_samples);
  if (info.settings.trash_keep_ms) number("trash_keep_ms", *info.settings.trash_keep_ms);
  if (info.settings.trash_bytes != 0) number("trash_bytes", info.settings.trash_bytes);
  if (info.settings.trash_keys != 0) number("trash_keys", info.settings.trash_keys);
  out.append(",\"fsync\":");
  append_json_string(out, info.settings.fsync);
  out.append(",\"require_preconditions\":").append(info.settings.require_preconditions ? "true}" : "false}");
}

/// null: as the tenant or the store says.
Result<void> parse_trash_setting(const std::string& name, std::string_view value, Settings& settings) {
  const bool is_time = name == "trash_keep_ms";
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool unset = value == "null";
  if (!unset && (error != std::errc() || stop != value.data() + value.size() || number > kTrashSettingMax))
    return {Errc::invalid, "\"" + name + "\" must be a whole number" +
                               (is_time ? " (milliseconds, 0: nothing is kept) or null" : " (0: the store's)")};
  if (is_time)
    settings.trash_keep_ms = unset ? std::nullopt : std::optional(number);
  else
    (name == "trash_bytes" ? settings.trash_bytes : settings.trash_keys) = number;
  return {};
}

/// A step of a removal: how many keys it removed; 0: nothing is left, and the thing itself is gone.
Result<size_t> remove_some(WriteTxn& txn, DirId tenant, std::string_view name) {
  const auto collection = find_collection(txn, tenant, name);
  if (!collection) return collection.error();
  const auto count = clear_collection(txn, *collection, kClearedAtOnce, true);
  if (!count || *count > 0) return count;
  if (auto r = remove_directory(txn, tenant, name); !r) return r.error();
  return size_t{0};
}

std::optional<std::string> first_collection(const ReadTxn& txn, DirId tenant) {
  const DirectoryCursor first(txn, tenant, std::nullopt);
  return first.valid() ? std::optional(std::string(first.component())) : std::nullopt;
}

Result<size_t> remove_some(WriteTxn& txn, std::string_view tenant) {
  const auto dir = find_tenant(txn, tenant);
  if (!dir) return dir.error();
  size_t removed = 0;
  for (;;) {
    const auto collection = first_collection(txn, *dir);
    if (!collection) break;
    const auto count = remove_some(txn, *dir, *collection);
    if (!count) return count;
    removed += *count;
    if (removed >= kClearedAtOnce) return removed;
  }
  if (removed > 0) return removed;
  if (auto r = remove_directory(txn, kRootDir, tenant); !r) return r.error();
  return size_t{0};
}

/// What a thread of the store tells a removal, as long as that is there.
struct Confirmation {
  std::mutex mutex;
  std::function<void()> wake;        // null: nobody listens any more
  std::optional<Result<void>> done;  // that all steps are durable, or why they may not be
};

/// Removes step by step, so that others get their turn, and answers when the last step is as durable as demanded.
class RemovalSource final : public BodySource {
 public:
  using Step = std::function<Result<size_t>(WriteTxn&)>;
  RemovalSource(Context& context, Step step) : context_(context), step_(std::move(step)) {}
  ~RemovalSource() override {
    const std::lock_guard lock(confirmation_->mutex);
    confirmation_->wake = nullptr;
  }

  std::optional<uint64_t> size() const override { return std::nullopt; }
  void set_wake(std::function<void()> wake) override { confirmation_->wake = std::move(wake); }

  Result<Piece> read(std::span<char> out) override {
    if (!gone_) {
      WriteOptions options = context_.write_options;
      options.awaits_sync = &awaits_sync_;
      const auto went = context_.store.write(step_, options);
      if (!went && went.error().code != Errc::not_found) return went.error();
      removed_ += went ? *went : 0;
      if (went && *went > 0) return Piece{0, State::more};
      gone_ = true;
      if (awaits_sync_ != 0) await_sync();
    }
    if (awaits_sync_ != 0) {
      const std::lock_guard lock(confirmation_->mutex);
      if (!confirmation_->done) return Piece{0, State::wait};
      if (!*confirmation_->done) return confirmation_->done->error();
    }
    const std::string text = "{\"removed\":" + std::to_string(removed_) + "}";
    return Piece{text.copy(out.data(), out.size()), State::done};
  }

 private:
  void await_sync() {
    context_.store.when_durable(awaits_sync_, [confirmation = confirmation_](const Result<void>& done) {
      const std::lock_guard lock(confirmation->mutex);
      confirmation->done = done;
      if (confirmation->wake) confirmation->wake();
    });
  }

  Context& context_;
  const Step step_;
  const std::shared_ptr<Confirmation> confirmation_ = std::make_shared<Confirmation>();
  size_t removed_ = 0;
  Sequence awaits_sync_ = 0;
  bool gone_ = false;
};

}  // namespace

Result<PageAsked> page_asked(const Context& context, const Request& request) {
  PageAsked asked;
  const auto limit = limit_of(request.query, context.options.list_limit_default, context.options.list_limit_max);
  if (!limit) return limit.error();
  asked.limit = *limit;
  const auto cursor = query_value(request.query, "cursor");
  if (!cursor) return cursor.error();
  if (*cursor && !(*cursor)->empty()) {
    auto after = decode_cursor(**cursor);
    if (!after) return after.error();
    asked.after = std::move(*after);
  }
  return asked;
}

void tell_listing(Response& response, std::string_view name, const InfoPage& page) {
  response.text(200, kJson, "{\"");
  std::string& out = response.body;
  out.append(name).append("\":[");
  for (size_t i = 0; i < page.infos.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_info(out, page.infos[i]);
  }
  out.push_back(']');
  if (page.after) {
    const std::string cursor = encode_cursor(*page.after);
    response.add("Kvfs-Cursor", cursor);
    out.append(",\"cursor\":\"").append(cursor).append("\"");
  }
  out.push_back('}');
}

Result<void> parse_settings(std::string_view body, Of of, Settings& settings) {
  if (trim_json(body).empty()) return {};
  if (auto r = validate_json(body); !r) return r;
  const std::string_view object = trim_json(body);
  if (object.front() != '{') return {Errc::invalid, "settings are a JSON object"};
  for (JsonMembers members(object); members.next();) {
    const std::string& name = members.name();
    const std::string_view value = members.value();
    if (of == Of::tenant && (name == "quota_bytes" || name == "quota_keys")) {
      uint64_t number = 0;
      const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || stop != value.data() + value.size())
        return {Errc::invalid, "\"" + name + "\" must be a whole number (0: no quota)"};
      (name == "quota_bytes" ? settings.quota_bytes : settings.quota_keys) = number;
    } else if (of == Of::tenant && name == "eviction") {
      settings.eviction.reset();
      if (is_json_string(value) && !decode_json_string(value).empty()) {
        const Result<EvictionPolicy> policy = parse_eviction_policy(decode_json_string(value));
        if (!policy) return policy.error();
        settings.eviction = *policy;
      }
    } else if (of == Of::tenant && name == "eviction_samples") {
      constexpr uint64_t kSamplesMax = 1000;
      const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), settings.eviction_samples);
      if (error != std::errc() || stop != value.data() + value.size() || settings.eviction_samples > kSamplesMax)
        return {Errc::invalid, "\"eviction_samples\" must be a whole number up to 1000 (0: the store's)"};
    } else if (name == "trash_keep_ms" || (of == Of::tenant && (name == "trash_bytes" || name == "trash_keys"))) {
      if (Result<void> ok = parse_trash_setting(name, value, settings); !ok) return ok;
    } else if (name == "fsync") {
      settings.fsync = is_json_string(value) ? decode_json_string(value) : std::string();
      if (!settings.fsync.empty())
        if (auto policy = parse_durability(settings.fsync); !policy) return policy.error();
    } else if (of == Of::collection && name == "require_preconditions") {
      if (value != "true" && value != "false")
        return {Errc::invalid, "\"require_preconditions\" must be true or false"};
      settings.require_preconditions = value == "true";
    } else {
      return {Errc::invalid, "unknown setting \"" + name +
                                 "\"; tenants have quota_bytes, quota_keys, eviction, eviction_samples, "
                                 "trash_keep_ms, trash_bytes, trash_keys and fsync, "
                                 "collections trash_keep_ms, fsync and require_preconditions"};
    }
  }
  return {};
}

void tell_resource(Response& response, int status, const std::optional<CollectionInfo>& info) {
  response.text(status, kJson, {});
  if (info) append_info(response.body, *info);
}

std::unique_ptr<BodySource> remove_in_steps(Context& context, std::function<Result<size_t>(WriteTxn&)> step) {
  return std::make_unique<RemovalSource>(context, std::move(step));
}

std::unique_ptr<BodySource> remove_collection(Context& context, DirId tenant, std::string name) {
  return std::make_unique<RemovalSource>(
      context, [tenant, name = std::move(name)](WriteTxn& txn) { return remove_some(txn, tenant, name); });
}

std::unique_ptr<BodySource> remove_tenant(Context& context, std::string name) {
  return std::make_unique<RemovalSource>(context,
                                         [name = std::move(name)](WriteTxn& txn) { return remove_some(txn, name); });
}

}  // namespace kvfs::http
