#include "store/engine/memtable.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <random>
#include <type_traits>

#include "store/byte_order.h"

namespace kvfs {
namespace {

/// Eight bytes of a key as a number that compares as they do; after its end, zeros.
uint64_t part_of(std::string_view key, size_t offset) {
  if (key.size() >= offset + sizeof(uint64_t)) return load_be64(key.data() + offset);
  char bytes[sizeof(uint64_t)] = {};
  if (key.size() > offset) std::memcpy(bytes, key.data() + offset, key.size() - offset);
  return load_be64(bytes);
}

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

// One key. `height` links and the key follow it in memory, and mostly its first version.
struct Memtable::Node {
  uint64_t hash;
  Node* next_in_bucket;  // constant once the node can be seen
  Node* next_unordered;  // while it is in that list
  std::atomic<const StoredVersion*> newest;
  uint32_t key_bytes;
  int32_t height;

  std::atomic<Node*>* links() { return reinterpret_cast<std::atomic<Node*>*>(this + 1); }
  const std::atomic<Node*>* links() const { return reinterpret_cast<const std::atomic<Node*>*>(this + 1); }
  std::string_view key() const { return {reinterpret_cast<const char*>(links() + height), key_bytes}; }
  Node* next(int level) const { return links()[level].load(std::memory_order_acquire); }

  /// Linear in the versions newer than `snapshot`: few but for long-lived snapshots of rows that change all the time.
  const StoredVersion* visible(Sequence snapshot) const {
    const StoredVersion* version = newest.load(std::memory_order_acquire);
    while (version != nullptr && version->sequence > snapshot) version = version->older;
    return version;
  }
};

Memtable::Memtable(size_t entries_expected)
    : versions_(arena_),
      random_state_(random_seed() | 1),
      head_(make_node({}, 0, kHeightMax)),
      bucket_mask_(std::bit_ceil(entries_expected < 16 ? size_t{16} : 2 * entries_expected) - 1),
      buckets_(make_buckets(bucket_mask_ + 1), &std::free) {}

Memtable::~Memtable() = default;

std::atomic<Memtable::Node*>* Memtable::make_buckets(size_t count) {
  static_assert(std::is_trivially_destructible_v<std::atomic<Node*>> && sizeof(std::atomic<Node*>) == sizeof(Node*));
  void* const zeros = std::calloc(count, sizeof(std::atomic<Node*>));
  if (zeros == nullptr) throw std::bad_alloc();
  return static_cast<std::atomic<Node*>*>(zeros);
}

int Memtable::random_height() {
  // xorshift64; each further level has a quarter of the nodes.
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return 1 + std::countr_zero((random_state_ >> 16) | (uint64_t{1} << (2 * (kHeightMax - 1)))) / 2;
}

Memtable::Node* Memtable::make_node(std::string_view key, uint64_t key_hash, int height) {
  const size_t link_bytes = sizeof(std::atomic<Node*>) * static_cast<size_t>(height);
  char* const memory = arena_.allocate(sizeof(Node) + link_bytes + key.size());
  Node* const node =
      new (memory) Node{key_hash, nullptr, nullptr, {nullptr}, static_cast<uint32_t>(key.size()), height};
  for (int level = 0; level < height; ++level) new (node->links() + level) std::atomic<Node*>(nullptr);
  if (!key.empty()) std::memcpy(memory + sizeof(Node) + link_bytes, key.data(), key.size());
  return node;
}

Memtable::Node* Memtable::find_key(std::string_view key, uint64_t key_hash) const {
  Node* node = buckets_[key_hash & bucket_mask_].load(std::memory_order_acquire);
  while (node != nullptr && (node->hash != key_hash || node->key() != key)) node = node->next_in_bucket;
  return node;
}

void Memtable::add(Sequence sequence, std::string_view key, uint64_t key_hash, std::string_view value, bool erased) {
  if (entries_.load(std::memory_order_relaxed) == 0) first_sequence_.store(sequence, std::memory_order_relaxed);
  last_sequence_.store(sequence, std::memory_order_relaxed);
  // All that needs memory comes first: what throws has changed nothing that can be seen.
  if (Node* const present = find_key(key, key_hash)) {
    StoredVersion* const version = versions_.make(sequence, value, erased, horizon_);
    version->older = present->newest.load(std::memory_order_relaxed);
    versions_.retire(version->older, sequence);  // nobody reads at the sequence yet, so it is not used again before
    tombstones_ += erased ? 1 : 0;
    tombstones_ -= version->older->erased ? 1 : 0;
    present->newest.store(version, std::memory_order_release);
    return;
  }
  Node* const node = make_node(key, key_hash, random_height());
  node->newest.store(versions_.make(sequence, value, erased, horizon_), std::memory_order_relaxed);
  tombstones_ += erased ? 1 : 0;
  std::atomic<Node*>& bucket = buckets_[key_hash & bucket_mask_];
  node->next_in_bucket = bucket.load(std::memory_order_relaxed);
  bucket.store(node, std::memory_order_release);
  node->next_unordered = unordered_.load(std::memory_order_relaxed);
  while (!unordered_.compare_exchange_weak(node->next_unordered, node, std::memory_order_release)) {
  }
  entries_.store(entries_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

std::optional<Memtable::Version> Memtable::get(std::string_view key, uint64_t key_hash, Sequence snapshot) const {
  const Node* const node = find_key(key, key_hash);
  if (node == nullptr) return std::nullopt;
  const StoredVersion* const version = node->visible(snapshot);
  if (version == nullptr) return std::nullopt;
  return Version{version->sequence, version->erased, version->value()};
}

void Memtable::prefetch(std::span<const std::string_view> keys) const {
  constexpr size_t kAtOnceMax = 64;  // more would push each other out
  constexpr size_t kLineBytes = 64;
  constexpr size_t kVersionLines = 4;  // of an entry's row with a small value
  std::array<uint64_t, kAtOnceMax> hashes;
  std::array<const Node*, kAtOnceMax> nodes;
  const auto fetch = [](const void* memory, size_t lines) {
    for (size_t i = 0; i < lines; ++i) __builtin_prefetch(static_cast<const char*>(memory) + i * kLineBytes);
  };
  for (; !keys.empty(); keys = keys.subspan(std::min(keys.size(), kAtOnceMax))) {
    const size_t count = std::min(keys.size(), kAtOnceMax);
    for (size_t i = 0; i < count; ++i) {
      hashes[i] = row_hash(keys[i]);
      fetch(&buckets_[hashes[i] & bucket_mask_], 1);
    }
    for (size_t i = 0; i < count; ++i) {
      nodes[i] = buckets_[hashes[i] & bucket_mask_].load(std::memory_order_acquire);
      if (nodes[i] != nullptr) fetch(nodes[i], 2);
    }
    for (size_t i = 0; i < count; ++i) {
      while (nodes[i] != nullptr && nodes[i]->hash != hashes[i]) nodes[i] = nodes[i]->next_in_bucket;
      if (nodes[i] != nullptr) fetch(nodes[i]->newest.load(std::memory_order_acquire), kVersionLines);
    }
  }
}

void Memtable::put_in_order() const {
  // Keys come into order as they were added, so as many as there are means all of them.
  if (ordered_.load(std::memory_order_acquire) >= entries_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(order_mutex_);
  Node* const first = unordered_.load(std::memory_order_acquire);
  std::vector<Placed> nodes;  // no memory for it: nothing has changed, and the next iterator tries again
  for (Node* node = first; node != nullptr; node = node->next_unordered) nodes.push_back({0, node});
  take_unordered(first);
  sort_by_key(nodes, 0);
  link_in_order(nodes);
  ordered_.store(ordered_.load(std::memory_order_relaxed) + nodes.size(), std::memory_order_release);
}

// Leaves those that were added since: they stand in front of it.
void Memtable::take_unordered(Node* first) const {
  Node* newer = first;
  if (first == nullptr || unordered_.compare_exchange_strong(newer, nullptr, std::memory_order_acquire)) return;
  while (newer->next_unordered != first) newer = newer->next_unordered;
  newer->next_unordered = nullptr;
}

// Sorts by eight bytes of the keys at a time, which are numbers beside the pointers, so that few comparisons wait for
// memory (W. Ng and K. Kakehi, "Cache Efficient Radix Sort for String Sorting", 2007). The first `depth` bytes of all
// keys are the same.
void Memtable::sort_by_key(std::span<Placed> nodes, size_t depth) {
  constexpr size_t kFew = 16;
  constexpr size_t kAhead = 8;
  const auto before = [](const Placed& a, const Placed& b) { return a.node->key() < b.node->key(); };
  if (nodes.size() <= kFew) return std::sort(nodes.begin(), nodes.end(), before);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (i + kAhead < nodes.size()) __builtin_prefetch(nodes[i + kAhead].node);
    nodes[i].part = part_of(nodes[i].node->key(), depth);
  }
  std::sort(nodes.begin(), nodes.end(), [](const Placed& a, const Placed& b) { return a.part < b.part; });
  depth += sizeof(Placed::part);
  while (!nodes.empty()) {
    const uint64_t part = nodes.front().part;
    const auto end = std::find_if(nodes.begin(), nodes.end(), [&](const Placed& each) { return each.part != part; });
    const auto same = nodes.first(static_cast<size_t>(end - nodes.begin()));
    nodes = nodes.subspan(same.size());
    if (same.size() == 1) continue;
    // A key that ends within the part was filled up with zeros, which another key may hold.
    const auto is_long = [&](const Placed& each) { return each.node->key_bytes >= depth; };
    if (std::all_of(same.begin(), same.end(), is_long))
      sort_by_key(same, depth);
    else
      std::sort(same.begin(), same.end(), before);
  }
}

// Each search begins where the one before it ended.
void Memtable::link_in_order(const std::vector<Placed>& sorted) const {
  Node* before[kHeightMax];
  std::fill_n(before, kHeightMax, head_);
  for (const auto& [part, added] : sorted) {
    const std::string_view key = added->key();
    Node* node = before[kHeightMax - 1];
    const Node* not_before = nullptr;  // compared on the level above: need not be compared again
    bool moved = false;
    for (int level = kHeightMax - 1; level >= 0; --level) {
      if (!moved) node = before[level];
      Node* following = node->next(level);
      while (following != nullptr && following != not_before && following->key() < key) {
        node = following;
        following = node->next(level);
        moved = true;
      }
      not_before = following;
      before[level] = node;
    }
    // A reader that sees the new height before the new links meets null links of the head: it goes down a level.
    if (added->height > height_.load(std::memory_order_relaxed))
      height_.store(added->height, std::memory_order_relaxed);
    for (int level = 0; level < added->height; ++level) {
      std::atomic<Node*>& link = before[level]->links()[level];
      added->links()[level].store(link.load(std::memory_order_relaxed), std::memory_order_relaxed);
      link.store(added, std::memory_order_release);
    }
  }
}

Memtable::Node* Memtable::find_at_or_after(std::string_view key) const {
  const Node* node = head_;
  const Node* not_before = nullptr;  // as above
  for (int level = height_.load(std::memory_order_relaxed) - 1;; --level) {
    Node* following = node->next(level);
    while (following != nullptr && following != not_before && following->key() < key) {
      node = following;
      following = node->next(level);
    }
    if (level == 0) return following;
    not_before = following;
  }
}

Memtable::Node* Memtable::find_before(std::string_view key) const {
  Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    for (Node* following = node->next(level); following != nullptr && following->key() < key;
         following = node->next(level)) {
      node = following;
    }
  }
  return node == head_ ? nullptr : node;
}

Memtable::Iterator::Iterator(const Memtable& table, Sequence snapshot) : table_(&table), snapshot_(snapshot) {
  table.put_in_order();
}

// Passes over keys that are all too new.
void Memtable::Iterator::settle_forward(const Node* node) {
  for (; node != nullptr; node = node->next(0)) {
    version_ = node->visible(snapshot_);
    if (version_ != nullptr) break;
  }
  node_ = node;
}

void Memtable::Iterator::settle_backward(const Node* node) {
  for (; node != nullptr; node = table_->find_before(node->key())) {
    version_ = node->visible(snapshot_);
    if (version_ != nullptr) break;
  }
  node_ = node;
}

void Memtable::Iterator::seek(std::string_view key) { settle_forward(table_->find_at_or_after(key)); }
void Memtable::Iterator::seek_before(std::string_view key) { settle_backward(table_->find_before(key)); }
void Memtable::Iterator::seek_to_first() { settle_forward(table_->head_->next(0)); }

void Memtable::Iterator::seek_to_last() {
  const Node* node = table_->head_;
  for (int level = table_->height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    while (const Node* following = node->next(level)) node = following;
  }
  settle_backward(node == table_->head_ ? nullptr : node);
}

void Memtable::Iterator::next() { settle_forward(node_->next(0)); }
void Memtable::Iterator::prev() { settle_backward(table_->find_before(node_->key())); }

std::string_view Memtable::Iterator::key() const { return node_->key(); }
std::string_view Memtable::Iterator::value() const { return version_->value(); }
bool Memtable::Iterator::erased() const { return version_->erased; }
Sequence Memtable::Iterator::sequence() const { return version_->sequence; }

}  // namespace kvfs
