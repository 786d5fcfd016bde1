#include "daemon/options_resp.h"

#include "daemon/api_keys.h"

namespace kvfs {

Result<resp::RespOptions> resp_options(const Config& config) {
  const auto count = [&](std::string_view key) { return static_cast<size_t>(config.integer("resp", key)); };
  const auto bytes = [&](std::string_view key) { return static_cast<size_t>(config.size("resp", key)); };
  const auto milliseconds = [&](std::string_view key) { return config.duration_ms("resp", key); };
  constexpr uint32_t kKeepaliveSeconds = 300;
  resp::RespOptions options;
  options.listen = config.list("resp", "listen");
  options.threads = count("threads");
  options.anonymous = config.boolean("resp", "anonymous");
  options.anonymous_tenant = config.text("resp", "anonymous_tenant");
  options.databases = count("databases");
  options.default_collection = config.text("resp", "default_collection");
  options.arguments_max = count("arguments_max");
  options.bulk_bytes_max = bytes("bulk_bytes_max");
  options.query_buffer_bytes_max = bytes("query_buffer_bytes_max");
  options.inline_bytes_max = bytes("inline_bytes_max");
  options.pipeline_max = count("pipeline_max");
  options.pipeline_bytes_max = bytes("pipeline_bytes_max");
  options.transaction_commands_max = count("transaction_commands_max");
  options.transaction_bytes_max = bytes("transaction_bytes_max");
  options.reply_bytes_soft = bytes("reply_bytes_soft");
  options.clients_bytes_max = bytes("clients_bytes_max");
  options.push_bytes_max = bytes("push_bytes_max");
  options.set_member_bytes_max = bytes("set_member_bytes_max");
  options.watched_keys_max = count("watched_keys_max");
  options.subscriptions_max = count("subscriptions_max");
  options.tracked_keys_max = count("tracked_keys_max");
  options.scan_cursors_max = count("scan_cursors_max");
  options.connections_max = count("connections_max");
  options.backlog = static_cast<int>(count("backlog"));
  options.tcp_keepalive_s = config.boolean("resp", "tcp_keepalive") ? kKeepaliveSeconds : 0;
  options.idle_timeout_ms = milliseconds("idle_timeout");
  options.write_timeout_ms = milliseconds("write_timeout");
  options.auth_timeout_ms = milliseconds("auth_timeout");
  options.key_rate = {config.number("resp", "key_rate"), config.number("resp", "key_burst")};
  options.address_rate = {config.number("resp", "address_rate"), config.number("resp", "address_burst")};
  options.notify_keyspace_events = config.text("resp", "notify_keyspace_events");
  options.slowlog_slower_than_us = count("slowlog_slower_than");
  options.slowlog_entries_max = count("slowlog_entries_max");
  options.enable_debug = config.boolean("resp", "enable_debug");
  options.enable_shutdown = config.boolean("resp", "enable_shutdown");
  options.tls = {config.text("resp", "tls_certificate_file"), config.text("resp", "tls_key_file"),
                 config.text("resp", "tls_minimum_version")};
  auto keys = configured_keys(config);
  if (!keys) return keys.error();
  options.keys = std::move(*keys);
  return options;
}

}  // namespace kvfs
