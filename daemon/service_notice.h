// What systemd wants to know of a service of Type=notify (sd_notify(3)); nothing where NOTIFY_SOCKET is not set.
#pragma once

#include <string_view>

namespace kvfs {

/// E.g. "READY=1". Failures are of no interest: nobody listens then.
void notify_service_manager(std::string_view state);

}  // namespace kvfs
