// Names for the parts of Asio that the listeners use, with concrete executors.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace kvfs::http::net {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using IoContext = asio::io_context;
using Executor = IoContext::executor_type;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;
template <class Protocol>
using Acceptor = asio::basic_socket_acceptor<Protocol, Executor>;

}  // namespace kvfs::http::net
