// Publishing and subscribing: the channels that RESP clients use, too. Messages are not kept.
#pragma once

#include "httpbridge/service.h"

namespace kvfs::http {

/// POST /channels/{name}: the body goes to all who subscribe now; answers how many subscriptions that were.
Result<void> publish_message(Context& context, Request& request, Response& response);

/// GET /channels: the channels in use; as events: messages of all ?channel= and ?pattern=, each given as often as
/// wanted.
Result<void> get_channels(Context& context, Request& request, Response& response);
/// GET /channels/{name}: how many subscribe; as events: its messages, and those of ?channel= and ?pattern=.
Result<void> get_channel(Context& context, Request& request, Response& response);

}  // namespace kvfs::http
