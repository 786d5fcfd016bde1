#include "httpbridge/v1_types.h"

#include "httpbridge/json_text.h"
#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/url.h"
#include "store/typed_value.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

void append_member(std::string& out, std::string_view member) {
  if (valid_utf8(member)) return append_json_string(out, member);
  out.append("{\"base64\":\"");
  append_base64(out, member);
  out.append("\"}");
}

}  // namespace

Result<ValueType> type_asked_for(const Request& request) {
  if (request.headers.kvfs_type.data() == nullptr) return ValueType::bytes;
  const auto type = parse_value_type(request.headers.kvfs_type);
  if (!type) return {Errc::invalid, "Kvfs-Type is bytes, counter or set"};
  return *type;
}

bool wants_typed_json(const Request& request) {
  if (request.route->style != ErrorStyle::problem) return false;  // a dialect
  if (request.headers.accept.starts_with(kJson)) return true;
  const auto format = query_value(request.query, "format");
  return format && *format == "json";
}

Result<void> answer_typed(const ReadTxn& txn, const Entry& entry, const Request& request, Response& response) {
  const auto status = evaluate_read(request.headers, entry.version, entry.mtime_ns);
  if (!status) return status.error();
  response.add_etag(entry.version);
  response.add("Kvfs-Type", to_string(entry.type));
  response.add("Vary", "Accept");
  if (entry.expires_ms != 0) response.add("Kvfs-Ttl", format_ttl(entry.expires_ms, txn.now_ms()));
  if (*status == 304) {
    response.status = 304;
    return {};
  }
  std::string body = "{\"type\":\"" + std::string(to_string(entry.type)) + "\",";
  if (entry.type == ValueType::counter) {
    body.append("\"value\":").append(counter_digits(entry));
  } else {
    if (entry.size > kTypedTextBytesMax)
      return {Errc::value_too_large, "the set has " + std::to_string(entry.size) + " bytes; as JSON it may have " +
                                         std::to_string(kTypedTextBytesMax) + ": read it as text"};
    const SetReader set(txn, entry);
    body.append("\"size\":" + std::to_string(set.size()) + ",\"members\":[");
    bool first = true;
    for (const std::string& member : set.members()) {
      if (!first) body.push_back(',');
      first = false;
      append_member(body, member);
    }
    body.push_back(']');
  }
  body.append(",\"version\":\"" + std::to_string(entry.version) + "\"}");
  response.text(200, kJson, body);
  return {};
}

Result<void> change_members(Context& context, const Request& request, bool add, Response& response) {
  const auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  const std::string_view action = add ? "add" : "remove";
  std::vector<std::string> members;
  for (QueryFields fields(request.query);;) {
    const auto more = fields.next();
    if (!more) return more.error();
    if (!*more) break;
    if (fields.name() != action) return {Errc::invalid, "one action at a time: only ?add= or only ?remove="};
    members.push_back(fields.value());
  }
  const std::vector<std::string_view> views(members.begin(), members.end());
  Version version = 0;
  const auto outcome = context.store.write(
      [&](WriteTxn& txn) -> Result<SetOutcome> {
        const auto collection = add ? ensure_collection(txn, request.caller.tenant_dir, request.collection)
                                    : find_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free.error();
        PutOptions options;
        options.precondition = *precondition;
        options.keep_content_type = options.keep_expiry = true;
        const auto done = add ? add_members(txn, *collection, request.key, views, options)
                              : remove_members(txn, *collection, request.key, views, *precondition);
        if (!done) return done.error();
        version = done->put.version;
        if (version == 0)
          if (const auto present = get(txn, *collection, request.key)) version = present->version;
        return done;
      },
      write_options_of(context, request));
  if (!outcome) return outcome.error();
  response.add_etag(version);
  response.text(200, kJson,
                std::string(add ? "{\"added\":" : "{\"removed\":") + std::to_string(outcome->changed) +
                    ",\"size\":" + std::to_string(outcome->size) + ",\"version\":\"" + std::to_string(version) + "\"}");
  return {};
}

}  // namespace kvfs::http
