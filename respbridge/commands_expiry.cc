// Commands on the time at which a key ends.
#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/expiry_time.h"
#include "respbridge/options_reader.h"

namespace kvfs::resp::commands {

namespace {

struct ExpireConditions {
  bool if_none = false;     // NX
  bool if_some = false;     // XX
  bool if_later = false;    // GT
  bool if_earlier = false;  // LT
};

std::optional<ExpireConditions> parse_conditions(Call& call) {
  ExpireConditions out;
  OptionsReader words(call.args, 3);
  while (!words.at_end()) {
    if (words.take("nx")) {
      out.if_none = true;
    } else if (words.take("xx")) {
      out.if_some = true;
    } else if (words.take("gt")) {
      out.if_later = true;
    } else if (words.take("lt")) {
      out.if_earlier = true;
    } else {
      call.reply.error("ERR Unsupported option " + std::string(words.next()));
      return std::nullopt;
    }
  }
  if (out.if_none && (out.if_some || out.if_later || out.if_earlier)) {
    call.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (out.if_later && out.if_earlier) {
    call.reply.error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return out;
}

bool hold(const ExpireConditions& conditions, uint64_t present_ms, int64_t wanted_ms) {
  const bool expires = present_ms != 0;
  if (conditions.if_none && expires) return false;
  if (conditions.if_some && !expires) return false;
  // A key that does not expire lives for ever.
  if (conditions.if_later && (!expires || wanted_ms <= static_cast<int64_t>(present_ms))) return false;
  return !conditions.if_earlier || !expires || wanted_ms < static_cast<int64_t>(present_ms);
}

void expire_at(Call& call, TimeForm form) {
  const std::optional<ExpireConditions> conditions = parse_conditions(call);
  if (!conditions) return;
  const std::optional<int64_t> at_ms = expiry_time(call, call.args[2], form, false);
  if (!at_ms) return;
  const std::optional<Entry> entry = call.find(call.args[1]);
  if (!entry || !hold(*conditions, entry->expires_ms, *at_ms)) return call.reply.integer(0);
  if (*at_ms <= static_cast<int64_t>(call.now_ms())) {
    call.event("del");
    call.remove(call.args[1]);
    return call.reply.integer(1);
  }
  call.event("expire");
  if (call.set_expiry(call.args[1], static_cast<uint64_t>(*at_ms))) call.reply.integer(1);
}

/// -2: no such key, -1: it does not expire; otherwise what `measure` makes of the time it ends.
template <class Measure>
void reply_expiry(Call& call, Measure&& measure) {
  const std::optional<Entry> entry = call.find(call.args[1]);
  if (!entry) return call.reply.integer(-2);
  if (entry->expires_ms == 0) return call.reply.integer(-1);
  call.reply.integer(static_cast<int64_t>(measure(entry->expires_ms)));
}

}  // namespace

void expire(Call& call) { expire_at(call, {true, false}); }
void pexpire(Call& call) { expire_at(call, {false, false}); }
void expireat(Call& call) { expire_at(call, {true, true}); }
void pexpireat(Call& call) { expire_at(call, {false, true}); }

void ttl(Call& call) {
  reply_expiry(call, [&](uint64_t at_ms) { return (at_ms - call.now_ms() + 500) / 1000; });
}
void pttl(Call& call) {
  reply_expiry(call, [&](uint64_t at_ms) { return at_ms - call.now_ms(); });
}
void expiretime(Call& call) {
  reply_expiry(call, [](uint64_t at_ms) { return (at_ms + 500) / 1000; });
}
void pexpiretime(Call& call) {
  reply_expiry(call, [](uint64_t at_ms) { return at_ms; });
}

void persist(Call& call) {
  const std::optional<Entry> entry = call.find(call.args[1]);
  if (!entry || entry->expires_ms == 0) return call.reply.integer(0);
  if (call.set_expiry(call.args[1], 0)) call.reply.integer(1);
}

}  // namespace kvfs::resp::commands
