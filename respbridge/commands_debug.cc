// DEBUG, where it is enabled: the subset that test suites need.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <thread>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/serialization.h"
#include "respbridge/service.h"
#include "respbridge/value_encoding.h"
#include "store/glob.h"
#include "store/set_value.h"

namespace kvfs::resp::commands {

namespace {

using Digest = std::array<unsigned char, 20>;

Digest digest_of(const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> whole{};
  EVP_Digest(bytes.data(), bytes.size(), whole.data(), nullptr, EVP_sha256(), nullptr);
  Digest out;
  std::copy_n(whole.begin(), out.size(), out.begin());
  return out;
}

std::string hex(const Digest& digest) {
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

/// Equal for equal values, in whatever order a set has its members.
Digest digest_of_value(Call& call, const Entry& entry) {
  if (entry.type == ValueType::set) return digest_of("set " + encode_members(SetReader(call.txn(), entry).members()));
  return digest_of("string " + call.read(entry).value_or(""));
}

/// Of everything that SELECT reaches: the order of keys does not matter. All zeros: there is nothing.
void reply_digest(Call& call) {
  Digest sum{};
  for (uint32_t database = 0; database < call.service.options().databases; ++database) {
    const DirId dir = call.collection(database);
    if (dir == 0) continue;
    ListQuery query;
    query.limit = SIZE_MAX;
    list_keys(call.txn(), dir, query, [&](std::string_view key, const Entry& listed) {
      const std::optional<Entry> entry = call.find(database, key);
      if (!entry) return true;
      const Digest one = digest_of(fmt::format("{} {} {} {}", database, key, hex(digest_of_value(call, *entry)),
                                               listed.expires_ms != 0 ? "expires" : ""));
      for (size_t i = 0; i < sum.size(); ++i) sum[i] ^= one[i];
      return true;
    });
  }
  call.reply.bulk(hex(sum));
}

void reply_value_digests(Call& call) {
  call.reply.array(call.args.size() - 2);
  for (const std::string_view key : call.args.subspan(2)) {
    const std::optional<Entry> entry = call.find(key);
    call.reply.bulk(hex(entry ? digest_of_value(call, *entry) : Digest{}));
  }
}

void describe_object(Call& call) {
  const std::optional<Entry> entry = call.find(call.args[2]);
  if (!entry) return call.reply.error(kNoSuchKey);
  const std::optional<std::string> bytes = call.read(*entry);
  if (!bytes) return;
  constexpr size_t kFrameBytes = 1 + 2 + 8;  // of DUMP's form: type, version and checksum, which Redis does not count
  call.reply.status(fmt::format("Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:0 lru_seconds_idle:0",
                                value_encoding(call, *entry), serialize(entry->type, *bytes).size() - kFrameBytes));
}

void sleep_for(Call& call) {
  constexpr long double kSecondsMax = 60;
  const std::optional<long double> seconds = parse_float(call.args[2]);
  if (!seconds || *seconds < 0 || *seconds > kSecondsMax) return call.reply.error(kNotAFloat);
  std::this_thread::sleep_for(std::chrono::duration<double>(static_cast<double>(*seconds)));
  call.reply.ok();
}

/// Makes so many keys "prefix:0", "prefix:1" and so on, each with a value of so many bytes, where they do not exist.
void populate(Call& call) {
  constexpr int64_t kAtOnce = 1000;
  const std::optional<int64_t> count = parse_integer(call.args[2]);
  const std::optional<int64_t> bytes = call.args.size() > 4 ? parse_integer(call.args[4]) : 0;
  if (!count || *count < 0 || !bytes || *bytes < 0 ||
      static_cast<uint64_t>(*bytes) > call.service.options().bulk_bytes_max)
    return call.reply.error("ERR value is out of range, must be positive");
  if (call.scope.in_exec) return call.reply.error("ERR Command not allowed inside a transaction");
  const std::string_view prefix = call.args.size() > 3 ? call.args[3] : "key";
  const size_t mark = call.reply.buffer().size();
  for (int64_t begin = 0; begin < *count; begin += kAtOnce) {
    const Result<void> done = call.service.store().write(
        [&](WriteTxn& txn) -> Result<void> {
          call.reply.buffer().resize(mark);
          call.scope = Scope{};
          call.scope.reader = call.scope.writer = &txn;
          for (int64_t n = begin; n < std::min(*count, begin + kAtOnce); ++n) {
            const std::string key = fmt::format("{}:{}", prefix, n);
            if (call.find(key)) continue;
            std::string value = fmt::format("value:{}", n);
            if (*bytes != 0) value.resize(static_cast<size_t>(*bytes));
            if (!call.put(key, value)) return *call.scope.failure;
          }
          return {};
        },
        call.service.write_options(call.client.awaits_sync));
    if (done)
      for (StagedValue& staged : call.scope.staged) staged.published();
    call.scope = Scope{};
    call.reply.buffer().resize(mark);
    if (!done) return call.reply.error(error_text(done.error()));
  }
  call.reply.ok();
}

/// One reply of each kind, for tests of clients' parsers.
void reply_kind(Call& call) {
  Reply& reply = call.reply;
  const std::string kind = lower_case(call.args[2]);
  const auto three = [&] {
    for (int64_t i = 0; i < 3; ++i) reply.integer(i);
  };
  if (kind == "string") return reply.bulk("Hello World");
  if (kind == "integer") return reply.integer(12345);
  if (kind == "double") return reply.number(3.141);
  if (kind == "null") return reply.null();
  if (kind == "bignum") return reply.big_number("1234567999999999999999999999999999999");
  if (kind == "true" || kind == "false") return reply.boolean(kind == "true");
  if (kind == "verbatim") return reply.verbatim("This is a verbatim\nstring");
  if (kind == "array") return reply.array(3), three();
  if (kind == "set") return reply.set(3), three();
  if (kind == "map") {
    reply.map(3);
    for (int64_t i = 0; i < 3; ++i) reply.integer(i), reply.boolean(i == 1);
    return;
  }
  if (kind == "attrib") {
    if (reply.protocol() >= 3) {
      reply.attribute(1);
      reply.bulk("key-popularity");
      reply.array(2);
      reply.bulk("key:123");
      reply.integer(90);
    }
    return reply.bulk("Some real reply following the attribute");
  }
  if (kind == "push") {
    if (reply.protocol() < 3) return reply.error("ERR RESP2 is not supported by this command");
    reply.push(2);
    reply.bulk("server-cpu-usage");
    reply.integer(42);
    return reply.bulk("Some real reply following the push reply");
  }
  reply.error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

struct Subcommand {
  std::string_view name;
  size_t arguments_min;
  size_t arguments_max;
  void (*run)(Call&);
  bool reads;
};

void ignored(Call& call) { call.reply.ok(); }
void match_length(Call& call) { call.reply.integer(glob_matches(call.args[3], call.args[2]) ? 1 : 0); }
void reply_error(Call& call) { call.reply.error(call.args[2]); }

constexpr Subcommand kSubcommands[] = {
    {"change-repl-id", 0, 0, ignored, false},
    {"digest", 0, 0, reply_digest, true},
    {"digest-value", 1, SIZE_MAX - 2, reply_value_digests, true},
    {"error", 1, 1, reply_error, false},
    {"jmap", 0, 0, ignored, false},
    {"loadaof", 0, 0, save, false},
    {"log", 1, 1, ignored, false},
    {"object", 1, 2, describe_object, true},
    {"pause-cron", 1, 1, ignored, false},
    {"populate", 1, 3, populate, false},
    {"protocol", 1, 1, reply_kind, false},
    {"quicklist-packed-threshold", 1, 1, ignored, false},
    {"reload", 0, 3, save, false},
    {"replicate", 1, SIZE_MAX - 2, ignored, false},
    {"set-active-expire", 1, 1, ignored, false},
    {"set-disable-deny-scripts", 1, 1, ignored, false},
    {"sleep", 1, 1, sleep_for, false},
    {"stringmatch-len", 2, 2, match_length, false},
};

}  // namespace

void debug(Call& call) {
  if (!call.service.options().enable_debug)
    return call.reply.error("ERR DEBUG command not allowed. Set enable_debug in section [resp] to allow it.");
  const size_t arguments = call.args.size() - 2;
  for (const Subcommand& each : kSubcommands) {
    if (!equals_ignoring_case(call.args[1], each.name) || arguments < each.arguments_min ||
        arguments > each.arguments_max)
      continue;
    if (!each.reads || call.scope.reader != nullptr) return each.run(call);
    return call.service.store().read([&](const ReadTxn& txn) {
      call.scope.reader = &txn;
      each.run(call);
      call.scope = Scope{};
    });
  }
  call.reply.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(call.args[1]) +
                   "'. Try DEBUG HELP.");
}

}  // namespace kvfs::resp::commands
