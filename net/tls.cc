#include "net/tls.h"

#include <openssl/err.h>

#include <cstring>
#include <string>

namespace kvfs {

namespace {

std::string last_error() {
  char text[256] = "unknown";
  if (const unsigned long code = ERR_peek_last_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                    unsigned length, void*) {
  static const unsigned char kOurs[] = "\x08http/1.1";
  const int outcome =
      SSL_select_next_proto(const_cast<unsigned char**>(out), out_length, kOurs, sizeof kOurs - 1, in, length);
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

Result<TlsContext> make_tls_context(const TlsOptions& options) {
  if (options.certificate_file.empty() || options.key_file.empty())
    return {Errc::invalid, "a tls: address needs tls_certificate_file and tls_key_file"};
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return {Errc::io, "TLS could not be set up: " + last_error()};
  const int version = options.minimum_version == "1.3"   ? TLS1_3_VERSION
                      : options.minimum_version == "1.2" ? TLS1_2_VERSION
                                                         : 0;
  if (version == 0)
    return {Errc::invalid, "the minimum version of TLS is 1.2 or 1.3, not '" + options.minimum_version + "'"};
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Of TLS 1.2 what keeps its secret when the key becomes known later, and authenticates what it encrypts.
  if (SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return {Errc::io, "TLS could not be set up: " + last_error()};
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_SERVER);
  static const unsigned char kSessionContext[] = "kvfs";
  SSL_CTX_set_session_id_context(context.get(), kSessionContext, sizeof kSessionContext - 1);
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) != 1)
    return {Errc::invalid, "cannot use the certificate " + options.certificate_file + ": " + last_error()};
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return {Errc::invalid, "cannot use the key " + options.key_file + ": " + last_error()};
  if (SSL_CTX_check_private_key(context.get()) != 1)
    return {Errc::invalid,
            "the key " + options.key_file + " does not belong to the certificate " + options.certificate_file};
  return context;
}

void offer_http_1_1(SSL_CTX& context) { SSL_CTX_set_alpn_select_cb(&context, choose_protocol, nullptr); }

}  // namespace kvfs
