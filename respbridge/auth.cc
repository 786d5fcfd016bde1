#include "respbridge/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "store/key.h"

namespace kvfs::resp {

namespace {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Digest> parse_digest(std::string_view hex) {
  if (hex.size() != 64) return std::nullopt;
  Digest digest{};
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return digest;
}

}  // namespace

Result<std::shared_ptr<const KeyTable>> KeyTable::build(const RespOptions& options) {
  auto table = std::make_shared<KeyTable>();
  table->anonymous_tenant_ = options.anonymous_tenant;
  table->anonymous_everywhere_ = options.anonymous;
  if (Result<void> ok = check_name(options.anonymous_tenant, "anonymous tenant"); !ok) return ok.error();
  for (size_t i = 0; i < options.keys.size(); ++i) {
    const ApiKey& key = options.keys[i];
    const std::string number = std::to_string(i + 1);
    const std::string which = key.name.empty() ? "API key number " + number : "API key '" + key.name + "'";
    if (key.key.empty() == key.sha256.empty())
      return {Errc::invalid, which + " needs either the key itself or its SHA-256, and not both"};
    const std::optional<Digest> digest = key.key.empty() ? parse_digest(key.sha256) : sha256(key.key);
    if (!digest) return {Errc::invalid, which + ": a SHA-256 is 64 hexadecimal digits (printf %s KEY | sha256sum)"};
    if (key.tenant.empty()) {
      if (!key.admin) return {Errc::invalid, which + " names no tenant; only an administrator's key may do without"};
    } else if (Result<void> ok = check_name(key.tenant, "tenant of " + which); !ok) {
      return ok.error();
    }
    for (const Key& other : table->keys_)
      if (other.digest == *digest) return {Errc::invalid, which + " is the same key as '" + other.name + "'"};
    table->keys_.push_back(
        {*digest, key.name.empty() ? "key" + number : key.name, key.tenant, key.read_only, key.admin});
  }
  return std::shared_ptr<const KeyTable>(std::move(table));
}

std::optional<Identity> KeyTable::find(std::optional<std::string_view> user, std::string_view password) const {
  const Digest digest = sha256(password);
  const Key* found = nullptr;
  for (const Key& key : keys_)
    if (CRYPTO_memcmp(key.digest.data(), digest.data(), digest.size()) == 0) found = &key;
  if (found == nullptr) return std::nullopt;
  Identity identity{found->name, found->tenant, found->read_only, found->admin, found->tenant.empty()};
  const bool names_nobody = !user || *user == "default" || *user == found->name;
  if (identity.all_tenants) {
    identity.tenant = names_nobody ? anonymous_tenant_ : std::string(*user);
    if (!check_name(identity.tenant, "tenant")) return std::nullopt;
  } else if (!names_nobody && *user != found->tenant) {
    return std::nullopt;
  }
  return identity;
}

std::optional<Identity> KeyTable::anonymous(bool loopback) const {
  const bool open_house = keys_.empty() && loopback;
  if (!open_house && !anonymous_everywhere_) return std::nullopt;
  return Identity{"default", anonymous_tenant_, false, open_house, false};
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

}  // namespace kvfs::resp
