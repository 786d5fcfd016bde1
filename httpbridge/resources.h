// What collections and tenants have in common as resources: how they are described, set and emptied.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpbridge/service.h"
#include "store/directory_infos.h"

namespace kvfs::http {

/// Which page of a listing the request asks for, by ?limit= and ?cursor=. Errors: invalid.
struct PageAsked {
  size_t limit = 0;
  std::optional<std::string> after;
};
Result<PageAsked> page_asked(const Context& context, const Request& request);
/// `{"NAME":[...],"cursor":"..."}`, the cursor where there are more, in Kvfs-Cursor, too.
void tell_listing(Response& response, std::string_view name, const InfoPage& page);

/// The answer's body, which stays empty where there is none.
void tell_resource(Response& response, int status, const std::optional<CollectionInfo>& info);

enum class Of : uint8_t { tenant, collection };
/// Lays the body's members over `settings`. Quotas are of tenants, conditions of collections. Errors: invalid.
Result<void> parse_settings(std::string_view body, Of of, Settings& settings);

/// A body that calls `step` in transactions of its own, between other requests, until it says 0, and tells how many
/// went. What has gone stays gone if the client hangs up.
std::unique_ptr<BodySource> remove_in_steps(Context& context, std::function<Result<size_t>(WriteTxn&)> step);
/// Likewise a collection, or a tenant with all of its collections, a few keys at a time.
std::unique_ptr<BodySource> remove_collection(Context& context, DirId tenant, std::string name);
std::unique_ptr<BodySource> remove_tenant(Context& context, std::string name);

}  // namespace kvfs::http
