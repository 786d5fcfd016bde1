// Names for the parts of Asio that the listeners use, with concrete executors.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

namespace kvfs::resp {

namespace asio = boost::asio;
using boost::system::error_code;
using BoundSocket = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;

}  // namespace kvfs::resp
