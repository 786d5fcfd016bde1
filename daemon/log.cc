#include "daemon/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <memory>

namespace kvfs {

namespace {

/// The message as a JSON string, quotes included.
class JsonMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text =
        boost::json::serialize(boost::json::string(message.payload.data(), message.payload.size()));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return spdlog::details::make_unique<JsonMessage>(); }
};

std::unique_ptr<spdlog::formatter> formatter(const std::string& format, bool with_time) {
  auto result = std::make_unique<spdlog::pattern_formatter>();
  result->add_flag<JsonMessage>('*');
  if (format == "json")
    result->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
  else
    result->set_pattern(with_time ? "%Y-%m-%dT%H:%M:%S.%e%z %l: %v" : "%l: %v");
  return result;
}

}  // namespace

Result<std::function<void()>> prepare_log(const Config& config, bool foreground) {
  const std::string path = config.text("log", "file");
  const bool to_syslog = path.empty() && !foreground;
  std::shared_ptr<spdlog::sinks::sink> sink;
  try {
    if (to_syslog)
      sink = std::make_shared<spdlog::sinks::syslog_sink_mt>("kvfs", LOG_PID, LOG_DAEMON, true);
    else if (path.empty())
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  } catch (const spdlog::spdlog_ex& error) {
    return Error{Errc::access_denied,
                 fmt::format("{}: file = {}: {}", config.origin("log", "file"), path, error.what())};
  }
  auto logger = std::make_shared<spdlog::logger>("kvfs", std::move(sink));
  logger->set_formatter(formatter(config.text("log", "format"), !to_syslog));
  logger->set_level(spdlog::level::from_str(config.text("log", "level")));
  logger->flush_on(spdlog::level::info);
  return std::function<void()>([logger = std::move(logger)] { spdlog::set_default_logger(logger); });
}

}  // namespace kvfs
