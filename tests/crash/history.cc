#include "tests/crash/history.h"

#include <cstring>
#include <random>

namespace kvfs::crash {
namespace {

constexpr uint64_t kKeys = 24;
constexpr uint64_t kChunkKeys = 4;
constexpr char kCountKey[] = "n";
constexpr size_t kRefBytes = 16;

struct Change {
  std::string key;
  enum class Kind { put, erase, chunk } kind = Kind::put;
  std::string bytes;  // the value, or the chunk's content
};

std::string filler(std::mt19937_64& random, size_t bytes) {
  std::string text(bytes, static_cast<char>('a' + random() % 26));
  for (size_t i = 0; i < bytes; i += 97) text[i] = static_cast<char>(random());
  return text;
}

std::vector<Change> changes_of(uint64_t id) {
  std::mt19937_64 random(id);
  std::vector<Change> changes;
  for (uint64_t count = 1 + random() % 5; count > 0; --count) {
    Change change;
    const uint64_t what = random() % 16;
    if (what == 0) {
      change.key = "c" + std::to_string(random() % kChunkKeys);
      change.kind = Change::Kind::chunk;
      change.bytes = filler(random, 1 + random() % 9000);
    } else {
      change.key = "k" + std::to_string(random() % kKeys);
      change.kind = what < 5 ? Change::Kind::erase : Change::Kind::put;
      if (what >= 5) change.bytes = filler(random, random() % 20 == 0 ? random() % 20000 : random() % 200);
    }
    // One change a key: the last wins.
    std::erase_if(changes, [&](const Change& other) { return other.key == change.key; });
    changes.push_back(std::move(change));
  }
  return changes;
}

std::string encode_u64(uint64_t value) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i));
  return bytes;
}

uint64_t decode_u64(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes.substr(0, 8)) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

std::string log_key(uint64_t n) { return "log" + encode_u64(n); }

std::string encode_ref(const ChunkRef& ref) {
  std::string bytes(kRefBytes, '\0');
  std::memcpy(bytes.data(), &ref, kRefBytes);
  return bytes;
}

ChunkRef decode_ref(std::string_view bytes) {
  ChunkRef ref;
  std::memcpy(&ref, bytes.data(), kRefBytes);
  return ref;
}

// `added` are the chunks of the changes, in their order.
Result<void> apply(Transaction& txn, const std::vector<Change>& changes, const std::vector<ChunkRef>& added) {
  auto ref = added.begin();
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::erase) {
      txn.erase(change.key);
    } else if (change.kind == Change::Kind::put) {
      txn.put(change.key, change.bytes);
    } else {
      if (const auto old = txn.get(change.key)) txn.release_chunk(decode_ref(*old));
      txn.use_chunk(*ref);
      txn.put(change.key, encode_ref(*ref));
      ++ref;
    }
  }
  return {};
}

// Of a scan: the rows as the history has them, chunks by their content.
std::map<std::string, std::string> expected_rows(const std::vector<uint64_t>& ids) {
  std::map<std::string, std::string> rows;
  for (const uint64_t id : ids) {
    for (Change& change : changes_of(id)) {
      if (change.kind == Change::Kind::erase) {
        rows.erase(change.key);
      } else {
        rows[change.key] = std::move(change.bytes);
      }
    }
  }
  return rows;
}

}  // namespace

void Promises::acknowledged(uint64_t n, uint64_t id, bool strict) {
  {
    const std::lock_guard lock(mutex_);
    ids_[n] = id;
  }
  if (strict) durable(n);
}

void Promises::durable(uint64_t n) {
  uint64_t before = durable_.load();
  while (before < n && !durable_.compare_exchange_weak(before, n)) {
  }
}

uint64_t Promises::acknowledged_n() const {
  const std::lock_guard lock(mutex_);
  return ids_.empty() ? 0 : ids_.rbegin()->first;
}

void Promises::lost_beyond(uint64_t n) {
  const std::lock_guard lock(mutex_);
  ids_.erase(ids_.upper_bound(n), ids_.end());
  durable_ = n;
}

std::string Promises::contradiction(const std::vector<uint64_t>& ids) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [n, id] : ids_) {
    if (n > ids.size()) break;
    if (ids[n - 1] != id) return "another transaction is at place " + std::to_string(n) + " than was acknowledged";
  }
  return {};
}

Result<std::unique_ptr<Engine>> open_and_recover(const EngineOptions& options) {
  auto engine = open_engine(options);
  if (!engine || !(*engine)->chunks().unclean()) return engine;
  auto kept = (*engine)->chunks().retain_only([&](const ChunkStore::Keep& keep) -> Result<void> {
    const auto snapshot = (*engine)->snapshot();
    const auto cursor = snapshot->cursor();
    for (cursor->seek("c"); cursor->valid() && cursor->key()[0] == 'c'; cursor->next()) {
      keep(decode_ref(cursor->value()));
    }
    return {};
  });
  if (!kept) return kept.error();
  return engine;
}

Result<uint64_t> run_transaction(Engine& engine, uint64_t id, const Durability& durability, Promises& promises) {
  const std::vector<Change> changes = changes_of(id);
  std::vector<ChunkRef> added;
  for (const Change& change : changes) {
    if (change.kind != Change::Kind::chunk) continue;
    auto ref = engine.chunks().append(change.bytes);
    if (!ref) return ref.error();
    added.push_back(*ref);
  }
  uint64_t n = 0;
  auto committed = engine.transact([&](Transaction& txn) -> Result<void> {
    const auto count = txn.get(kCountKey);
    n = (count ? decode_u64(*count) : 0) + 1;
    txn.require(durability);
    txn.put(kCountKey, encode_u64(n));
    txn.put(log_key(n), encode_u64(id));
    return apply(txn, changes, added);
  });
  if (!committed) return committed.error();
  promises.acknowledged(n, id, durability.mode == Durability::Mode::strict);
  return n;
}

Verified verify(Engine& engine) {
  Verified result;
  const auto snapshot = engine.snapshot();
  const auto cursor = snapshot->cursor();
  std::map<std::string, std::string> rows;
  for (cursor->seek(""); cursor->valid(); cursor->next()) {
    const std::string key(cursor->key());
    const std::string value(cursor->value());
    if (snapshot->get(key) != value) result.problem = "get and scan disagree about " + key;
    if (key.starts_with("log")) {
      if (key != log_key(result.n() + 1)) result.problem = "log row " + std::to_string(result.n() + 1) + " is missing";
      result.ids.push_back(decode_u64(value));
    } else if (key == kCountKey) {
      rows[key] = value;
    } else if (key[0] == 'c') {
      const ChunkRef ref = decode_ref(value);
      std::string content(ref.length, '\0');
      auto read = engine.chunks().read(ref, 0, ref.length, content.data());
      if (!read) result.problem = "chunk of " + key + ": " + read.error().message();
      rows[key] = content;
    } else {
      rows[key] = value;
    }
  }
  auto expected = expected_rows(result.ids);
  if (result.n() > 0) expected[kCountKey] = encode_u64(result.n());
  for (const auto& [key, value] : expected) {
    if (!rows.contains(key)) result.problem = "row " + key + " is missing";
  }
  for (const auto& [key, value] : rows) {
    const auto found = expected.find(key);
    if (found == expected.end()) {
      result.problem = "row " + key + " should not be there";
    } else if (found->second != value) {
      result.problem = "row " + key + " has another value than transaction " + std::to_string(result.n()) + " leaves";
    }
  }
  return result;
}

}  // namespace kvfs::crash
