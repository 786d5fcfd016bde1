// Reading and writing values as handlers want them: whole, by key, with what JSON needs. The core that v1 and all
// dialects share; nothing here knows of a body's format.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpbridge/request.h"
#include "httpbridge/service.h"
#include "store/keyspace.h"

namespace kvfs::http {

/// A value in memory on its way into the store: a row's view, or chunks that are staged before the transaction.
class Payload {
 public:
  /// `bytes` must outlive the payload where it is not longer than kInlineBytesMax.
  /// Errors: value_too_large, no_space, io, read_only.
  static Result<Payload> make(Store& store, std::string_view bytes, uint64_t bytes_max);
  /// Of an upload that has been taken completely. Errors: likewise.
  static Result<Payload> make(ValueWriter& upload);

  Result<PutOutcome> put(WriteTxn& txn, DirId collection, std::string_view key, const PutOptions& options) const;
  /// The transaction has committed.
  void published();

 private:
  std::string_view bytes_;
  std::optional<StagedValue> staged_;
};

/// The origin of this door, and strict durability where the request has `Kvfs-Sync: 1`.
WriteOptions write_options_of(const Context& context, const Request& request);

/// The caller's collection. Errors: not_found, invalid.
Result<DirId> collection_of(Context& context, const Request& request);

struct Value {
  std::string bytes;
  std::string content_type;
  Version version = 0;
  int64_t mtime_ns = 0;
};
/// Errors: not_found, value_too_large (memory_value_bytes_max), as check_key.
Result<Value> fetch_value(Context& context, const Request& request, std::string_view key);

/// One put in one transaction, if the request's conditions hold (in place of those of `options`); the collection is
/// made where absent. Errors: as put(), precondition_required.
Result<PutOutcome> store_value(Context& context, const Request& request, std::string_view key, std::string_view bytes,
                               PutOptions options);
/// Likewise, if the condition of `options` holds, which is one of the server's own.
Result<PutOutcome> store_payload(Context& context, const Request& request, std::string_view key, Payload payload,
                                 const PutOptions& options, const WriteOptions& write_options);

/// If the request's conditions hold. Errors: not_found, precondition_failed, precondition_required.
Result<Version> remove_value(Context& context, const Request& request, std::string_view key);

struct NewValue {
  std::string key;
  std::string bytes;
  std::string_view content_type = {};   // static; empty: none
  std::optional<uint64_t> ttl_ms = {};  // 0: never; nullopt: as the request says
};
/// All or nothing, if the request's conditions hold for each of the keys. Errors: as store_value(), naming the item.
Result<void> store_values(Context& context, const Request& request, const std::vector<NewValue>& values);

struct RangeEnd {
  size_t count = 0;
  std::optional<std::string> cursor;  // the last key given, where there are more
};
/// Calls `take(key, bytes, content_type)` in key order until it returns false, or limits are reached. A collection that
/// does not exist is empty. Values too large for memory_value_bytes_max fail: value_too_large, naming the key.
Result<RangeEnd> read_range(Context& context, const Request& request, const ListQuery& query,
                            const std::function<bool(std::string_view, std::string_view, std::string_view)>& take);

/// Opaque text for a key at which a list goes on, and back. Errors: invalid.
std::string encode_cursor(std::string_view key);
Result<std::string> decode_cursor(std::string_view text);

/// A whole number from the query. Errors: invalid (not a number, below 1); above `most` it is cut to that.
Result<size_t> limit_of(std::string_view query, size_t standard, size_t most);

/// The type a client gave, or nullopt: what curl sends by default (a form) says nothing about the value.
std::optional<std::string_view> content_type_of(const Headers& headers);

}  // namespace kvfs::http
