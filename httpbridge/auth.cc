#include "httpbridge/auth.h"

#include <algorithm>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

bool has_scheme(std::string_view field, std::string_view lower_scheme) {
  if (field.size() <= lower_scheme.size() || field[lower_scheme.size()] != ' ') return false;
  return std::equal(lower_scheme.begin(), lower_scheme.end(), field.begin(),
                    [](char lower, char c) { return (c >= 'A' && c <= 'Z' ? c + 32 : c) == lower; });
}

}  // namespace

std::string_view credential_of(const Headers& headers, std::string& storage) {
  if (headers.x_api_key.data() != nullptr) return headers.x_api_key;
  const std::string_view field = headers.authorization;
  if (has_scheme(field, "bearer")) return trim_json(field.substr(7));
  if (has_scheme(field, "basic")) {
    auto decoded = decode_base64(trim_json(field.substr(6)));
    if (!decoded) return field;
    const size_t colon = decoded->find(':');
    storage = colon == std::string::npos ? *decoded : decoded->substr(colon + 1);
    return storage;
  }
  return field;
}

Caller caller_of(const Identity& identity) {
  Caller caller;
  caller.name = identity.name;
  caller.read_only = identity.read_only;
  caller.admin = identity.admin;
  caller.all_tenants = identity.all_tenants;
  caller.tenant = identity.tenant;
  return caller;
}

}  // namespace kvfs::http
