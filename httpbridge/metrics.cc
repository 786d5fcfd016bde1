#include "httpbridge/metrics.h"

namespace kvfs::http {

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::read: return "read";
    case Operation::write: return "write";
    case Operation::erase: return "delete";
    case Operation::batch: return "batch";
    case Operation::scan: return "scan";
    case Operation::patch: return "patch";
    case Operation::publish: return "publish";
    case Operation::watch: return "watch";
    case Operation::admin: return "admin";
    case Operation::other: return "other";
  }
  return "other";
}

void MetricsShard::count(Operation operation, int status) {
  PerOperation& of = operations[static_cast<size_t>(operation)];
  of.requests.add();
  if (status >= 500) of.errors.add();
  by_class[static_cast<size_t>(status / 100) % by_class.size()].add();
}

void MetricsTotal::add(const MetricsShard& shard) {
  for (size_t i = 0; i < kOperations; ++i) {
    operations[i].requests += shard.operations[i].requests.get();
    operations[i].errors += shard.operations[i].errors.get();
  }
  for (size_t i = 0; i < by_class.size(); ++i) by_class[i] += shard.by_class[i].get();
  connections_opened += shard.connections_opened.get();
  connections_closed += shard.connections_closed.get();
  connections_refused += shard.connections_refused.get();
  rate_limited += shard.rate_limited.get();
  unauthorized += shard.unauthorized.get();
  malformed += shard.malformed.get();
  timeouts += shard.timeouts.get();
  bytes_in += shard.bytes_in.get();
  bytes_out += shard.bytes_out.get();
  watches_opened += shard.watches_opened.get();
  watches_closed += shard.watches_closed.get();
  changes_missed += shard.changes_missed.get();
}

}  // namespace kvfs::http
