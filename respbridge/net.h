// Names of Asio, with the concrete executor type: the polymorphic one costs on every operation.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

namespace kvfs::resp {

namespace asio = boost::asio;
using boost::system::error_code;
using NetExecutor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, NetExecutor>;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, NetExecutor>;

}  // namespace kvfs::resp
