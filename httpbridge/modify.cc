#include "httpbridge/modify.h"

#include <algorithm>

#include "httpbridge/precondition.h"

namespace kvfs::http {

namespace {

constexpr int kAttempts = 100;

/// What a change was computed from.
struct Base {
  std::optional<Version> version;  // nullopt: there was no value
  uint64_t size = 0;
  ValueType type = ValueType::bytes;
};

PutOptions options_on(const Base& base) {
  PutOptions options;
  options.keep_content_type = true;
  options.keep_expiry = true;
  options.type = base.type;
  if (base.version)
    options.precondition.if_match = std::vector<Version>{*base.version};
  else
    options.precondition.if_absent = true;
  return options;
}

Result<PutOutcome> changed_too_often() { return {Errc::busy, "the value changes too often; try again"}; }

/// The entry if the client's condition holds for it, and there is one where one is demanded; nullopt where absent.
Result<std::optional<Entry>> checked(const ReadTxn& txn, const Request& request, const Result<DirId>& collection,
                                     std::string_view key, const Precondition& precondition) {
  std::optional<Entry> present;
  if (collection) {
    if (auto free = check_demand(txn, *collection, names_versions(request.headers)); !free) return free.error();
    const auto entry = get(txn, *collection, key);
    if (!entry && entry.error().code != Errc::not_found) return entry.error();
    if (entry) present = *entry;
  }
  if (auto r = check(precondition, present ? &*present : nullptr); !r) return r.error();
  return present;
}

/// The chunks that `bytes` at `offset` touches, with what the value has around them.
Result<StagedValue> stage_over(Store& store, const ReadTxn& txn, const Entry* present, uint64_t offset,
                               std::string_view bytes) {
  StagedValue staged(store.chunks());
  const uint64_t old_size = present != nullptr ? present->size : 0;
  staged.replaces = false;
  staged.size = std::max(old_size, offset + bytes.size());
  std::string chunk;
  while (!bytes.empty()) {
    const uint64_t index = offset / kChunkBytes;
    const uint64_t begin = index * kChunkBytes;
    const size_t at = static_cast<size_t>(offset - begin);
    const size_t take = std::min<size_t>(bytes.size(), kChunkBytes - at);
    chunk.assign(static_cast<size_t>(std::min<uint64_t>(kChunkBytes, staged.size - begin)), '\0');
    if (present != nullptr && begin < old_size) {
      const auto got = read_value(txn, *present, begin, chunk.size(), chunk.data());
      if (!got) return got.error();
    }
    bytes.copy(chunk.data() + at, take);
    if (auto r = staged.stage_chunk(static_cast<uint32_t>(index), chunk); !r) return r.error();
    offset += take;
    bytes.remove_prefix(take);
  }
  return staged;
}

}  // namespace

Result<PutOutcome> modify_value(Context& context, const Request& request, std::string_view key,
                                const Precondition& precondition, const WriteOptions& write_options,
                                const Modification& modification) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto r = context.in_time(); !r) return r.error();
    const auto collection = collection_of(context, request);
    Base base;
    const auto modified = context.store.read([&](const ReadTxn& txn) -> Result<Modified> {
      const auto present = checked(txn, request, collection, key, precondition);
      if (!present) return present.error();
      if (!*present) return modification(nullptr);
      const Entry& entry = **present;
      base = {entry.version, entry.size, entry.type};
      auto bytes = read_whole_value(txn, entry, context.options.memory_value_bytes_max);
      if (!bytes) return bytes.error();
      const Value value{std::move(*bytes), std::string(entry.content_type), entry.version, entry.mtime_ns};
      return modification(&value);
    });
    if (!modified) return modified.error();
    PutOptions options = options_on(base);
    if (!modified->content_type.empty()) options.content_type = modified->content_type;
    auto payload = Payload::make(context.store, modified->bytes, context.options.memory_value_bytes_max);
    if (!payload) return payload.error();
    auto outcome = store_payload(context, request, key, std::move(*payload), options, write_options);
    if (outcome || outcome.error().code != Errc::precondition_failed) return outcome;
  }
  return changed_too_often();
}

Result<PutOutcome> write_bytes(Context& context, const Request& request, std::string_view key,
                               std::optional<uint64_t> offset, std::string_view bytes, const Precondition& precondition,
                               const WriteOptions& write_options) {
  if (offset &&
      *offset > context.options.value_bytes_max - std::min(context.options.value_bytes_max, uint64_t{bytes.size()}))
    return {Errc::value_too_large, "the value would be larger than value_bytes_max, " +
                                       std::to_string(context.options.value_bytes_max) + " bytes"};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto r = context.in_time(); !r) return r.error();
    const auto collection = collection_of(context, request);
    Base base;
    std::string whole;  // small values are rewritten
    bool small = false;
    auto staged = context.store.read([&](const ReadTxn& txn) -> Result<StagedValue> {
      const auto present = checked(txn, request, collection, key, precondition);
      if (!present) return present.error();
      const Entry* entry = *present ? &**present : nullptr;
      if (entry != nullptr) base = {entry->version, entry->size, entry->type};
      const uint64_t at = offset.value_or(base.size);
      const uint64_t size = std::max(base.size, at + bytes.size());
      small = size <= kInlineBytesMax;
      if (!small) return stage_over(context.store, txn, entry, at, bytes);
      whole.assign(static_cast<size_t>(size), '\0');
      if (entry != nullptr) {
        const auto got = read_value(txn, *entry, 0, static_cast<size_t>(base.size), whole.data());
        if (!got) return got.error();
      }
      bytes.copy(whole.data() + at, bytes.size());
      return StagedValue(context.store.chunks());
    });
    if (!staged) return staged.error();
    PutOptions options = options_on(base);
    options.content_type = content_type_of(request.headers);
    auto outcome = context.store.write(
        [&](WriteTxn& txn) -> Result<PutOutcome> {
          const auto target = ensure_collection(txn, request.caller.tenant_dir, request.collection);
          if (!target) return target.error();
          return small ? put(txn, *target, key, whole, options) : put(txn, *target, key, *staged, options);
        },
        write_options);
    if (outcome) staged->published();
    if (outcome || outcome.error().code != Errc::precondition_failed) return outcome;
  }
  return changed_too_often();
}

}  // namespace kvfs::http
