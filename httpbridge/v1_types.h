// Counters and sets over HTTP: their type in a header, their value as JSON, members added and removed by POST.
#pragma once

#include "httpbridge/v1.h"
#include "store/keyspace.h"

namespace kvfs::http {

/// What Kvfs-Type says; bytes where it is absent. Errors: invalid.
Result<ValueType> type_asked_for(const Request& request);
/// By Accept: application/json or ?format=json.
bool wants_typed_json(const Request& request);
/// {"type":"counter","value":12,...} or {"type":"set","size":2,"members":[...],...}. Members that are not UTF-8 are
/// objects {"base64":"..."}. REQUIRES: a counter or set.
Result<void> answer_typed(const ReadTxn& txn, const Entry& entry, const Request& request, Response& response);
/// POST ?add=MEMBER or ?remove=MEMBER, as often as wanted.
Result<void> change_members(Context& context, const Request& request, bool add, Response& response);

}  // namespace kvfs::http
