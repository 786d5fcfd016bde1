// Commands on the bits of string values. Bit 0 is the highest of the first byte.
#include <algorithm>
#include <cstring>
#include <span>

#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"
#include "respbridge/service.h"

namespace kvfs::resp::commands {

namespace {

constexpr std::string_view kBitOffsetError = "ERR bit offset is not an integer or out of range";
constexpr std::string_view kBitError = "ERR bit is not an integer or out of range";

std::optional<uint64_t> bit_offset(Call& call, std::string_view text) {
  const std::optional<int64_t> offset = parse_integer(text);
  if (offset && *offset >= 0 && static_cast<uint64_t>(*offset) / 8 < call.service.options().bulk_bytes_max)
    return static_cast<uint64_t>(*offset);
  call.reply.error(kBitOffsetError);
  return std::nullopt;
}

/// The byte at `offset` of a value, 0 beyond its end; nullopt: an error has been replied.
std::optional<uint8_t> byte_at(Call& call, const std::optional<Entry>& entry, uint64_t offset) {
  char byte = 0;
  if (entry && offset < entry->size)
    if (const Result<size_t> got = read_value(call.txn(), *entry, offset, 1, &byte); !got)
      return call.fail(got.error()), std::nullopt;
  return static_cast<uint8_t>(byte);
}

/// The bytes of a key's value; nullopt: an error has been replied.
std::optional<std::string> bytes_of(Call& call, std::string_view key) {
  std::optional<Entry> entry;
  if (!call.find_bytes(key, entry)) return std::nullopt;
  if ((call.spec.flags & kWrites) != 0) call.looked_up(key, entry.has_value());
  if (!entry) return std::string();
  return call.read(*entry);
}

bool bit_of(std::string_view bytes, uint64_t bit) {
  return (static_cast<uint8_t>(bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0;
}

/// The range [first, last] of bits that START END [BYTE|BIT] means; empty where first > last.
struct BitRange {
  int64_t first = 0;
  int64_t last = -1;
};

BitRange bit_range(int64_t start, int64_t end, bool in_bits, uint64_t size_bytes) {
  const auto length = static_cast<int64_t>(in_bits ? size_bytes * 8 : size_bytes);
  if (start < 0) start = std::max<int64_t>(start + length, 0);
  if (end < 0) end = std::max<int64_t>(end + length, 0);
  end = std::min(end, length - 1);
  if (start > end) return {};
  return in_bits ? BitRange{start, end} : BitRange{start * 8, end * 8 + 7};
}

/// Of a whole number of words, 255 / 8 of them at a time ("population count" in H. Warren, "Hacker's Delight", 5-1):
/// many processors of the architecture that is compiled for have no instruction for it.
int64_t count_bits_of_words(std::string_view bytes) {
  constexpr size_t kWord = sizeof(uint64_t);
  constexpr size_t kWordsAtOnce = 31;  // the sums of each byte's bits fit into a byte
  int64_t count = 0;
  while (!bytes.empty()) {
    const size_t words = std::min(bytes.size() / kWord, kWordsAtOnce);
    uint64_t sums = 0;
    for (size_t i = 0; i < words; ++i) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i * kWord, kWord);
      word -= word >> 1 & 0x5555555555555555;
      word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
      sums += (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    }
    for (; sums != 0; sums >>= 8) count += static_cast<int64_t>(sums & 0xff);
    bytes.remove_prefix(words * kWord);
  }
  return count;
}

int64_t count_bits(std::string_view bytes, BitRange range) {
  int64_t count = 0;
  int64_t bit = range.first;
  for (; bit <= range.last && bit % 64 != 0; ++bit) count += bit_of(bytes, static_cast<uint64_t>(bit)) ? 1 : 0;
  if (bit <= range.last) {
    const auto whole = static_cast<size_t>((range.last + 1 - bit) / 64 * 8);
    count += count_bits_of_words(bytes.substr(static_cast<size_t>(bit / 8), whole));
    bit += static_cast<int64_t>(whole) * 8;
  }
  for (; bit <= range.last; ++bit) count += bit_of(bytes, static_cast<uint64_t>(bit)) ? 1 : 0;
  return count;
}

/// Takes BYTE or BIT; nullopt: neither (the error has been replied).
std::optional<bool> take_unit(Call& call, OptionsReader& words) {
  if (words.at_end() || words.take("byte")) return false;
  if (words.take("bit")) return true;
  call.syntax_error();
  return std::nullopt;
}

}  // namespace

void setbit(Call& call) {
  const std::optional<uint64_t> offset = bit_offset(call, call.args[2]);
  if (!offset) return;
  if (call.args[3] != "0" && call.args[3] != "1") return call.reply.error(kBitError);
  const bool on = call.args[3] == "1";
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  const std::optional<uint8_t> byte = byte_at(call, entry, *offset / 8);
  if (!byte) return;
  const auto mask = static_cast<uint8_t>(0x80 >> (*offset % 8));
  const char changed = static_cast<char>(on ? *byte | mask : *byte & ~mask);
  const bool same = entry && *offset / 8 < entry->size && changed == static_cast<char>(*byte);
  if (same || call.patch(call.args[1], entry, *offset / 8, {&changed, 1}))
    call.reply.integer((*byte & mask) != 0 ? 1 : 0);
}

void getbit(Call& call) {
  const std::optional<uint64_t> offset = bit_offset(call, call.args[2]);
  if (!offset) return;
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  if (const std::optional<uint8_t> byte = byte_at(call, entry, *offset / 8))
    call.reply.integer(*byte >> (7 - *offset % 8) & 1);
}

void bitcount(Call& call) {
  // As Redis: a key that is not there is answered before the range is looked at.
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  if (!entry) return call.reply.integer(0);
  if (call.args.size() == 3 || call.args.size() > 5) return call.syntax_error();
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  if (call.args.size() > 3) {
    const std::optional<int64_t> from = parse_integer(call.args[2]);
    const std::optional<int64_t> to = parse_integer(call.args[3]);
    if (!from || !to) return call.not_an_integer();
    start = *from;
    end = *to;
    if (start < 0 && end < 0 && start > end) return call.reply.integer(0);  // BITPOS looks at its first byte then
    OptionsReader words(call.args, 4);
    const std::optional<bool> unit = take_unit(call, words);
    if (!unit) return;
    in_bits = *unit;
  }
  const std::optional<std::string> bytes = call.read(*entry);
  if (!bytes) return;
  call.reply.integer(count_bits(*bytes, bit_range(start, end, in_bits, bytes->size())));
}

void bitpos(Call& call) {
  const std::optional<int64_t> wanted = parse_integer(call.args[2]);
  if (!wanted) return call.not_an_integer();
  if (*wanted != 0 && *wanted != 1) return call.reply.error("ERR The bit argument must be 1 or 0.");
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  // A key that is not there is an endless row of clear bits.
  if (!entry) return call.reply.integer(*wanted == 1 ? -1 : 0);
  if (call.args.size() > 6) return call.syntax_error();
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  const bool end_given = call.args.size() > 4;
  if (call.args.size() > 3) {
    const std::optional<int64_t> from = parse_integer(call.args[3]);
    if (!from) return call.not_an_integer();
    start = *from;
  }
  if (end_given) {
    OptionsReader words(call.args, 5);
    const std::optional<bool> unit = take_unit(call, words);
    if (!unit) return;
    in_bits = *unit;
    const std::optional<int64_t> to = parse_integer(call.args[4]);
    if (!to) return call.not_an_integer();
    end = *to;
  }
  const std::optional<std::string> bytes = call.read(*entry);
  if (!bytes) return;
  const BitRange range = bit_range(start, end, in_bits, bytes->size());
  const uint8_t passed_over = *wanted == 1 ? 0x00 : 0xff;
  for (int64_t bit = range.first; bit <= range.last; ++bit) {
    if (bit % 8 == 0 && bit + 7 <= range.last &&
        static_cast<uint8_t>((*bytes)[static_cast<size_t>(bit / 8)]) == passed_over) {
      bit += 7;
      continue;
    }
    if (bit_of(*bytes, static_cast<uint64_t>(bit)) == (*wanted == 1)) return call.reply.integer(bit);
  }
  // Looking for a clear bit without an end finds the one behind the value.
  const bool beyond = *wanted == 0 && !end_given && range.first <= range.last;
  call.reply.integer(beyond ? static_cast<int64_t>(bytes->size()) * 8 : -1);
}

void bitop(Call& call) {
  const std::string operation = lower_case(call.args[1]);
  if (operation != "and" && operation != "or" && operation != "xor" && operation != "not") return call.syntax_error();
  if (operation == "not" && call.args.size() != 4)
    return call.reply.error("ERR BITOP NOT must be called with a single source key.");
  std::vector<std::string> sources;
  size_t length = 0;
  for (const std::string_view key : call.args.subspan(3)) {
    std::optional<std::string> bytes = bytes_of(call, key);
    if (!bytes) return;
    length = std::max(length, bytes->size());
    sources.push_back(std::move(*bytes));
  }
  for (std::string& source : sources) source.resize(length, '\0');
  std::string& result = sources[0];
  const auto apply = [&](auto&& to_byte) {
    for (const std::string& other : std::span(sources).subspan(1))
      std::transform(result.begin(), result.end(), other.begin(), result.begin(), to_byte);
  };
  if (operation == "not")
    std::transform(result.begin(), result.end(), result.begin(), [](char byte) { return static_cast<char>(~byte); });
  else if (operation == "and")
    apply([](char a, char b) { return static_cast<char>(a & b); });
  else if (operation == "or")
    apply([](char a, char b) { return static_cast<char>(a | b); });
  else
    apply([](char a, char b) { return static_cast<char>(a ^ b); });
  call.event(length == 0 ? "del" : "set");
  if (length == 0) {
    call.remove(call.args[2]);
    if (!call.scope.failure) call.reply.integer(0);
  } else if (call.put(call.args[2], result)) {
    call.reply.integer(static_cast<int64_t>(length));
  }
}

namespace {

struct FieldType {
  bool is_signed = false;
  unsigned bits = 0;
};

std::optional<FieldType> parse_type(std::string_view text) {
  if (text.empty() || (text[0] != 'i' && text[0] != 'u')) return std::nullopt;
  const std::optional<int64_t> bits = parse_integer(text.substr(1));
  const bool is_signed = text[0] == 'i';
  if (!bits || *bits < 1 || *bits > (is_signed ? 64 : 63)) return std::nullopt;
  return FieldType{is_signed, static_cast<unsigned>(*bits)};
}

enum class Overflow { wrap, saturate, fail };

struct FieldOperation {
  enum class Kind { get, set, increment } kind;
  FieldType type;
  uint64_t offset;
  int64_t value;
  Overflow overflow;
};

uint64_t read_field(std::string_view bytes, uint64_t offset, unsigned bits) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bits; ++i) {
    const uint64_t bit = offset + i;
    value = value << 1 | (bit / 8 < bytes.size() && bit_of(bytes, bit) ? 1 : 0);
  }
  return value;
}

void write_field(std::string& bytes, uint64_t offset, unsigned bits, uint64_t value) {
  for (unsigned i = 0; i < bits; ++i) {
    const uint64_t bit = offset + i;
    const auto mask = static_cast<char>(0x80 >> (bit % 8));
    if ((value >> (bits - 1 - i) & 1) != 0)
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] | mask);
    else
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] & ~mask);
  }
}

int64_t as_signed(uint64_t value, const FieldType& type) {
  if (!type.is_signed || type.bits == 64) return static_cast<int64_t>(value);
  const uint64_t sign = uint64_t{1} << (type.bits - 1);
  return static_cast<int64_t>((value ^ sign) - sign);
}

__extension__ typedef __int128 Wide;  // holds every sum of two 64-bit numbers

/// `sum` as the type holds it; nullopt: it does not, and that is to fail.
std::optional<int64_t> fit_in_type(Wide sum, const FieldType& type, Overflow overflow) {
  const Wide least = type.is_signed ? -(static_cast<Wide>(1) << (type.bits - 1)) : 0;
  const Wide most = (static_cast<Wide>(1) << (type.is_signed ? type.bits - 1 : type.bits)) - 1;
  if (sum >= least && sum <= most) return static_cast<int64_t>(sum);
  if (overflow == Overflow::fail) return std::nullopt;
  if (overflow == Overflow::saturate) return static_cast<int64_t>(sum < least ? least : most);
  const uint64_t mask = type.bits == 64 ? UINT64_MAX : (uint64_t{1} << type.bits) - 1;
  return as_signed(static_cast<uint64_t>(sum) & mask, type);
}

/// One GET, SET or INCRBY behind its word; nullopt: the error has been replied.
std::optional<FieldOperation> parse_operation(Call& call, OptionsReader& words, FieldOperation::Kind kind,
                                              Overflow overflow) {
  const size_t needed = kind == FieldOperation::Kind::get ? 2 : 3;
  if (words.left() < needed) return call.syntax_error(), std::nullopt;
  const std::optional<FieldType> type = parse_type(words.next());
  if (!type) {
    call.reply.error(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    return std::nullopt;
  }
  std::string_view place = words.next();
  const bool in_fields = place.starts_with('#');
  if (in_fields) place.remove_prefix(1);
  const std::optional<int64_t> number = parse_integer(place);
  const uint64_t bits_max = call.service.options().bulk_bytes_max * 8;
  const uint64_t factor = in_fields ? type->bits : 1;
  if (!number || *number < 0 || static_cast<uint64_t>(*number) >= bits_max / factor ||
      static_cast<uint64_t>(*number) * factor + type->bits > bits_max) {
    call.reply.error(kBitOffsetError);
    return std::nullopt;
  }
  FieldOperation operation{kind, *type, static_cast<uint64_t>(*number) * factor, 0, overflow};
  if (needed == 3) {
    const std::optional<int64_t> value = parse_integer(words.next());
    if (!value) return call.not_an_integer(), std::nullopt;
    operation.value = *value;
  }
  return operation;
}

std::optional<std::vector<FieldOperation>> parse_operations(Call& call) {
  std::vector<FieldOperation> out;
  Overflow overflow = Overflow::wrap;
  OptionsReader words(call.args, 2);
  while (!words.at_end()) {
    if (const auto kind = words.take_value("overflow")) {
      if (equals_ignoring_case(*kind, "wrap")) {
        overflow = Overflow::wrap;
      } else if (equals_ignoring_case(*kind, "sat")) {
        overflow = Overflow::saturate;
      } else if (equals_ignoring_case(*kind, "fail")) {
        overflow = Overflow::fail;
      } else {
        call.reply.error("ERR Invalid OVERFLOW type specified");
        return std::nullopt;
      }
      continue;
    }
    FieldOperation::Kind kind = FieldOperation::Kind::get;
    if (words.take("set"))
      kind = FieldOperation::Kind::set;
    else if (words.take("incrby"))
      kind = FieldOperation::Kind::increment;
    else if (!words.take("get"))
      return call.syntax_error(), std::nullopt;
    const std::optional<FieldOperation> operation = parse_operation(call, words, kind, overflow);
    if (!operation) return std::nullopt;
    out.push_back(*operation);
  }
  return out;
}

/// Executes one operation on `bytes`; replies its result.
void run_operation(Call& call, std::string& bytes, const FieldOperation& operation) {
  const FieldType& type = operation.type;
  const int64_t before = as_signed(read_field(bytes, operation.offset, type.bits), type);
  if (operation.kind == FieldOperation::Kind::get) return call.reply.integer(before);
  const bool adds = operation.kind == FieldOperation::Kind::increment;
  Wide wanted = operation.value;
  if (adds)
    wanted += before;
  else if (!type.is_signed)
    wanted = static_cast<uint64_t>(operation.value);
  const std::optional<int64_t> after = fit_in_type(wanted, type, operation.overflow);
  if (!after) return call.reply.null();
  write_field(bytes, operation.offset, type.bits, static_cast<uint64_t>(*after));
  call.reply.integer(adds ? *after : before);
}

}  // namespace

void bitfield(Call& call) {
  const std::optional<std::vector<FieldOperation>> operations = parse_operations(call);
  if (!operations) return;
  uint64_t written_bits = 0;
  for (const FieldOperation& operation : *operations)
    if (operation.kind != FieldOperation::Kind::get)
      written_bits = std::max(written_bits, operation.offset + operation.type.bits);
  if (written_bits != 0 && call.spec.name == "bitfield_ro")
    return call.reply.error("ERR BITFIELD_RO only supports the GET subcommand");
  std::optional<Entry> entry;
  if (!call.find_bytes(call.args[1], entry)) return;
  std::string bytes;
  if (entry) {
    std::optional<std::string> present = call.read(*entry);
    if (!present) return;
    bytes = std::move(*present);
  }
  const std::string before = written_bits != 0 ? bytes : std::string();
  if (bytes.size() * 8 < written_bits) bytes.resize((written_bits + 7) / 8, '\0');
  call.reply.array(operations->size());
  for (const FieldOperation& operation : *operations) run_operation(call, bytes, operation);
  call.event("setbit");
  // The value grows even where every operation fails.
  if (written_bits != 0 && (!entry || bytes != before)) call.put(call.args[1], bytes, keep_all(entry));
}

}  // namespace kvfs::resp::commands
