// API keys: who presents what may do which. Keys are kept as SHA-256 only and compared in constant time.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpbridge/options.h"
#include "httpbridge/request.h"
#include "store/result.h"

namespace kvfs::http {

/// Immutable: a reload makes a new table. Views handed out live as long as the table.
class KeyTable {
 public:
  /// Errors: invalid, naming the key by its name or number (never by its bytes): no key, both key and hash, a malformed
  /// hash, a bad tenant name, a key without a tenant that is no administrator's, the same key twice.
  static Result<std::shared_ptr<const KeyTable>> build(const HttpOptions& options);

  /// The caller that `credential` stands for, without its tenant_dir; nullopt where no key has these bytes.
  /// Takes equally long whichever key it is, or none.
  std::optional<Caller> find(std::string_view credential) const;

  /// Who comes without a key; nullopt where that is not allowed.
  std::optional<Caller> anonymous(bool loopback) const;

  /// Whether credentials mean anything here: without configured keys they are not looked at.
  bool empty() const { return keys_.empty(); }
  /// Every tenant that a key or the anonymous caller names.
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

/// What a request presents: X-API-Key, or the token of Authorization: Bearer, or the password of Basic. A null data():
/// nothing. `storage` keeps a decoded password alive.
std::string_view credential_of(const Headers& headers, std::string& storage);

}  // namespace kvfs::http
