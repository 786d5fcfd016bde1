// The certificate and the rules of TLS at every door: 1.2 at least.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "store/result.h"

namespace kvfs {

struct TlsOptions {
  std::string certificate_file;  // PEM, the chain; empty: no TLS
  std::string key_file;          // PEM
  std::string minimum_version = "1.2";
};

/// Shared by the connections that were made with it; a reload makes a new one.
using TlsContext = std::shared_ptr<SSL_CTX>;

/// Errors: invalid (unreadable or mismatched files, unknown version), naming the file.
Result<TlsContext> make_tls_context(const TlsOptions& options);
/// Offers HTTP/1.1 to clients that ask by ALPN for what is spoken.
void offer_http_1_1(SSL_CTX& context);

}  // namespace kvfs
