// PUT of one key in steps, so that those of several connections can share a transaction.
#pragma once

#include "httpbridge/values.h"

namespace kvfs::http {

/// Made before the transaction, carried out in it, told of after it.
class ValuePut {
 public:
  /// Whether it may share a transaction: small, and neither with conditions, of which each that fails would drop what
  /// the others wrote, nor with a durability of its own, for which the others would wait.
  static bool can_share(const Request& request);

  /// `request` outlives it. Errors: those of the request's fields, and of staging a large value.
  static Result<ValuePut> make(Context& context, Request& request);
  /// Again where the transaction runs again. Errors: as put(), precondition_required.
  Result<void> run(WriteTxn& txn);
  /// `done` is what became of the transaction.
  Result<void> finish(const Result<void>& done, Response& response, uint64_t now_ms);

 private:
  explicit ValuePut(const Request& request) : request_(request) {}

  const Request& request_;
  PutOptions options_;
  Payload payload_;
  PutOutcome outcome_;
};

}  // namespace kvfs::http
