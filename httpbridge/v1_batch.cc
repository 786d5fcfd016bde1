// POST of several operations that happen all or not at all: puts, deletes and conditions over keys of several
// collections.
#include <charconv>

#include "httpbridge/json_record.h"
#include "httpbridge/json_text.h"
#include "httpbridge/json_value.h"
#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/v1.h"

namespace kvfs::http {

namespace {

struct BatchOperation {
  enum class Kind { put, remove, check };
  Kind kind = Kind::put;
  std::string collection;
  std::string key;
  std::string bytes;
  std::string content_type;
  std::optional<uint64_t> ttl_ms;
  Precondition precondition;
  bool conditional = false;
};

struct BatchOutcome {
  Version version = 0;
  bool happened = false;  // put: made; delete: was there
};

/// "117..." or ["117...", "118..."], numbers likewise; with or without the quotes of an ETag.
Result<std::vector<Version>> parse_versions(std::string_view raw) {
  const auto one = [](std::string_view item) -> Result<Version> {
    std::string text = is_json_string(item) ? decode_json_string(item) : std::string(item);
    std::erase(text, '"');
    Version version = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (text.empty() || error != std::errc() || stop != text.data() + text.size())
      return {Errc::invalid, "a version is a whole number, as an ETag holds it"};
    return version;
  };
  std::vector<Version> versions;
  if (!raw.empty() && raw.front() == '[') {
    for (JsonElements elements(raw); elements.next();) {
      const auto version = one(elements.value());
      if (!version) return version.error();
      versions.push_back(*version);
    }
    return versions;
  }
  const auto version = one(raw);
  if (!version) return version.error();
  versions.push_back(*version);
  return versions;
}

Result<void> parse_condition(std::string_view name, std::string_view raw, BatchOperation& operation) {
  Precondition& precondition = operation.precondition;
  if (name == "if_absent" || name == "if_present") {
    if (raw != "true" && raw != "false") return {Errc::invalid, "\"" + std::string(name) + "\" must be true or false"};
    operation.conditional |= raw == "true";
    (name == "if_absent" ? precondition.if_absent : precondition.if_present) = raw == "true";
    return {};
  }
  operation.conditional = true;
  const bool match = name == "if_match";
  if (raw == "\"*\"") {
    (match ? precondition.if_present : precondition.if_absent) = true;
    return {};
  }
  auto versions = parse_versions(raw);
  if (!versions) return versions.error();
  (match ? precondition.if_match : precondition.if_none_match) = std::move(*versions);
  return {};
}

Result<BatchOperation::Kind> parse_kind(std::string_view raw) {
  const std::string name = is_json_string(raw) ? decode_json_string(raw) : std::string();
  if (name == "put") return BatchOperation::Kind::put;
  if (name == "delete") return BatchOperation::Kind::remove;
  if (name == "check") return BatchOperation::Kind::check;
  return {Errc::invalid, "\"op\" is put, delete or check"};
}

Result<BatchOperation> parse_operation(std::string_view object, const std::string& collection) {
  if (object.empty() || object.front() != '{') return {Errc::invalid, "an operation is an object"};
  BatchOperation operation;
  operation.collection = collection;
  std::string_view value;
  std::string encoding;
  bool has_op = false;
  const auto text = [](std::string_view raw) { return is_json_string(raw) ? decode_json_string(raw) : std::string(); };
  for (JsonMembers members(object); members.next();) {
    const std::string& name = members.name();
    const std::string_view raw = members.value();
    if (name == "op") {
      const auto kind = parse_kind(raw);
      if (!kind) return kind.error();
      operation.kind = *kind;
      has_op = true;
    } else if (name == "collection") {
      operation.collection = text(raw);
    } else if (name == "key") {
      operation.key = text(raw);
    } else if (name == "key_base64") {
      auto key = decode_base64(text(raw));
      if (!key) return key.error();
      operation.key = std::move(*key);
    } else if (name == "value") {
      value = raw;
    } else if (name == "encoding") {
      encoding = text(raw);
    } else if (name == "content_type") {
      operation.content_type = text(raw);
    } else if (name == "ttl") {
      const auto ms = parse_ttl_ms(raw);
      if (!ms) return ms.error();
      operation.ttl_ms = *ms;
    } else if (name == "if_match" || name == "if_none_match" || name == "if_absent" || name == "if_present") {
      if (auto r = parse_condition(name, raw, operation); !r) return r.error();
    } else {
      return {Errc::invalid, "unknown member \"" + name + "\""};
    }
  }
  if (!has_op) return {Errc::invalid, "\"op\" is required: put, delete or check"};
  if (operation.key.empty()) return {Errc::invalid, "\"key\" is required and may not be empty"};
  if (operation.kind != BatchOperation::Kind::put) return operation;
  if (value.data() == nullptr) return {Errc::invalid, "a put needs a \"value\""};
  auto stored = value_from_json(value, encoding);
  if (!stored) return stored.error();
  operation.bytes = std::move(stored->bytes);
  if (operation.content_type.empty()) operation.content_type = stored->content_type;
  return operation;
}

Result<BatchOutcome> apply(WriteTxn& txn, DirId collection, const BatchOperation& operation, const Payload& payload) {
  switch (operation.kind) {
    case BatchOperation::Kind::put: {
      PutOptions options;
      options.precondition = operation.precondition;
      if (!operation.content_type.empty()) options.content_type = operation.content_type;
      if (operation.ttl_ms) options.expires_ms = *operation.ttl_ms == 0 ? 0 : txn.now_ms() + *operation.ttl_ms;
      const auto outcome = payload.put(txn, collection, operation.key, options);
      if (!outcome) return outcome.error();
      return BatchOutcome{outcome->version, outcome->created};
    }
    case BatchOperation::Kind::remove: {
      const auto version = remove(txn, collection, operation.key, operation.precondition);
      if (!version && version.error().code == Errc::not_found) return BatchOutcome{};
      if (!version) return version.error();
      return BatchOutcome{*version, true};
    }
    case BatchOperation::Kind::check: {
      const auto entry = get(txn, collection, operation.key);
      if (!entry && entry.error().code != Errc::not_found) return entry.error();
      if (auto r = check(operation.precondition, entry ? &*entry : nullptr); !r) return r.error();
      return BatchOutcome{entry ? entry->version : 0, static_cast<bool>(entry)};
    }
  }
  return BatchOutcome{};
}

Result<std::vector<BatchOutcome>> run(Context& context, const Request& request,
                                      const std::vector<BatchOperation>& operations, size_t& failed_at) {
  std::vector<Payload> payloads;
  payloads.reserve(operations.size());
  for (const BatchOperation& operation : operations) {
    auto payload = Payload::make(context.store, operation.bytes, context.options.value_bytes_max);
    if (!payload) return payload.error();
    payloads.push_back(std::move(*payload));
  }
  auto outcomes = context.store.write(
      [&](WriteTxn& txn) -> Result<std::vector<BatchOutcome>> {
        std::vector<BatchOutcome> results;
        results.reserve(operations.size());
        std::string_view last_name;
        Result<DirId> collection = Errc::not_found;
        for (size_t i = 0; i < operations.size(); ++i) {
          const BatchOperation& operation = operations[i];
          failed_at = i;
          if (auto r = context.in_time(); !r) return r.error();
          if (i == 0 || operation.collection != last_name) {
            collection = ensure_collection(txn, request.caller.tenant_dir, operation.collection);
            if (!collection) return collection.error();
            last_name = operation.collection;
          }
          const bool free = operation.conditional || operation.kind == BatchOperation::Kind::check;
          if (auto r = check_demand(txn, *collection, free); !r) return r.error();
          auto outcome = apply(txn, *collection, operation, payloads[i]);
          if (!outcome) return outcome.error();
          results.push_back(*outcome);
        }
        return results;
      },
      write_options_of(context, request));
  if (outcomes)
    for (Payload& payload : payloads) payload.published();
  return outcomes;
}

void tell_failure(Response& response, const Error& error, size_t index, const BatchOperation& operation) {
  const std::string at = "operation " + std::to_string(index) + ": ";
  set_error(response, ErrorStyle::problem, Error{error.code, at + error.message()});
  response.body.pop_back();
  response.body.append(",\"index\":").append(std::to_string(index)).append(",");
  append_text_member(response.body, "key", operation.key);
  response.body.append("}");
}

}  // namespace

Result<void> v1_batch(Context& context, Request& request, Response& response) {
  if (has_precondition(request.headers))
    return {Errc::invalid, "a batch has no version of its own: conditions go into its operations (if_match, ...)"};
  if (auto valid = validate_json(request.body); !valid) return valid.error();
  std::string_view list = trim_json(request.body);
  if (list.front() == '{') {
    std::string_view named;
    for (JsonMembers members(list); members.next();)
      if (members.name() == "operations") named = members.value();
    list = named;
  }
  if (list.empty() || list.front() != '[')
    return {Errc::invalid, "the body is {\"operations\": [...]}, or the array alone"};
  std::vector<BatchOperation> operations;
  for (JsonElements elements(list); elements.next();) {
    if (operations.size() == context.options.batch_count_max)
      return {Errc::value_too_large, "a batch may have at most batch_count_max, " +
                                         std::to_string(context.options.batch_count_max) + " operations"};
    auto operation = parse_operation(elements.value(), request.collection);
    if (!operation)
      return {operation.error().code,
              "operation " + std::to_string(operations.size()) + ": " + operation.error().message()};
    operations.push_back(std::move(*operation));
  }
  size_t failed_at = 0;
  const auto outcomes = run(context, request, operations, failed_at);
  if (!outcomes) {
    if (operations.empty()) return outcomes.error();
    tell_failure(response, outcomes.error(), failed_at, operations[failed_at]);
    return {};
  }
  response.text(200, "application/json", "{\"results\":[");
  for (size_t i = 0; i < operations.size(); ++i) {
    std::string& body = response.body;
    if (i > 0) body.push_back(',');
    body.push_back('{');
    append_text_member(body, "key", operations[i].key);
    body.append(",\"version\":\"");
    append_json_number(body, (*outcomes)[i].version);
    const auto kind = operations[i].kind;
    body.append(kind == BatchOperation::Kind::put      ? "\",\"created\":"
                : kind == BatchOperation::Kind::remove ? "\",\"deleted\":"
                                                       : "\",\"present\":");
    body.append((*outcomes)[i].happened ? "true}" : "false}");
  }
  response.body.append("]}");
  return {};
}

}  // namespace kvfs::http
