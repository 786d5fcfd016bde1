// Watching changes: as Server-Sent Events that can be resumed, or by long poll.
#pragma once

#include "httpbridge/service.h"

namespace kvfs::http {

/// ?watch, ?watch=poll, or Accept: text/event-stream.
bool wants_watch(const Request& request);

/// The changes of the request's tenant: of its collection where the path names one, below ?prefix=, after
/// Last-Event-ID or ?after= (else: from now on). Errors: invalid, limit_reached stands for too many watches (503).
Result<void> watch_changes(Context& context, Request& request, Response& response);

}  // namespace kvfs::http
