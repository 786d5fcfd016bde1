// POST to one key: an action named in the query. ?incr=N, ?add=MEMBER, ?remove=MEMBER, ?rename_to=KEY, ?copy_to=KEY
// (with &to_collection=), ?ttl=SECONDS.
#include <charconv>
#include <utility>

#include "httpbridge/json_text.h"
#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"
#include "httpbridge/v1_types.h"
#include "store/typed_value.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

void tell_version(Response& response, Version version) {
  response.add_etag(version);
  response.body.append("\"version\":\"");
  append_json_number(response.body, version);
  response.body.append("\"}");
}

/// A key that is not there has nothing to hold for.
Result<void> check_present(const ReadTxn& txn, DirId collection, std::string_view key,
                           const Precondition& precondition) {
  const auto entry = get(txn, collection, key);
  if (!entry && entry.error().code != Errc::not_found) return entry.error();
  return check(precondition, entry ? &*entry : nullptr);
}

/// A value that is not there counts as 0.
Result<void> increment(Context& context, const Request& request, const std::string& by_text, Response& response) {
  const auto by = parse_integer(by_text.empty() ? "1" : by_text);
  if (!by) return {Errc::invalid, "incr must be a whole number of 64 bits"};
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const auto type = type_asked_for(request);
  if (!type) return type.error();
  int64_t sum = 0;
  const auto add = [&](WriteTxn& txn, DirId collection) -> Result<PutOutcome> {
    PutOptions options;
    options.precondition = *precondition;
    options.keep_content_type = options.keep_expiry = true;
    options.content_type = "text/plain";
    const auto added = add_to_counter(txn, collection, request.key, *by, options);
    if (!added) return added.error();
    sum = added->value;
    return added->put;
  };
  const auto outcome = context.store.write(
      [&](WriteTxn& txn) -> Result<PutOutcome> {
        const auto collection = ensure_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free.error();
        PutOptions options;
        options.precondition = *precondition;
        options.keep_content_type = options.keep_expiry = true;
        options.content_type = "text/plain";
        sum = *by;
        if (*type == ValueType::counter) return add(txn, *collection);
        const auto entry = get(txn, *collection, request.key);
        if (!entry && entry.error().code != Errc::not_found) return entry.error();
        if (entry) {
          if (entry->type == ValueType::counter) return add(txn, *collection);
          if (entry->type == ValueType::set) return {Errc::wrong_type, "a set is no number"};
          const auto text = read_whole_value(txn, *entry, 64);
          const auto present = text ? parse_integer(*text) : std::nullopt;
          if (!present) return {Errc::wrong_type, "the value is not a whole number of 64 bits"};
          if (__builtin_add_overflow(*present, *by, &sum))
            return {Errc::out_of_range, "the sum does not fit into 64 bits"};
        }
        return put(txn, *collection, request.key, std::to_string(sum), options);
      },
      write_options_of(context, request));
  if (!outcome) return outcome.error();
  response.text(200, kJson, "{\"value\":" + std::to_string(sum) + ",");
  tell_version(response, outcome->version);
  return {};
}

Result<void> transfer(Context& context, const Request& request, const std::string& to, bool rename,
                      Response& response) {
  auto on_source = precondition_of(request.headers);
  if (!on_source) return on_source.error();
  Precondition on_target;  // If-None-Match is about what would be replaced, the others about what is transferred
  on_target.if_absent = std::exchange(on_source->if_absent, false);
  on_target.if_none_match = std::exchange(on_source->if_none_match, std::nullopt);
  const auto named = query_value(request.query, "to_collection");
  if (!named) return named.error();
  const std::string to_collection = named->value_or(request.collection);
  const auto outcome = context.store.write(
      [&](WriteTxn& txn) -> Result<PutOutcome> {
        const auto from = find_collection(txn, request.caller.tenant_dir, request.collection);
        if (!from) return from.error();
        if (auto holds = check_present(txn, *from, request.key, *on_source); !holds) return holds.error();
        const auto target = ensure_collection(txn, request.caller.tenant_dir, to_collection);
        if (!target) return target.error();
        // Each of the two keys that changes has a condition of its own.
        if (auto free = check_demand(txn, *from, !rename || request.headers.if_match.data() != nullptr); !free)
          return free.error();
        if (auto free = check_demand(txn, *target, request.headers.if_none_match.data() != nullptr); !free)
          return {free.error().code, "If-None-Match is what counts for the target: " + free.error().detail};
        return rename ? rename_key(txn, *from, request.key, *target, to, on_target)
                      : copy_key(txn, *from, request.key, *target, to, on_target);
      },
      write_options_of(context, request));
  if (!outcome) return outcome.error();
  response.add("Location", "/v1/" + percent_encode(to_collection) + "/" + percent_encode(to));
  response.text(outcome->created ? 201 : 200, kJson, "{");
  if (valid_utf8(to)) {
    response.body.append("\"key\":");
    append_json_string(response.body, to);
    response.body.push_back(',');
  }
  tell_version(response, outcome->version);
  return {};
}

Result<void> change_ttl(Context& context, const Request& request, const std::string& seconds, Response& response) {
  const auto ms = parse_ttl_ms(seconds);
  if (!ms) return ms.error();
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const uint64_t expires_ms = *ms == 0 ? 0 : context.store.now_ms() + *ms;
  const auto version = context.store.write(
      [&](WriteTxn& txn) -> Result<Version> {
        const auto collection = find_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free.error();
        if (auto holds = check_present(txn, *collection, request.key, *precondition); !holds) return holds.error();
        return set_expiry(txn, *collection, request.key, expires_ms);
      },
      write_options_of(context, request));
  if (!version) return version.error();
  if (expires_ms != 0) response.add("Kvfs-Ttl", format_ttl(expires_ms, context.store.now_ms()));
  response.text(200, kJson, "{");
  tell_version(response, *version);
  return {};
}

}  // namespace

Result<void> v1_post(Context& context, Request& request, Response& response) {
  for (QueryFields fields(request.query);;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    const std::string value = fields.value();
    if (fields.name() == "incr") return increment(context, request, value, response);
    if (fields.name() == "rename_to") return transfer(context, request, value, true, response);
    if (fields.name() == "copy_to") return transfer(context, request, value, false, response);
    if (fields.name() == "add") return change_members(context, request, true, response);
    if (fields.name() == "remove") return change_members(context, request, false, response);
    if (fields.name() == "ttl") return change_ttl(context, request, value, response);
  }
  return {Errc::invalid,
          "name an action: ?incr=N, ?add=MEMBER, ?remove=MEMBER, ?rename_to=KEY, ?copy_to=KEY or ?ttl=SECONDS; to "
          "store a value use PUT"};
}

}  // namespace kvfs::http
