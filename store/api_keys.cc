#include "store/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "store/key.h"

namespace kvfs {

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

}  // namespace

Result<std::shared_ptr<const KeyTable>> KeyTable::build(const std::vector<ApiKey>& keys, const Anonymous& anonymous) {
  if (auto r = check_name(anonymous.tenant, "anonymous tenant"); !r) return r.error();
  auto table = std::make_shared<KeyTable>();
  table->anonymous_everywhere_ = anonymous.everywhere;
  const bool open_house = keys.empty();
  table->anonymous_ = {"anonymous", anonymous.tenant, false, open_house, open_house};
  table->guest_ = {"anonymous", anonymous.tenant, false, false, false};
  for (size_t i = 0; i < keys.size(); ++i) {
    const ApiKey& key = keys[i];
    const std::string which =
        key.name.empty() ? "API key number " + std::to_string(i + 1) : "API key '" + key.name + "'";
    if (key.key.empty() == key.sha256.empty())
      return {Errc::invalid, which + " needs either the key itself or its SHA-256, and not both"};
    Key entry{{},
              {key.name.empty() ? "key" + std::to_string(i + 1) : key.name, key.tenant, key.read_only, key.admin,
               key.admin && key.tenant.empty()}};
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
      if (other.digest == entry.digest)
        return {Errc::invalid, which + " is the same key as '" + other.identity.name + "'"};
    table->keys_.push_back(std::move(entry));
  }
  return std::shared_ptr<const KeyTable>(std::move(table));
}

const Identity* KeyTable::find(std::string_view key) const {
  const Digest digest = sha256(key);
  const Key* found = nullptr;
  for (const Key& each : keys_)
    if (CRYPTO_memcmp(each.digest.data(), digest.data(), digest.size()) == 0) found = &each;
  return found == nullptr ? nullptr : &found->identity;
}

std::optional<Identity> KeyTable::find_user(std::optional<std::string_view> user, std::string_view key) const {
  const Identity* const found = find(key);
  if (found == nullptr) return std::nullopt;
  Identity identity = *found;
  const bool names_nobody = !user || *user == "default" || *user == found->name;
  if (identity.all_tenants) {
    identity.tenant = names_nobody ? anonymous_.tenant : std::string(*user);
    if (!check_name(identity.tenant, "tenant")) return std::nullopt;
  } else if (!names_nobody && *user != found->tenant) {
    return std::nullopt;
  }
  return identity;
}

bool KeyTable::names(std::string_view user) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [&](const Key& key) { return key.identity.name == user || key.identity.tenant == user; });
}

std::vector<Identity> KeyTable::identities() const {
  std::vector<Identity> out;
  for (const Key& key : keys_) out.push_back(key.identity);
  return out;
}

const Identity* KeyTable::anonymous(bool loopback) const {
  if (keys_.empty() && loopback) return &anonymous_;
  return anonymous_everywhere_ ? &guest_ : nullptr;
}

std::vector<std::string> KeyTable::tenants() const {
  std::vector<std::string> names;
  if (keys_.empty() || anonymous_everywhere_) names.push_back(anonymous_.tenant);
  for (const Key& key : keys_)
    if (!key.identity.tenant.empty()) names.push_back(key.identity.tenant);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace kvfs
