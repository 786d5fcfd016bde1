// Commands on string values: reading and writing them whole, in parts, and as numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/expiry_time.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

/// The options of SET and GETEX.
struct StringOptions {
  bool if_absent = false;
  bool if_present = false;
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  std::optional<TimeForm> form;
  std::string_view time;
};

/// Takes EX, PX, EXAT or PXAT with its argument.
bool take_time(OptionsReader& words, StringOptions& out) {
  const std::pair<std::string_view, TimeForm> forms[] = {
      {"ex", {true, false}}, {"px", {false, false}}, {"exat", {true, true}}, {"pxat", {false, true}}};
  for (const auto& [word, form] : forms) {
    const auto value = words.take_value(word);
    if (!value) continue;
    // As in Redis, one form may be said twice, and the last counts.
    if ((out.form && *out.form != form) || out.keep_ttl || out.persist) return false;
    out.form = form;
    out.time = *value;
    return true;
  }
  return false;
}

std::optional<StringOptions> parse_set_options(Args args) {
  StringOptions out;
  OptionsReader words(args, 3);
  while (!words.at_end()) {
    if (words.take("nx") && !out.if_present) {
      out.if_absent = true;
    } else if (words.take("xx") && !out.if_absent) {
      out.if_present = true;
    } else if (words.take("get")) {
      out.get = true;
    } else if (!out.form && words.take("keepttl")) {
      out.keep_ttl = true;
    } else if (!take_time(words, out)) {
      return std::nullopt;
    }
  }
  return out;
}

/// SET in all its forms; `get` replies the old value.
void set_value(Call& call, std::string_view key, std::string_view value, const StringOptions& options) {
  PutOptions put;
  put.keep_expiry = options.keep_ttl;
  if (options.form) {
    const auto at_ms = expiry_time(call, options.time, *options.form, true);
    if (!at_ms) return;
    put.expires_ms = static_cast<uint64_t>(*at_ms);
  }
  std::optional<Entry> present;
  if (options.get || options.if_absent || options.if_present) present = call.find(key);
  if (options.get) {
    call.looked_up(key, present.has_value());
    if (present && present->type == ValueType::set) return call.wrong_type();
    if (present)
      call.reply_value(*present);
    else
      call.reply.null();
    if (call.scope.failure) return;
  }
  if ((options.if_absent && present) || (options.if_present && !present)) {
    if (!options.get) call.reply.null();
    return;
  }
  call.event(options.form ? "set expire" : "set");
  if (call.put(key, value, put) && !options.get) call.reply.ok();
}

/// The sum of a number that is a string and another one.
class Sum {
 public:
  enum class Refusal { none, typed, not_an_integer, overflow };

  explicit Sum(int64_t delta) : number_(delta) {}

  /// The digits; errors only say that there is a refusal.
  Result<std::string_view> add_to(const Entry* present) {
    if (present != nullptr) {
      if (present->type != ValueType::bytes) return refuse(Refusal::typed);
      const std::optional<int64_t> number =
          present->size <= sizeof digits_ && !present->chunked ? parse_integer(present->inline_value) : std::nullopt;
      if (!number) return refuse(Refusal::not_an_integer);
      if (__builtin_add_overflow(*number, number_, &number_)) return refuse(Refusal::overflow);
    }
    const auto end = std::to_chars(digits_, digits_ + sizeof digits_, number_).ptr;
    return std::string_view(digits_, static_cast<size_t>(end - digits_));
  }
  int64_t number() const { return number_; }
  Refusal refusal() const { return refusal_; }

 private:
  Errc refuse(Refusal why) {
    refusal_ = why;
    return Errc::wrong_type;
  }

  int64_t number_;
  char digits_[20];  // the longest number
  Refusal refusal_ = Refusal::none;
};

void change_counter_by(Call& call, int64_t delta) {
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  const Result<CounterOutcome> sum =
      add_to_counter(call.writer(), call.collection(), call.args[1], delta, keep_all(entry));
  if (sum) return call.reply.integer(sum->value);
  if (sum.error().code == Errc::out_of_range) return call.reply.error(kOverflow);
  call.fail(sum.error());
}

void change_by(Call& call, int64_t delta) {
  const Result<DirId> dir = call.make_collection(call.client.database);
  if (!dir) return call.fail(dir.error());
  call.event("incrby");
  Sum sum(delta);
  const auto add = [&sum](const Entry* present) { return sum.add_to(present); };
  const Result<PutOutcome> done = update(call.writer(), *dir, call.args[1], add, keep_all(std::nullopt));
  if (done) return call.reply.integer(sum.number());
  switch (sum.refusal()) {
    case Sum::Refusal::none:
      return call.fail(done.error());
    case Sum::Refusal::typed:
      return change_counter_by(call, delta);
    case Sum::Refusal::not_an_integer:
      return call.not_an_integer();
    case Sum::Refusal::overflow:
      return call.reply.error(kOverflow);
  }
}

/// GETRANGE's and SETRANGE's idea of a range: from and to (inclusive), from the end where negative.
std::pair<uint64_t, uint64_t> clamp_range(int64_t from, int64_t to, uint64_t size) {
  const auto length = static_cast<int64_t>(size);
  if (from < 0 && to < 0 && from > to) return {0, 0};
  if (from < 0) from = std::max<int64_t>(length + from, 0);
  if (to < 0) to = std::max<int64_t>(length + to, 0);
  to = std::min(to, length - 1);
  if (from > to || length == 0) return {0, 0};
  return {static_cast<uint64_t>(from), static_cast<uint64_t>(to - from + 1)};
}

}  // namespace

void get(Call& call) {
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  if (entry)
    call.reply_value(*entry);
  else
    call.reply.null();
}

void set(Call& call) {
  if (call.args.size() == 3) {
    if (call.put(call.args[1], call.args[2])) call.reply.ok();
    return;
  }
  const std::optional<StringOptions> options = parse_set_options(call.args);
  if (!options) return call.syntax_error();
  set_value(call, call.args[1], call.args[2], *options);
}

void setnx(Call& call) {
  const bool absent = !call.find(call.args[1]);
  call.event("set");
  if (!absent || call.put(call.args[1], call.args[2])) call.reply.integer(absent ? 1 : 0);
}

void setex(Call& call) {
  StringOptions options;
  options.form = TimeForm{call.spec.name == "setex", false};
  options.time = call.args[2];
  set_value(call, call.args[1], call.args[3], options);
}

void getset(Call& call) {
  StringOptions options;
  options.get = true;
  set_value(call, call.args[1], call.args[2], options);
}

void getdel(Call& call) {
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  call.looked_up(call.args[1], entry.has_value());
  if (!entry) return call.reply.null();
  call.reply_value(*entry);
  call.event("del");
  if (!call.scope.failure) call.remove(call.args[1]);
}

void getex(Call& call) {
  StringOptions options;
  OptionsReader words(call.args, 2);
  while (!words.at_end()) {
    if (!options.form && words.take("persist"))
      options.persist = true;
    else if (!take_time(words, options))
      return call.syntax_error();
  }
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  call.looked_up(call.args[1], entry.has_value());
  if (!entry) return call.reply.null();
  std::optional<int64_t> at_ms;
  if (options.form) {
    at_ms = expiry_time(call, options.time, *options.form, true);
    if (!at_ms) return;
  }
  const bool expires = entry->expires_ms != 0;
  call.reply_value(*entry);
  if (call.scope.failure) return;
  if (at_ms && static_cast<uint64_t>(*at_ms) <= call.now_ms()) {
    call.event("del");
    call.remove(call.args[1]);
  } else if (at_ms) {
    call.event("expire");
    call.set_expiry(call.args[1], static_cast<uint64_t>(*at_ms));
  } else if (options.persist && expires) {
    call.event("persist");
    call.set_expiry(call.args[1], 0);
  }
}

void mget(Call& call) {
  call.reply.array(call.args.size() - 1);
  for (const std::string_view key : call.args.subspan(1)) {
    const std::optional<Entry> entry = call.find(key);
    const bool hit = entry && entry->type != ValueType::set;
    if (hit)
      call.reply_value(*entry);
    else
      call.reply.null();
  }
}

void mset(Call& call) {
  if (call.args.size() % 2 == 0) return call.wrong_arity();
  const bool only_new = call.spec.name == "msetnx";
  if (only_new)
    for (size_t i = 1; i < call.args.size(); i += 2)
      if (call.find(call.args[i])) return call.reply.integer(0);
  call.event("set");
  for (size_t i = 1; i < call.args.size(); i += 2)
    if (!call.put(call.args[i], call.args[i + 1])) return;
  if (only_new)
    call.reply.integer(1);
  else
    call.reply.ok();
}

void incr(Call& call) { change_by(call, 1); }
void decr(Call& call) { change_by(call, -1); }

void incrby(Call& call) {
  const std::optional<int64_t> delta = parse_integer(call.args[2]);
  if (!delta) return call.not_an_integer();
  change_by(call, *delta);
}

void decrby(Call& call) {
  const std::optional<int64_t> delta = parse_integer(call.args[2]);
  if (!delta) return call.not_an_integer();
  if (*delta == INT64_MIN) return call.reply.error("ERR decrement would overflow");
  change_by(call, -*delta);
}

void incrbyfloat(Call& call) {
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  long double number = 0;
  if (entry) {
    const std::optional<std::string> text = call.read(*entry);
    if (!text) return;
    const std::optional<long double> present = parse_float(*text);
    if (!present) return call.reply.error(kNotAFloat);
    number = *present;
  }
  const std::optional<long double> delta = parse_float(call.args[2]);
  if (!delta) return call.reply.error(kNotAFloat);
  number += *delta;
  if (std::isnan(number) || std::isinf(number)) return call.reply.error("ERR increment would produce NaN or Infinity");
  const std::string text = format_float(number);
  if (call.put(call.args[1], text, keep_all(entry))) call.reply.bulk(text);
}

void append(Call& call) {
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  const uint64_t before = entry ? entry->size : 0;
  const uint64_t after = before + call.args[2].size();
  if (after > call.service.options().bulk_bytes_max) return call.reply.error(kStringTooLong);
  if (call.patch(call.args[1], entry, before, call.args[2])) call.reply.integer(static_cast<int64_t>(after));
}

void strlen(Call& call) {
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  call.reply.integer(entry ? static_cast<int64_t>(entry->size) : 0);
}

void getrange(Call& call) {
  const std::optional<int64_t> from = parse_integer(call.args[2]);
  const std::optional<int64_t> to = parse_integer(call.args[3]);
  if (!from || !to) return call.not_an_integer();
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  if (!entry) return call.reply.bulk("");
  const auto [offset, length] = clamp_range(*from, *to, entry->size);
  if (!entry->chunked) return call.reply.bulk(entry->inline_value.substr(offset, length));
  const size_t mark = call.reply.buffer().size();
  char* space = call.reply.bulk_space(length);
  const Result<size_t> got = read_value(call.txn(), *entry, offset, length, space);
  if (got) return;
  call.reply.buffer().resize(mark);
  call.fail(got.error());
}

void setrange(Call& call) {
  const std::optional<int64_t> offset = parse_integer(call.args[2]);
  if (!offset) return call.not_an_integer();
  if (*offset < 0) return call.reply.error(kOffsetOutOfRange);
  const std::string_view bytes = call.args[3];
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  const uint64_t before = entry ? entry->size : 0;
  if (bytes.empty()) return call.reply.integer(static_cast<int64_t>(before));
  const uint64_t end = static_cast<uint64_t>(*offset) + bytes.size();
  if (end > call.service.options().bulk_bytes_max) return call.reply.error(kStringTooLong);
  const auto after = static_cast<int64_t>(std::max(before, end));
  if (call.patch(call.args[1], entry, static_cast<uint64_t>(*offset), bytes)) call.reply.integer(after);
}

}  // namespace kvfs::resp::commands
