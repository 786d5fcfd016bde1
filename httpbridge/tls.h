// The certificate and the rules of TLS: 1.2 at least, HTTP/1.1 by ALPN.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "httpbridge/options.h"
#include "store/result.h"

namespace kvfs::http {

/// Shared by the connections that were made with it; a reload makes a new one.
using TlsContext = std::shared_ptr<SSL_CTX>;

/// Errors: invalid (unreadable or mismatched files, unknown version), naming the file.
Result<TlsContext> make_tls_context(const TlsOptions& options);

}  // namespace kvfs::http
