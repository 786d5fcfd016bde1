#include "httpbridge/value_put.h"

#include "httpbridge/precondition.h"
#include "httpbridge/ttl.h"
#include "httpbridge/v1.h"
#include "httpbridge/v1_types.h"

namespace kvfs::http {

bool ValuePut::can_share(const Request& request) {
  return !request.upload && request.body.size() <= kInlineBytesMax && !has_precondition(request.headers) &&
         request.headers.kvfs_sync.data() == nullptr;
}

Result<ValuePut> ValuePut::make(Context& context, Request& request) {
  ValuePut put(request);
  if (request.headers.content_range.data() != nullptr)  // else a part would take the place of the whole
    return {Errc::invalid, "PUT stores whole values; a part (Content-Range) is written by PATCH"};
  auto precondition = precondition_of(request.headers);
  if (!precondition) return precondition.error();
  put.options_.precondition = std::move(*precondition);
  put.options_.content_type = content_type_of(request.headers);
  if (put.options_.content_type && put.options_.content_type->size() > kContentTypeBytesMax)
    return {Errc::invalid, "Content-Type may have at most 255 bytes"};
  const auto expiry = expiry_of(request, context.store.now_ms());
  if (!expiry) return expiry.error();
  put.options_.expires_ms = *expiry;
  const auto type = type_asked_for(request);
  if (!type) return type.error();
  put.options_.type = *type;
  auto payload = request.upload ? Payload::make(*request.upload)
                                : Payload::make(context.store, request.body, context.options.value_bytes_max);
  if (!payload) return payload.error();
  put.payload_ = std::move(*payload);
  return put;
}

Result<void> ValuePut::run(WriteTxn& txn) {
  const auto collection = ensure_collection(txn, request_.caller.tenant_dir, request_.collection);
  if (!collection) return collection.error();
  if (auto free = check_demand(txn, *collection, names_versions(request_.headers)); !free) return free;
  const auto outcome = payload_.put(txn, *collection, request_.key, options_);
  if (!outcome) return outcome.error();
  outcome_ = *outcome;
  return {};
}

Result<void> ValuePut::finish(const Result<void>& done, Response& response, uint64_t now_ms) {
  if (!done) return done;
  payload_.published();
  tell_put(response, outcome_, now_ms);
  return {};
}

}  // namespace kvfs::http
