#include "daemon/control_client.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <optional>

#include "daemon/control_address.h"

namespace kvfs {

namespace {

namespace asio = boost::asio;
namespace json = boost::json;

Error connect_error(const std::string& store_path, const boost::system::error_code& failed) {
  if (failed == boost::system::errc::no_such_file_or_directory || failed == boost::system::errc::connection_refused)
    return {Errc::not_found, fmt::format("no kvfs is running on the store {}", store_path)};
  const bool denied = failed == boost::system::errc::permission_denied;
  return {denied ? Errc::access_denied : Errc::io,
          fmt::format("cannot ask the kvfs that runs on the store {}: {}", store_path, failed.message())};
}

Errc code_named(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(Errc::no_attribute); ++code)
    if (to_string(static_cast<Errc>(code)) == name) return static_cast<Errc>(code);
  return Errc::io;
}

std::string text_of(const json::object& fields, std::string_view name) {
  const json::value* value = fields.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

void show(const json::object& at, const ProgressFn& progress) {
  const auto number = [&](std::string_view name) -> uint64_t {
    const json::value* value = at.if_contains(name);
    return value != nullptr && value->is_number() ? value->to_number<uint64_t>() : 0;
  };
  const std::string step = text_of(at, "step");
  progress({step, number("done"), number("total"), number("bytes")});
}

/// What the line says; nullopt: it is only how far it is.
std::optional<Result<std::string>> read_line(std::string_view line, const ProgressFn& progress) {
  boost::system::error_code failed;
  const json::value value = json::parse(line, failed);
  const json::object* fields = failed ? nullptr : value.if_object();
  if (fields == nullptr) return Result<std::string>(Errc::io, "the answer is not JSON");
  if (const json::value* at = fields->if_contains("progress")) {
    if (progress && at->is_object()) show(at->get_object(), progress);
    return std::nullopt;
  }
  if (fields->contains("error"))
    return Result<std::string>(code_named(text_of(*fields, "error")), text_of(*fields, "message"));
  return Result<std::string>(text_of(*fields, "answer"));
}

}  // namespace

Result<std::string> ask_running(const std::string& store_path, const ControlRequest& request,
                                const ProgressFn& progress) {
  const ControlAddress address(store_path);
  asio::io_context io;
  asio::local::stream_protocol::socket socket(io);
  boost::system::error_code failed;
  socket.connect(asio::local::stream_protocol::endpoint(address.path()), failed);
  if (failed) return connect_error(store_path, failed);
  json::object fields{{"command", json::value_from(request.words)}};
  if (!request.tenant.empty()) fields["tenant"] = request.tenant;
  asio::write(socket, asio::buffer(json::serialize(fields) + "\n"), failed);
  std::string received;
  while (!failed) {
    const size_t bytes = asio::read_until(socket, asio::dynamic_buffer(received), '\n', failed);
    if (failed) break;
    if (auto said = read_line(std::string_view(received).substr(0, bytes), progress)) return std::move(*said);
    received.erase(0, bytes);
  }
  return {Errc::io, fmt::format("the kvfs that runs on the store {} ended without an answer", store_path)};
}

}  // namespace kvfs
