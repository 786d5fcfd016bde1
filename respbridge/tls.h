// The TLS context of the listeners that have "tls:" before their address.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "respbridge/options.h"
#include "store/result.h"

namespace kvfs::resp {

/// Errors: invalid, naming the file and what is wrong with it.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const TlsOptions& options);

}  // namespace kvfs::resp
