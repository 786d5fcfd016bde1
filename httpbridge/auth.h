// What a request presents to say who asks. Whom it stands for is in store/api_keys.h.
#pragma once

#include <string>
#include <string_view>

#include "httpbridge/request.h"
#include "store/api_keys.h"

namespace kvfs::http {

/// X-API-Key, or the token of Authorization: Bearer, or the password of Basic. A null data(): nothing. `storage` keeps
/// a decoded password alive.
std::string_view credential_of(const Headers& headers, std::string& storage);

/// The caller, without its tenant_dir. Views into `identity`.
Caller caller_of(const Identity& identity);

}  // namespace kvfs::http
