// The canonical API's handlers; the table that names them is in v1.cc, what they promise in docs/http.md.
#pragma once

#include "httpbridge/values.h"

namespace kvfs::http {

// v1_values.cc: one key
Result<void> v1_get(Context& context, Request& request, Response& response);
Result<void> v1_put(Context& context, Request& request, Response& response);
Result<void> v1_delete(Context& context, Request& request, Response& response);
/// Before the body of a change: whether its key and its conditions are good now.
Result<void> v1_check(Context& context, Request& request, Response& response);
// v1_patch.cc: a change to a value: appended bytes, a range of bytes, JSON merge patch, JSON patch
constexpr std::string_view kPatchTypes = "application/merge-patch+json, application/json-patch+json";
Result<void> v1_patch(Context& context, Request& request, Response& response);
// v1_actions.cc: ?incr=, ?add=, ?remove=, ?rename_to=, ?copy_to=, ?ttl=
Result<void> v1_post(Context& context, Request& request, Response& response);
// v1_list.cc
Result<void> v1_list(Context& context, Request& request, Response& response);
// v1_batch.cc
Result<void> v1_batch(Context& context, Request& request, Response& response);
// v1_collections.cc
Result<void> v1_collections(Context& context, Request& request, Response& response);
Result<void> v1_put_collection(Context& context, Request& request, Response& response);
Result<void> v1_delete_collection(Context& context, Request& request, Response& response);
/// ?info
Result<void> v1_collection_info(Context& context, Request& request, Response& response);
// v1_trash.cc
Result<void> get_trash(Context& context, Request& request, Response& response);
Result<void> empty_removed(Context& context, Request& request, Response& response);
Result<void> get_removed(Context& context, Request& request, Response& response);
/// ?to=, ?to_collection=, ?replace=1
Result<void> restore_removed(Context& context, Request& request, Response& response);
Result<void> drop_removed(Context& context, Request& request, Response& response);
// admin_tenants.cc
Result<void> admin_tenants(Context& context, Request& request, Response& response);
Result<void> admin_get_tenant(Context& context, Request& request, Response& response);
Result<void> admin_put_tenant(Context& context, Request& request, Response& response);
Result<void> admin_delete_tenant(Context& context, Request& request, Response& response);

/// A value as the answer: its bytes or a range of them, as conditions say.
Result<void> answer_entry(const ReadTxn& txn, const Entry& entry, const Request& request, Response& response);

/// ETag, Kvfs-Ttl and 201 or 204 of a value that was put.
void tell_put(Response& response, const PutOutcome& outcome, uint64_t now_ms);

}  // namespace kvfs::http
