// Tenants as resources: list, make, settings, statistics, delete.
#include <algorithm>

#include "httpbridge/json_text.h"
#include "httpbridge/resources.h"
#include "httpbridge/v1.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kAllTenants = "this needs the key of an administrator of all tenants";

/// An administrator of one tenant sees and changes that one only.
bool may_manage(const Caller& caller, std::string_view tenant) { return caller.all_tenants || caller.tenant == tenant; }

std::optional<CollectionInfo> info_of(const Context& context, const Request& request) {
  return context.store.read([&](const ReadTxn& txn) { return tenant_info(txn, request.key); });
}

}  // namespace

Result<void> admin_tenants(Context& context, Request& request, Response& response) {
  const auto asked = page_asked(context, request);
  if (!asked) return asked.error();
  tell_listing(response, "tenants", context.store.read([&](const ReadTxn& txn) {
    if (request.caller.all_tenants) return tenants_page(txn, asked->after, asked->limit);
    InfoPage own;
    if (auto info = tenant_info(txn, request.caller.tenant)) own.infos.push_back(std::move(*info));
    return own;
  }));
  return {};
}

Result<void> admin_get_tenant(Context& context, Request& request, Response& response) {
  if (!may_manage(request.caller, request.key)) return {Errc::access_denied, "this API key manages another tenant"};
  tell_resource(response, 200, info_of(context, request));
  if (response.body.empty()) return {Errc::not_found, "no such tenant"};
  return {};
}

Result<void> admin_put_tenant(Context& context, Request& request, Response& response) {
  if (!request.caller.all_tenants) return {Errc::access_denied, std::string(kAllTenants)};
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
  tell_resource(response, created ? 201 : 200, info_of(context, request));
  return {};
}

Result<void> admin_delete_tenant(Context& context, Request& request, Response& response) {
  if (!request.caller.all_tenants) return {Errc::access_denied, std::string(kAllTenants)};
  if (const auto tenant = context.store.find_tenant(request.key); !tenant) return {Errc::not_found, "no such tenant"};
  const auto named = context.service.policy()->keys->tenants();
  if (std::find(named.begin(), named.end(), request.key) != named.end())
    return {Errc::busy,
            "the configuration names this tenant (an API key, or anonymous_tenant); take it out there first"};
  response.content_type = "application/json";
  response.source = remove_tenant(context, request.key);
  return {};
}

}  // namespace kvfs::http
