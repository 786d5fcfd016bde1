// Collections and tenants as resources: list, make, settings, delete.
#include <charconv>

#include "httpbridge/json_text.h"
#include "httpbridge/url.h"
#include "httpbridge/v1.h"
#include "httpbridge/watch.h"
#include "store/engine/engine.h"
#include "store/tree.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr size_t kClearedAtOnce = 500;

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
  out.append(",\"fsync\":");
  append_json_string(out, info.settings.fsync);
  out.append(",\"require_preconditions\":").append(info.settings.require_preconditions ? "true}" : "false}");
}

std::string listing(std::string_view name, const std::vector<CollectionInfo>& infos) {
  std::string out = "{\"" + std::string(name) + "\":[";
  for (size_t i = 0; i < infos.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_info(out, infos[i]);
  }
  return out + "]}";
}

enum class Of { tenant, collection };

/// Lays the body's members over `settings`. Quotas are of tenants, conditions of collections. Errors: invalid.
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
                                 "\"; tenants have quota_bytes, quota_keys and fsync, collections fsync and "
                                 "require_preconditions"};
    }
  }
  return {};
}

void tell_info(Response& response, int status, const std::vector<CollectionInfo>& infos, std::string_view name) {
  response.text(status, kJson, {});
  for (const CollectionInfo& info : infos)
    if (info.name == name) append_info(response.body, info);
}

/// Removes keys a few at a time, between other requests, then the collection itself. Tells how many went.
class ClearSource final : public BodySource {
 public:
  ClearSource(Context& context, DirId tenant, std::string name)
      : context_(context), tenant_(tenant), name_(std::move(name)) {}

  std::optional<uint64_t> size() const override { return std::nullopt; }

  Result<Piece> read(std::span<char> out) override {
    const auto went = context_.store.write(
        [&](WriteTxn& txn) -> Result<size_t> {
          const auto collection = find_collection(txn, tenant_, name_);
          if (!collection) return collection.error();
          const auto count = clear_collection(txn, *collection, kClearedAtOnce, true);
          if (!count || *count > 0) return count;
          if (auto r = remove_directory(txn, tenant_, name_); !r) return r.error();
          return size_t{0};
        },
        context_.write_options);
    if (!went && went.error().code != Errc::not_found) return went.error();
    if (went && *went > 0) {
      removed_ += *went;
      return Piece{0, State::more};
    }
    const std::string text = "{\"removed\":" + std::to_string(removed_) + "}";
    return Piece{text.copy(out.data(), out.size()), State::done};
  }

 private:
  Context& context_;
  const DirId tenant_;
  const std::string name_;
  size_t removed_ = 0;
};

/// An administrator of one tenant sees and changes that one only.
bool may_manage(const Caller& caller, std::string_view tenant) { return caller.all_tenants || caller.tenant == tenant; }

}  // namespace

Result<void> v1_collections(Context& context, Request& request, Response& response) {
  if (wants_watch(request)) return watch_changes(context, request, response);
  const auto infos =
      context.store.read([&](const ReadTxn& txn) { return list_collections(txn, request.caller.tenant_dir); });
  response.text(200, kJson, listing("collections", infos));
  return {};
}

Result<void> v1_put_collection(Context& context, Request& request, Response& response) {
  if (request.caller.tenant_dir == 0) return {Errc::invalid, "name a tenant in the Kvfs-Tenant field"};
  bool created = false;
  const auto done = context.store.write(
      [&](WriteTxn& txn) -> Result<void> {
        created = !find_collection(txn, request.caller.tenant_dir, request.collection);
        const auto collection = ensure_collection(txn, request.caller.tenant_dir, request.collection);
        if (!collection) return collection.error();
        Settings settings = settings_of(txn, *collection);
        if (auto r = parse_settings(request.body, Of::collection, settings); !r) return r;
        if (!trim_json(request.body).empty()) set_settings(txn, *collection, settings);
        return {};
      },
      context.write_options);
  if (!done) return done;
  const auto infos =
      context.store.read([&](const ReadTxn& txn) { return list_collections(txn, request.caller.tenant_dir); });
  tell_info(response, created ? 201 : 200, infos, request.collection);
  return {};
}

Result<void> v1_delete_collection(Context& context, Request& request, Response& response) {
  if (request.caller.tenant_dir == 0) return {Errc::invalid, "name a tenant in the Kvfs-Tenant field"};
  if (const auto collection = collection_of(context, request); !collection) return collection.error();
  response.content_type = kJson;
  response.source = std::make_unique<ClearSource>(context, request.caller.tenant_dir, request.collection);
  return {};
}

Result<void> admin_tenants(Context& context, Request& request, Response& response) {
  auto infos = context.store.read([](const ReadTxn& txn) { return list_tenants(txn); });
  std::erase_if(infos, [&](const CollectionInfo& info) { return !may_manage(request.caller, info.name); });
  response.text(200, kJson, listing("tenants", infos));
  return {};
}

Result<void> admin_get_tenant(Context& context, Request& request, Response& response) {
  if (!may_manage(request.caller, request.key)) return {Errc::access_denied, "this API key manages another tenant"};
  const auto infos = context.store.read([](const ReadTxn& txn) { return list_tenants(txn); });
  tell_info(response, 200, infos, request.key);
  if (response.body.empty()) return {Errc::not_found, "no such tenant"};
  return {};
}

Result<void> admin_put_tenant(Context& context, Request& request, Response& response) {
  if (!request.caller.all_tenants)
    return {Errc::access_denied, "this needs the key of an administrator of all tenants"};
  bool created = false;
  const auto done = context.store.write(
      [&](WriteTxn& txn) -> Result<void> {
        created = !find_tenant(txn, request.key);
        const auto tenant = ensure_tenant(txn, request.key);
        if (!tenant) return tenant.error();
        Settings settings = settings_of(txn, *tenant);
        if (auto r = parse_settings(request.body, Of::tenant, settings); !r) return r;
        if (!trim_json(request.body).empty()) set_settings(txn, *tenant, settings);
        return {};
      },
      context.write_options);
  if (!done) return done;
  const auto infos = context.store.read([](const ReadTxn& txn) { return list_tenants(txn); });
  tell_info(response, created ? 201 : 200, infos, request.key);
  return {};
}

}  // namespace kvfs::http
