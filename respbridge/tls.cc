#include "respbridge/tls.h"

#include <openssl/ssl.h>

#include <string>

namespace kvfs::resp {

Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const TlsOptions& options) {
  namespace ssl = boost::asio::ssl;
  if (options.certificate_file.empty() || options.key_file.empty())
    return {Errc::invalid, "a tls: address needs a certificate file and a key file in section [tls]"};
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code error;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3, error);
  const int minimum = options.minimum_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (options.minimum_version != "1.2" && options.minimum_version != "1.3")
    return {Errc::invalid, "TLS version '" + options.minimum_version + "' is neither 1.2 nor 1.3"};
  SSL_CTX_set_min_proto_version(context->native_handle(), minimum);
  context->use_certificate_chain_file(options.certificate_file, error);
  if (error) return {Errc::invalid, "certificate file " + options.certificate_file + ": " + error.message()};
  context->use_private_key_file(options.key_file, ssl::context::pem, error);
  if (error) return {Errc::invalid, "key file " + options.key_file + ": " + error.message()};
  return context;
}

}  // namespace kvfs::resp
