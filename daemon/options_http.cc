#include "daemon/options_http.h"

#include "daemon/api_keys.h"

namespace kvfs {

Result<http::HttpOptions> http_options(const Config& config) {
  const auto count = [&](std::string_view key) { return static_cast<size_t>(config.integer("http", key)); };
  const auto bytes = [&](std::string_view key) { return static_cast<size_t>(config.size("http", key)); };
  const auto milliseconds = [&](std::string_view key) { return config.duration_ms("http", key); };
  http::HttpOptions options;
  options.listen = config.list("http", "listen");
  options.threads = count("threads");
  options.pin_threads = config.boolean("http", "pin_threads");
  options.anonymous = config.boolean("http", "anonymous");
  options.anonymous_tenant = config.text("http", "anonymous_tenant");
  options.default_collection = config.text("http", "default_collection");
  options.header_bytes_max = bytes("header_bytes_max");
  options.header_count_max = count("header_count_max");
  options.target_bytes_max = bytes("target_bytes_max");
  options.value_bytes_max = bytes("value_bytes_max");
  options.body_bytes_max = bytes("body_bytes_max");
  options.answer_bytes_max = bytes("answer_bytes_max");
  options.memory_value_bytes_max = bytes("memory_value_bytes_max");
  options.batch_count_max = count("batch_count_max");
  options.list_limit_default = count("list_limit_default");
  options.list_limit_max = count("list_limit_max");
  options.max_range_response = static_cast<size_t>(config.integer("kv", "max_range_response"));
  options.case_insensitive = config.boolean("kv", "case_insensitive");
  options.connections_max = count("connections_max");
  options.connections_per_address_max = count("connections_per_address_max");
  options.pipelined_requests_max = count("pipelined_requests_max");
  options.backlog = static_cast<int>(count("backlog"));
  options.header_timeout_ms = milliseconds("header_timeout");
  options.idle_timeout_ms = milliseconds("idle_timeout");
  options.read_timeout_ms = milliseconds("read_timeout");
  options.write_timeout_ms = milliseconds("write_timeout");
  options.request_timeout_ms = milliseconds("request_timeout");
  options.drain_timeout_ms = milliseconds("drain_timeout");
  options.ready_grace_ms = milliseconds("ready_grace");
  options.key_rate = {config.number("http", "key_rate"), config.number("http", "key_burst")};
  options.address_rate = {config.number("http", "address_rate"), config.number("http", "address_burst")};
  options.watch_buffer_bytes_max = bytes("watch_buffer_bytes_max");
  options.watch_heartbeat_ms = milliseconds("watch_heartbeat");
  options.long_poll_ms_max = milliseconds("long_poll_max");
  options.watches_max = count("watches_max");
  options.gzip_level = static_cast<int>(count("gzip_level"));
  options.gzip_bytes_min = bytes("gzip_bytes_min");
  options.cors_origins = config.list("http", "cors_origins");
  options.console = config.boolean("http", "console");
  options.metrics_public = config.boolean("http", "metrics_public");
  options.access_log = config.text("http", "access_log");
  options.tls = {config.text("http", "tls_certificate_file"), config.text("http", "tls_key_file"),
                 config.text("http", "tls_minimum_version")};
  auto keys = configured_keys(config);
  if (!keys) return keys.error();
  options.keys = std::move(*keys);
  return options;
}

}  // namespace kvfs
