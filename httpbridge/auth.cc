#include "httpbridge/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "httpbridge/json_text.h"

namespace kvfs::http {

namespace {

std::array<unsigned char, 32> sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

std::optional<std::array<unsigned char, 32>> parse_digest(std::string_view hex) {
  std::array<unsigned char, 32> digest{};
  if (hex.size() != 64) return std::nullopt;
  for (size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    const int value = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (value < 0) return std::nullopt;
    digest[i / 2] = static_cast<unsigned char>(digest[i / 2] << 4 | value);
  }
  return digest;
}

bool has_scheme(std::string_view field, std::string_view lower_scheme) {
  if (field.size() <= lower_scheme.size() || field[lower_scheme.size()] != ' ') return false;
  return std::equal(lower_scheme.begin(), lower_scheme.end(), field.begin(),
                    [](char lower, char c) { return (c >= 'A' && c <= 'Z' ? c + 32 : c) == lower; });
}

}  // namespace

Result<std::shared_ptr<const KeyTable>> KeyTable::build(const HttpOptions& options) {
  auto table = std::make_shared<KeyTable>();
  table->anonymous_tenant_ = options.anonymous_tenant;
  table->anonymous_everywhere_ = options.anonymous;
  if (auto r = check_name(options.anonymous_tenant, "anonymous tenant"); !r) return r.error();
  for (size_t i = 0; i < options.keys.size(); ++i) {
    const ApiKey& key = options.keys[i];
    const std::string which =
        key.name.empty() ? "API key number " + std::to_string(i + 1) : "API key '" + key.name + "'";
    if (key.key.empty() == key.sha256.empty())
      return {Errc::invalid, which + " needs either the key itself or its SHA-256, and not both"};
    Key entry{{}, key.name.empty() ? "key" + std::to_string(i + 1) : key.name, key.tenant, key.read_only, key.admin};
    if (!key.key.empty()) {
      entry.digest = sha256(key.key);
    } else {
      const auto digest = parse_digest(key.sha256);
      if (!digest) return {Errc::invalid, which + ": a SHA-256 is 64 hexadecimal digits (printf %s KEY | sha256sum)"};
      entry.digest = *digest;
    }
    if (key.tenant.empty()) {
      if (!key.admin) return {Errc::invalid, which + " names no tenant; only an administrator's key may do without"};
    } else if (auto r = check_name(key.tenant, "tenant of " + which); !r) {
      return r.error();
    }
    for (const Key& other : table->keys_)
      if (other.digest == entry.digest) return {Errc::invalid, which + " is the same key as '" + other.name + "'"};
    table->keys_.push_back(std::move(entry));
  }
  return std::shared_ptr<const KeyTable>(std::move(table));
}

std::optional<Caller> KeyTable::find(std::string_view credential) const {
  const Digest digest = sha256(credential);
  const Key* found = nullptr;
  for (const Key& key : keys_)
    if (CRYPTO_memcmp(key.digest.data(), digest.data(), digest.size()) == 0) found = &key;
  if (found == nullptr) return std::nullopt;
  Caller caller;
  caller.name = found->name;
  caller.tenant = found->tenant;
  caller.read_only = found->read_only;
  caller.admin = found->admin;
  caller.all_tenants = found->admin && found->tenant.empty();
  return caller;
}

std::optional<Caller> KeyTable::anonymous(bool loopback) const {
  const bool open_house = keys_.empty() && loopback;
  if (!open_house && !anonymous_everywhere_) return std::nullopt;
  Caller caller;
  caller.name = "anonymous";
  caller.tenant = anonymous_tenant_;
  caller.admin = open_house;
  caller.all_tenants = open_house;
  return caller;
}

std::vector<std::string> KeyTable::tenants() const {
  std::vector<std::string> names;
  if (keys_.empty() || anonymous_everywhere_) names.push_back(anonymous_tenant_);
  for (const Key& key : keys_)
    if (!key.tenant.empty()) names.push_back(key.tenant);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

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

}  // namespace kvfs::http
