// Commands for clients that keep keys in a cache of their own.
#include <fmt/format.h>

#include <algorithm>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

/// False: the error has been replied.
bool take_redirect(Call& call, std::string_view text, TrackingOptions& options) {
  if (options.redirect != 0) {
    call.reply.error("ERR A client can only redirect to a single other client");
    return false;
  }
  const std::optional<int64_t> id = parse_integer(text);
  if (!id) return call.not_an_integer(), false;
  const auto target = call.service.clients().find(static_cast<uint64_t>(*id));
  if (!target || !is_visible(call.client, *target)) {
    call.reply.error("ERR The client ID you want redirect to does not exist");
    return false;
  }
  options.redirect = static_cast<uint64_t>(*id);
  return true;
}

std::optional<TrackingOptions> parse_options(Call& call) {
  TrackingOptions options;
  OptionsReader words(call.args, 3);
  while (!words.at_end()) {
    if (const auto id = words.take_value("redirect")) {
      if (!take_redirect(call, *id, options)) return std::nullopt;
    } else if (const auto prefix = words.take_value("prefix")) {
      options.prefixes.emplace_back(*prefix);
    } else if (words.take("bcast")) {
      options.broadcast = true;
    } else if (words.take("optin")) {
      options.opt_in = true;
    } else if (words.take("optout")) {
      options.opt_out = true;
    } else if (words.take("noloop")) {
      options.no_loop = true;
    } else {
      call.syntax_error();
      return std::nullopt;
    }
  }
  return options;
}

bool overlap(std::string_view a, std::string_view b) { return a.starts_with(b) || b.starts_with(a); }

/// Why the prefixes cannot be added to those that the client has; empty: they can.
std::string collision(const std::vector<std::string>& present, const std::vector<std::string>& added) {
  constexpr std::string_view kRule = "Prefixes for a single client must not overlap.";
  for (size_t i = 0; i < added.size(); ++i) {
    for (const std::string& each : present)
      if (overlap(each, added[i]))
        return fmt::format("ERR Prefix '{}' overlaps with an existing prefix '{}'. {}", added[i], each, kRule);
    for (size_t j = i + 1; j < added.size(); ++j)
      if (overlap(added[i], added[j]))
        return fmt::format("ERR Prefix '{}' overlaps with another provided prefix '{}'. {}", added[i], added[j], kRule);
  }
  return {};
}

std::string refusal(const std::optional<TrackingOptions>& present, const TrackingOptions& wanted) {
  if (!wanted.broadcast && !wanted.prefixes.empty()) return "ERR PREFIX option requires BCAST mode to be enabled";
  if (present && present->broadcast != wanted.broadcast)
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it "
           "with a different mode.";
  if (wanted.broadcast && (wanted.opt_in || wanted.opt_out))
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  if (wanted.opt_in && wanted.opt_out) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (present && ((wanted.opt_in && present->opt_out) || (wanted.opt_out && present->opt_in)))
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it "
           "with a different mode.";
  if (wanted.broadcast) return collision(present ? present->prefixes : std::vector<std::string>(), wanted.prefixes);
  return {};
}

}  // namespace

void end_tracking(Client& client, Service& service) {
  if (!client.tracking) return;
  service.tracking().disable(client.card->id);
  client.tracking.reset();
  client.caching = false;
  const std::lock_guard lock(client.card->mutex);
  client.card->tracking.reset();
}

void client_tracking(Call& call) {
  std::optional<TrackingOptions> options = parse_options(call);
  if (!options) return;
  Client& client = call.client;
  if (equals_ignoring_case(call.args[2], "off")) {
    end_tracking(client, call.service);
    return call.reply.ok();
  }
  if (!equals_ignoring_case(call.args[2], "on")) return call.syntax_error();
  if (const std::string why = refusal(client.tracking, *options); !why.empty()) return call.reply.error(why);
  if (options->broadcast) {
    if (client.tracking)
      options->prefixes.insert(options->prefixes.end(), client.tracking->prefixes.begin(),
                               client.tracking->prefixes.end());
    if (options->prefixes.size() > call.service.options().subscriptions_max)
      return call.reply.error(
          fmt::format("ERR a client tracks at most {} prefixes", call.service.options().subscriptions_max));
    if (options->prefixes.empty()) options->prefixes.emplace_back();
    std::sort(options->prefixes.begin(), options->prefixes.end());
  }
  client.tracking = *options;
  call.service.tracking().enable(client.card, client.identity.tenant, *options);
  {
    const std::lock_guard lock(client.card->mutex);
    client.card->tracking = *options;
  }
  call.reply.ok();
}

void client_caching(Call& call) {
  Client& client = call.client;
  if (!client.tracking)
    return call.reply.error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
  const bool yes = equals_ignoring_case(call.args[2], "yes");
  if (!yes && !equals_ignoring_case(call.args[2], "no")) return call.syntax_error();
  if (yes && !client.tracking->opt_in)
    return call.reply.error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
  if (!yes && !client.tracking->opt_out)
    return call.reply.error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
  client.caching = true;
  call.reply.ok();
}

void client_getredir(Call& call) {
  call.reply.integer(call.client.tracking ? static_cast<int64_t>(call.client.tracking->redirect) : -1);
}

void client_trackinginfo(Call& call) {
  const std::optional<TrackingOptions>& tracking = call.client.tracking;
  std::vector<std::string_view> flags{tracking ? "on" : "off"};
  if (tracking) {
    if (tracking->broadcast) flags.emplace_back("bcast");
    if (tracking->opt_in) flags.emplace_back("optin");
    if (tracking->opt_in && call.client.caching) flags.emplace_back("caching-yes");
    if (tracking->opt_out) flags.emplace_back("optout");
    if (tracking->opt_out && call.client.caching) flags.emplace_back("caching-no");
    if (tracking->no_loop) flags.emplace_back("noloop");
    if (call.service.tracking().is_broken(call.client.card->id)) flags.emplace_back("broken_redirect");
  }
  call.reply.map(3);
  call.reply.bulk("flags");
  call.reply.set(flags.size());
  for (const std::string_view flag : flags) call.reply.bulk(flag);
  call.reply.bulk("redirect");
  call.reply.integer(tracking ? static_cast<int64_t>(tracking->redirect) : -1);
  call.reply.bulk("prefixes");
  call.reply.array(tracking ? tracking->prefixes.size() : 0);
  if (tracking)
    for (const std::string& prefix : tracking->prefixes) call.reply.bulk(prefix);
}

}  // namespace kvfs::resp::commands
