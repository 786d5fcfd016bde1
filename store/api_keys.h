// API keys: who presents what may do which, the same at every door. Keys are kept as SHA-256 only and compared in
// constant time.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/result.h"

namespace kvfs {

/// A key as it is configured.
struct ApiKey {
  std::string name;    // for logs and metrics, such as "acme#1"; never the key itself
  std::string key;     // in the clear, or empty where `sha256` is given
  std::string sha256;  // 64 hexadecimal digits, e.g. from `printf %s KEY | sha256sum`
  std::string tenant;  // made at start if absent; may be empty for an administrator of all tenants
  bool read_only = false;
  bool admin = false;  // may manage its tenant (or, without a tenant, all of them)
};

/// Whom a key stands for.
struct Identity {
  std::string name;    // of the key; "anonymous" without one
  std::string tenant;  // empty: of an administrator of all tenants, who names one with each request
  bool read_only = false;
  bool admin = false;
  bool all_tenants = false;
};

/// Immutable: a reload makes a new table. Pointers that are handed out live as long as the table.
class KeyTable {
 public:
  /// Who comes without a key works in `tenant`: where there are no keys, from this machine; with `everywhere`, always.
  struct Anonymous {
    std::string tenant = "default";
    bool everywhere = false;
  };
  /// Errors: invalid, naming the key by its name or number (never by its bytes): no key, both key and hash, a malformed
  /// hash, a bad tenant name, a key without a tenant that is no administrator's, the same key twice.
  static Result<std::shared_ptr<const KeyTable>> build(const std::vector<ApiKey>& keys, const Anonymous& anonymous);

  /// Null where no key has these bytes. Takes equally long whichever key it is, or none.
  const Identity* find(std::string_view key) const;
  /// Likewise where a user is named, too: a tenant, the name of the key, or "default" (what clients send who know of no
  /// users). An administrator of all tenants chooses one by it; to all others it must be their own.
  std::optional<Identity> find_user(std::optional<std::string_view> user, std::string_view key) const;

  /// Whether a client could be called so: a key's name or tenant.
  bool names(std::string_view user) const;

  /// Whom the configured keys stand for, in their order.
  std::vector<Identity> identities() const;

  /// Who comes without a key; null where that is not allowed. With no keys at all, who comes from this machine may
  /// manage everything.
  const Identity* anonymous(bool loopback) const;

  /// Whether keys mean anything here: without configured ones they are not looked at.
  bool empty() const { return keys_.empty(); }
  /// Every tenant that a key or the anonymous caller names.
  std::vector<std::string> tenants() const;

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Key {
    Digest digest;
    Identity identity;
  };
  std::vector<Key> keys_;
  Identity anonymous_;  // from this machine, without keys
  Identity guest_;      // from anywhere
  bool anonymous_everywhere_ = false;
};

}  // namespace kvfs
