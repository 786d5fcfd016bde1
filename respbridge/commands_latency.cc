// LATENCY: spikes, and histograms of what commands take.
#include <fmt/format.h>

#include <algorithm>

#include "respbridge/commands.h"
#include "respbridge/numbers.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

void latency_latest(Call& call) {
  const std::vector<LatencyEvents::Event> events = call.service.latency_events().all();
  call.reply.array(events.size());
  for (const LatencyEvents::Event& event : events) {
    call.reply.array(4);
    call.reply.bulk(event.name);
    call.reply.integer(static_cast<int64_t>(event.samples.back().at_s));
    call.reply.integer(static_cast<int64_t>(event.samples.back().took_ms));
    call.reply.integer(static_cast<int64_t>(event.worst_ms));
  }
}

void latency_history(Call& call) {
  const LatencyEvents::Event event = call.service.latency_events().of(call.args[2]);
  call.reply.array(event.samples.size());
  for (const LatencyEvents::Sample& sample : event.samples) {
    call.reply.array(2);
    call.reply.integer(static_cast<int64_t>(sample.at_s));
    call.reply.integer(static_cast<int64_t>(sample.took_ms));
  }
}

void latency_graph(Call& call) {
  const LatencyEvents::Event event = call.service.latency_events().of(call.args[2]);
  if (event.samples.empty())
    return call.reply.error(fmt::format("ERR No samples available for event '{}'", call.args[2]));
  call.reply.verbatim(graph(event, call.service.store().now_ms() / 1000));
}

void latency_reset(Call& call) {
  const std::vector<std::string_view> events(call.args.begin() + 2, call.args.end());
  call.reply.integer(static_cast<int64_t>(call.service.latency_events().reset(events)));
}

void latency_doctor(Call& call) {
  if (call.service.config().latency_threshold_ms() == 0)
    return call.reply.verbatim(
        "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG "
        "SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission "
        "I'd suggest to "
        "take a look at https://redis.io/topics/latency-monitor.\n");
  const std::vector<LatencyEvents::Event> events = call.service.latency_events().all();
  if (events.empty())
    return call.reply.verbatim(
        "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I "
        "honestly think you ought to sit down calmly, take a stress pill, and think things over.\n");
  std::string text = "Dave, I have observed latency spikes in this Redis instance.\n\n";
  size_t number = 0;
  for (const LatencyEvents::Event& event : events)
    text += fmt::format("{}. {}: {} latency spikes. Worst all time event {}ms.\n", ++number, event.name,
                        event.samples.size(), event.worst_ms);
  call.reply.verbatim(text + "\nSLOWLOG GET names the commands; /metrics has histograms of every operation.\n");
}

/// Of the commands named, or of all that were called. Buckets are told by their upper bounds, counts are cumulative.
void latency_histogram(Call& call) {
  std::vector<std::pair<std::string_view, LatencySeries::Reading>> found;
  for (const CommandSpec& spec : command_table()) {
    const auto names = [&](std::string_view wanted) {
      const size_t bar = wanted.find('|');
      const CommandSpec* named = bar == wanted.npos
                                     ? find_command(wanted)
                                     : find_subcommand(lower_case(wanted.substr(0, bar)), wanted.substr(bar + 1));
      return named != nullptr && (named->name == spec.name || spec.name.starts_with(std::string(named->name) + "|"));
    };
    const Args wanted = call.args.subspan(2);
    if (!wanted.empty() && std::none_of(wanted.begin(), wanted.end(), names)) continue;
    const LatencySeries::Reading reading = call.service.command_statistics().read(spec).calls;
    if (reading.count != 0) found.emplace_back(spec.name, reading);
  }
  call.reply.map(found.size());
  for (const auto& [name, reading] : found) {
    std::vector<std::pair<int64_t, int64_t>> buckets;
    uint64_t count = 0;
    for (size_t i = 0; i < reading.buckets.size(); ++i) {
      if (reading.buckets[i] == 0) continue;
      count += reading.buckets[i];
      const bool last = i == kLatencyBoundsUs.size();  // it has no bound
      buckets.emplace_back(last ? INT64_MAX : kLatencyBoundsUs[i], static_cast<int64_t>(count));
    }
    call.reply.bulk(name);
    call.reply.map(2);
    call.reply.bulk("calls");
    call.reply.integer(static_cast<int64_t>(reading.count));
    call.reply.bulk("histogram_usec");
    call.reply.map(buckets.size());
    for (const auto& [bound_us, cumulative] : buckets) {
      call.reply.integer(bound_us);
      call.reply.integer(cumulative);
    }
  }
}

}  // namespace kvfs::resp::commands
