// Beast's incremental parser, told to fill a Request with views instead of making containers.
// The only header of the door that includes Beast.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <deque>
#include <string>
#include <string_view>

#include "httpbridge/options.h"
#include "httpbridge/request.h"

namespace kvfs::http {

/// One request. Feed it with put(): the head must lie in one piece of memory that does not move until the answer is
/// made, because the request's views point there. Body bytes are handed out as they come.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  RequestParser(Request& request, const HttpOptions& options);

  static constexpr size_t kChunkLineBytesMax = 16 * 1024;  // a chunk's size line, or all trailers

  /// Why a request was refused: a status and what to say. 0: it was not.
  int refused_status() const { return refused_status_; }
  std::string_view refused_detail() const { return refused_detail_; }
  /// For the error that put() gave.
  static int status_of(const boost::system::error_code& error);

  /// The body bytes of the last put(), a view into its buffer; more than one piece only with chunked.
  std::string_view body_piece() const { return body_piece_; }
  void clear_body_piece() { body_piece_ = {}; }

 private:
  using error_code = boost::system::error_code;
  using string_view = boost::beast::string_view;
  using field = boost::beast::http::field;

  void on_request_impl(boost::beast::http::verb method, string_view method_name, string_view target, int version,
                       error_code& ec) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(field name, string_view name_text, string_view value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<uint64_t>& length, error_code& ec) override;
  size_t on_body_impl(string_view body, error_code& ec) override;
  void on_chunk_header_impl(uint64_t size, string_view extensions, error_code& ec) override;
  size_t on_chunk_body_impl(uint64_t remain, string_view body, error_code& ec) override;
  void on_finish_impl(error_code& ec) override;

  void refuse(int status, std::string_view detail, error_code& ec);
  void take(std::string_view& slot, std::string_view value, error_code& ec);
  void take_list(std::string_view& slot, std::string_view value);
  void take_other(std::string_view name, std::string_view value, error_code& ec);

  Request& request_;
  const HttpOptions& options_;
  std::deque<std::string> joined_;  // list fields that came in several lines
  std::string_view body_piece_;
  size_t fields_ = 0;
  size_t trailer_bytes_ = 0;
  bool has_length_ = false;
  bool in_trailer_ = false;
  std::string_view authority_;  // of a target in absolute form
  int refused_status_ = 0;
  std::string_view refused_detail_;  // static
};

}  // namespace kvfs::http
