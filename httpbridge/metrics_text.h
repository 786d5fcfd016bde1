// The numbers of the door and the store as text: for Prometheus, and as the flat JSON of the distributed kv-store.
#pragma once

#include <string>

#include "httpbridge/service.h"

namespace kvfs::http {

/// Prometheus text format 0.0.4.
std::string prometheus_text(Service& service);
/// {"writes": ..., "reads": ..., ...}: the dialect's names first, then everything else.
std::string metrics_json(Service& service);

}  // namespace kvfs::http
