#include "httpbridge/values.h"

#include <charconv>

#include "httpbridge/json_text.h"
#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"

namespace kvfs::http {

Result<Payload> Payload::make(Store& store, std::string_view bytes, uint64_t bytes_max) {
  Payload payload;
  if (bytes.size() <= kInlineBytesMax) {
    payload.bytes_ = bytes;
    return payload;
  }
  ValueWriter writer(store.chunks(), bytes_max);
  if (auto r = writer.append(bytes); !r) return r.error();
  return make(writer);
}

Result<Payload> Payload::make(ValueWriter& upload) {
  auto staged = upload.finish();
  if (!staged) return staged.error();
  Payload payload;
  payload.staged_ = std::move(*staged);
  return payload;
}

Result<PutOutcome> Payload::put(WriteTxn& txn, DirId collection, std::string_view key,
                                const PutOptions& options) const {
  if (staged_) return kvfs::put(txn, collection, key, *staged_, options);
  return kvfs::put(txn, collection, key, bytes_, options);
}

void Payload::published() {
  if (staged_) staged_->published();
}

WriteOptions write_options_of(const Context& context, const Request& request) {
  WriteOptions options = context.write_options;
  const std::string_view sync = request.headers.kvfs_sync;
  const bool demanded = sync.data() != nullptr && sync != "0" && sync != "false" && sync != "no";
  if (demanded) {
    options.durability.emplace();
    options.durability->mode = Durability::Mode::strict;
  }
  return options;
}

Result<DirId> collection_of(Context& context, const Request& request) {
  return context.store.find_collection(request.caller.tenant_dir, request.collection);
}

Result<Value> fetch_value(Context& context, const Request& request, std::string_view key) {
  const auto collection = collection_of(context, request);
  if (!collection) return collection.error();
  return context.store.read([&](const ReadTxn& txn) -> Result<Value> {
    const auto entry = get(txn, *collection, key);
    if (!entry) return entry.error();
    auto bytes = read_whole_value(txn, *entry, context.options.memory_value_bytes_max);
    if (!bytes) return bytes.error();
    return Value{std::move(*bytes), std::string(entry->content_type), entry->version, entry->mtime_ns};
  });
}

Result<PutOutcome> store_payload(Context& context, const Request& request, std::string_view key, Payload payload,
                                 const PutOptions& options, const WriteOptions& write_options) {
  auto outcome = context.store.write(
      [&](WriteTxn& txn) -> Result<PutOutcome> {
        const auto collection = ensure_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free.error();
        return payload.put(txn, *collection, key, options);
      },
      write_options);
  if (outcome) payload.published();
  return outcome;
}

Result<PutOutcome> store_value(Context& context, const Request& request, std::string_view key, std::string_view bytes,
                               PutOptions options) {
  auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  options.precondition = std::move(*precondition);
  auto payload = Payload::make(context.store, bytes, context.options.value_bytes_max);
  if (!payload) return payload.error();
  return store_payload(context, request, key, std::move(*payload), options, write_options_of(context, request));
}

Result<Version> remove_value(Context& context, const Request& request, std::string_view key) {
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  return context.store.write(
      [&](WriteTxn& txn) -> Result<Version> {
        const auto collection = find_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free.error();
        return remove(txn, *collection, key, *precondition);
      },
      write_options_of(context, request));
}

Result<void> store_values(Context& context, const Request& request, const std::vector<NewValue>& values) {
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const uint64_t now_ms = context.store.now_ms();
  const auto expiry = expiry_of(request, now_ms);
  if (!expiry) return expiry.error();
  std::vector<Payload> payloads;
  payloads.reserve(values.size());
  for (const NewValue& value : values) {
    auto payload = Payload::make(context.store, value.bytes, context.options.value_bytes_max);
    if (!payload) return payload.error();
    payloads.push_back(std::move(*payload));
  }
  auto done = context.store.write(
      [&](WriteTxn& txn) -> Result<void> {
        const auto collection = ensure_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free;
        for (size_t i = 0; i < values.size(); ++i) {
          if (auto r = context.in_time(); !r) return r;
          PutOptions options;
          options.precondition = *precondition;
          options.expires_ms = *expiry;
          if (const auto ttl_ms = values[i].ttl_ms) options.expires_ms = *ttl_ms == 0 ? 0 : now_ms + *ttl_ms;
          if (!values[i].content_type.empty()) options.content_type = values[i].content_type;
          if (auto r = payloads[i].put(txn, *collection, values[i].key, options); !r)
            return {r.error().code, "item " + std::to_string(i) + ": " + r.error().message()};
        }
        return {};
      },
      write_options_of(context, request));
  if (!done) return done;
  for (Payload& payload : payloads) payload.published();
  return {};
}

Result<RangeEnd> read_range(Context& context, const Request& request, const ListQuery& query,
                            const std::function<bool(std::string_view, std::string_view, std::string_view)>& take) {
  const auto collection = collection_of(context, request);
  if (!collection && collection.error().code == Errc::not_found) return RangeEnd{};
  if (!collection) return collection.error();
  return context.store.read([&](const ReadTxn& txn) -> Result<RangeEnd> {
    RangeEnd end;
    std::optional<Error> failed;
    std::string large;
    end.cursor = list_keys(txn, *collection, query, [&](std::string_view key, const Entry& entry) {
      ++end.count;
      if (auto r = context.in_time(); !r) {
        failed = r.error();
        return false;
      }
      if (!entry.chunked) return take(key, entry.inline_value, entry.content_type);
      auto bytes = read_whole_value(txn, entry, context.options.memory_value_bytes_max);
      if (!bytes) {
        failed = Error{bytes.error().code, "the value of '" + std::string(key) + "': " + bytes.error().message()};
        return false;
      }
      return take(key, *bytes, entry.content_type);
    });
    if (failed) return *failed;
    return end;
  });
}

std::string encode_cursor(std::string_view key) {
  std::string text;
  append_base64(text, key);
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

Result<std::string> decode_cursor(std::string_view text) {
  auto key = decode_base64(text);
  if (!key || key->empty()) return {Errc::invalid, "the cursor is not one that a list of this server gave"};
  return key;
}

Result<size_t> limit_of(std::string_view query, size_t standard, size_t most) {
  auto text = query_value(query, "limit");
  if (!text) return text.error();
  if (!*text) return std::min(standard, most);
  size_t limit = 0;
  const std::string& digits = **text;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc() || stop != digits.data() + digits.size() || limit == 0)
    return {Errc::invalid, "limit must be a whole number of at least 1"};
  return std::min(limit, most);
}

std::optional<std::string_view> content_type_of(const Headers& headers) {
  const std::string_view type = headers.content_type;
  if (type.empty() || type.starts_with("application/x-www-form-urlencoded")) return std::nullopt;
  return type;
}

}  // namespace kvfs::http
