// API keys: who presents what acts for which tenant. Keys are kept as SHA-256 only and compared in constant time.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "respbridge/client.h"
#include "respbridge/options.h"
#include "store/result.h"

namespace kvfs::resp {

/// Immutable: a reload makes a new table.
class KeyTable {
 public:
  /// Errors: invalid, naming the key by its name or number (never by its bytes).
  static Result<std::shared_ptr<const KeyTable>> build(const RespOptions& options);

  /// Whom AUTH [user] password stands for; nullopt: nobody. `user` is a tenant, the name of the key, or "default" (what
  /// clients send who know of no users); an administrator of all tenants chooses one by it.
  std::optional<Identity> find(std::optional<std::string_view> user, std::string_view password) const;

  /// Who comes without AUTH; nullopt where that is not allowed.
  std::optional<Identity> anonymous(bool loopback) const;

  bool empty() const { return keys_.empty(); }
  /// Every tenant that a key or the anonymous client names.
  std::vector<std::string> tenants() const;

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Key {
    Digest digest;
    std::string name;
    std::string tenant;
    bool read_only;
    bool admin;
  };
  std::vector<Key> keys_;
  std::string anonymous_tenant_;
  bool anonymous_everywhere_ = false;
};

}  // namespace kvfs::resp
