// What operators and their machines ask: health, readiness, statistics, metrics.
#include "httpbridge/embedded.h"
#include "httpbridge/json_text.h"
#include "httpbridge/metrics_text.h"
#include "httpbridge/router.h"
#include "httpbridge/service.h"

namespace kvfs::http {

namespace {

constexpr std::string_view kJson = "application/json";

Result<void> get_health(Context&, Request&, Response& response) {
  response.text(200, kJson, R"({"status":"healthy"})");
  return {};
}

/// Fails while the server drains, so that balancers send nobody any more.
Result<void> get_ready(Context& context, Request&, Response& response) {
  if (context.service.draining()) {
    response.text(503, kJson, R"({"status":"draining"})");
    return {};
  }
  response.text(200, kJson, R"({"status":"ready"})");
  return {};
}

Result<void> get_ping(Context&, Request&, Response& response) {
  response.text(200, kJson, R"({"success":true,"message":"pong"})");
  return {};
}

/// The numbers of /metrics, and the caller's own tenant's.
Result<void> get_stats(Context& context, Request& request, Response& response) {
  response.text(200, kJson, R"({"success":true,"stats":)");
  response.body.append(metrics_json(context.service));
  if (!request.caller.tenant.empty()) {
    if (const auto tenant = context.store.find_tenant(request.caller.tenant)) {
      const Store::Usage usage = context.store.usage(*tenant);
      std::string& body = response.body;
      body.append(",\"tenant\":{\"name\":");
      append_json_string(body, valid_utf8(request.caller.tenant) ? request.caller.tenant : std::string_view("?"));
      body.append(",\"keys\":");
      append_json_number(body, usage.keys);
      body.append(",\"bytes\":");
      append_json_number(body, usage.bytes);
      body.append(",\"quota_keys\":");
      append_json_number(body, usage.quota_keys);
      body.append(",\"quota_bytes\":");
      append_json_number(body, usage.quota_bytes);
      body.append(",\"eviction\":");
      append_json_string(body, to_string(usage.eviction));
      const auto number = [&body](std::string_view name, uint64_t value) {
        body.append(",\"").append(name).append("\":");
        append_json_number(body, value);
      };
      number("evicted", usage.evicted);
      number("expired", usage.expired);
      number("hits", usage.hits);
      number("misses", usage.misses);
      number("trash_keys", usage.trash_keys);
      number("trash_bytes", usage.trash_bytes);
      body.append("}");
    }
  }
  response.body.append("}");
  return {};
}

Result<void> get_metrics(Context& context, Request& request, Response& response) {
  const std::string_view accept = request.headers.accept;
  const bool scraper = accept.find("version=0.0.4") != std::string_view::npos ||
                       accept.find("openmetrics") != std::string_view::npos ||
                       request.query.find("format=prometheus") != std::string_view::npos;
  if (scraper)
    response.text(200, "text/plain; version=0.0.4; charset=utf-8", prometheus_text(context.service));
  else
    response.text(200, kJson, metrics_json(context.service));
  return {};
}

Result<void> get_openapi(Context&, Request&, Response& response) {
  response.text(200, kJson, openapi_document());
  return {};
}

/// Where to go on from: programs are told, a browser is sent to the page that is for people.
Result<void> get_root(Context& context, Request& request, Response& response) {
  response.add("Vary", "Accept");
  if (context.options.console && request.headers.accept.find("text/html") != std::string_view::npos) {
    response.status = 303;
    response.add("Location", "/ui");
    return {};
  }
  response.text(200, kJson,
                context.options.console ? R"({"name":"kvfs","api":"/v1","description":"/openapi.json","console":"/ui"})"
                                        : R"({"name":"kvfs","api":"/v1","description":"/openapi.json"})");
  return {};
}

/// The page keeps to this server and runs nothing but its own script.
Result<void> get_console(Context& context, Request&, Response& response) {
  if (!context.options.console) return {Errc::not_found, "the console is turned off ([http] console)"};
  response.text(200, "text/html; charset=utf-8", console_page());
  response.add(
      "Content-Security-Policy",
      "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'");
  return {};
}

}  // namespace

std::span<const Route> operations_routes() {
  using enum Method;
  constexpr auto kDialect = ErrorStyle::dialect;
  constexpr auto kOther = Operation::other;
  static constexpr Route kRoutes[] = {
      {get, "/", get_root, kOther, Access::open, BodyUse::none, kDialect},
      {get, "/health", get_health, kOther, Access::open, BodyUse::none, kDialect},
      {get, "/ready", get_ready, kOther, Access::open, BodyUse::none, kDialect},
      {get, "/ping", get_ping, kOther, Access::open, BodyUse::none, kDialect},
      {get, "/openapi.json", get_openapi, kOther, Access::open, BodyUse::none, kDialect},
      {get, "/ui", get_console, kOther, Access::open, BodyUse::none, kDialect},
      {get, "/stats", get_stats, kOther, Access::metrics, BodyUse::none, kDialect},
      {get, "/metrics", get_metrics, kOther, Access::metrics, BodyUse::none, kDialect},
  };
  return kRoutes;
}

}  // namespace kvfs::http
