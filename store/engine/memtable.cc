#include "store/engine/memtable.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>
#include <new>
#include <random>

namespace kvfs {
namespace {

// Versions of one key are walked this far before a search in the skiplist is cheaper.
constexpr int kVersionStepsMax = 8;

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

// One version. `height` links, the key and the value follow it in memory.
struct Memtable::Node {
  Sequence sequence;
  const Node* older;  // version of the same key
  uint32_t key_bytes;
  uint32_t value_bytes;
  int16_t height;
  bool erased;

  std::atomic<Node*>* links() { return reinterpret_cast<std::atomic<Node*>*>(this + 1); }
  const std::atomic<Node*>* links() const { return reinterpret_cast<const std::atomic<Node*>*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(links() + height); }
  std::string_view key() const { return {data(), key_bytes}; }
  std::string_view value() const { return {data() + key_bytes, value_bytes}; }
  Node* next(int level) const { return links()[level].load(std::memory_order_acquire); }

  /// Whether it stands before the place of (wanted, at): keys ascend, sequences descend.
  bool before(std::string_view wanted, Sequence at) const {
    const int order = key().compare(wanted);
    return order < 0 || (order == 0 && sequence > at);
  }
};

// One key in a chain of the hash index.
struct Memtable::KeyRecord {
  uint64_t hash;
  KeyRecord* next;  // constant once the record can be seen
  std::atomic<const Node*> newest;
};

Memtable::Memtable(size_t entries_expected)
    : head_(make_node(0, {}, {}, false)),
      bucket_mask_(std::bit_ceil(entries_expected < 16 ? size_t{16} : entries_expected) - 1),
      hash_seed_(random_seed()),
      buckets_(std::make_unique<std::atomic<KeyRecord*>[]>(bucket_mask_ + 1)),
      random_state_(hash_seed_ | 1) {}

Memtable::~Memtable() = default;

uint64_t Memtable::hash(std::string_view key) const { return XXH3_64bits_withSeed(key.data(), key.size(), hash_seed_); }

int Memtable::random_height() {
  // xorshift64; each further level has a quarter of the nodes.
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  const int height = 1 + std::countr_zero((random_state_ >> 16) | (uint64_t{1} << (2 * (kHeightMax - 1)))) / 2;
  return height;
}

Memtable::Node* Memtable::make_node(Sequence sequence, std::string_view key, std::string_view value, bool erased) {
  // The first node made is the head; it has all levels.
  const int height = arena_.bytes() == 0 ? kHeightMax : random_height();
  const size_t link_bytes = sizeof(std::atomic<Node*>) * static_cast<size_t>(height);
  char* const memory = arena_.allocate(sizeof(Node) + link_bytes + key.size() + value.size());
  Node* const node = new (memory) Node{sequence,
                                       nullptr,
                                       static_cast<uint32_t>(key.size()),
                                       static_cast<uint32_t>(value.size()),
                                       static_cast<int16_t>(height),
                                       erased};
  for (int level = 0; level < height; ++level) new (node->links() + level) std::atomic<Node*>(nullptr);
  char* const data = memory + sizeof(Node) + link_bytes;
  if (!key.empty()) std::memcpy(data, key.data(), key.size());
  if (!value.empty()) std::memcpy(data + key.size(), value.data(), value.size());
  return node;
}

Memtable::KeyRecord* Memtable::find_key(std::string_view key, uint64_t key_hash) const {
  KeyRecord* record = buckets_[key_hash & bucket_mask_].load(std::memory_order_acquire);
  for (; record != nullptr; record = record->next) {
    if (record->hash == key_hash && record->newest.load(std::memory_order_acquire)->key() == key) return record;
  }
  return nullptr;
}

Memtable::Node* Memtable::find_at_or_after(std::string_view key, Sequence sequence, Node** before) const {
  Node* node = head_;
  const Node* not_before = nullptr;  // compared on the level above: need not be compared again
  for (int level = height_.load(std::memory_order_relaxed) - 1;; --level) {
    Node* following = node->next(level);
    while (following != nullptr && following != not_before && following->before(key, sequence)) {
      node = following;
      following = node->next(level);
    }
    if (before != nullptr) before[level] = node;
    if (level == 0) return following;
    not_before = following;
  }
}

Memtable::Node* Memtable::find_before(std::string_view key) const {
  Node* before[kHeightMax];
  find_at_or_after(key, UINT64_MAX, before);
  return before[0] == head_ ? nullptr : before[0];
}

void Memtable::add(Sequence sequence, std::string_view key, std::string_view value, bool erased) {
  Node* const node = make_node(sequence, key, value, erased);
  Node* before[kHeightMax];
  find_at_or_after(key, sequence, before);
  const int height = node->height;
  const int height_before = height_.load(std::memory_order_relaxed);
  for (int level = height_before; level < height; ++level) before[level] = head_;
  // A reader that sees the new height before the new links meets null links of the head: it goes down a level.
  if (height > height_before) height_.store(height, std::memory_order_relaxed);

  const uint64_t key_hash = hash(key);
  KeyRecord* const record = find_key(key, key_hash);
  if (record != nullptr) node->older = record->newest.load(std::memory_order_relaxed);

  for (int level = 0; level < height; ++level) {
    std::atomic<Node*>& link = before[level]->links()[level];
    node->links()[level].store(link.load(std::memory_order_relaxed), std::memory_order_relaxed);
    link.store(node, std::memory_order_release);
  }
  if (record != nullptr) {
    record->newest.store(node, std::memory_order_release);
  } else {
    std::atomic<KeyRecord*>& bucket = buckets_[key_hash & bucket_mask_];
    KeyRecord* const added =
        new (arena_.allocate(sizeof(KeyRecord))) KeyRecord{key_hash, bucket.load(std::memory_order_relaxed), {node}};
    bucket.store(added, std::memory_order_release);
  }

  if (entries_.load(std::memory_order_relaxed) == 0) first_sequence_.store(sequence, std::memory_order_relaxed);
  last_sequence_.store(sequence, std::memory_order_relaxed);
  entries_.store(entries_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::optional<Memtable::Version> Memtable::get(std::string_view key, Sequence snapshot) const {
  const KeyRecord* const record = find_key(key, hash(key));
  if (record == nullptr) return std::nullopt;
  const Node* node = record->newest.load(std::memory_order_acquire);
  for (int step = 0; node != nullptr && node->sequence > snapshot; node = node->older) {
    if (++step > kVersionStepsMax) {
      node = find_at_or_after(key, snapshot, nullptr);
      if (node != nullptr && node->key() != key) node = nullptr;
      break;
    }
  }
  if (node == nullptr) return std::nullopt;
  return Version{node->sequence, node->erased, node->value()};
}

// Takes the newest visible version of the first key that has one, from `node` on: the first version of a key that
// is not passed over as too new.
void Memtable::Iterator::settle_forward(const Node* node) {
  for (int step = 0; node != nullptr && node->sequence > snapshot_;) {
    if (++step % kVersionStepsMax == 0) {
      node = table_->find_at_or_after(node->key(), snapshot_, nullptr);
    } else {
      node = node->next(0);
    }
  }
  node_ = node;
}

// As settle_forward(), but backwards: `node` is the oldest version of its key.
void Memtable::Iterator::settle_backward(const Node* node) {
  while (node != nullptr && node->sequence > snapshot_) node = table_->find_before(node->key());
  if (node != nullptr) node = table_->find_at_or_after(node->key(), snapshot_, nullptr);
  node_ = node;
}

void Memtable::Iterator::seek(std::string_view key) {
  settle_forward(table_->find_at_or_after(key, snapshot_, nullptr));
}

void Memtable::Iterator::seek_before(std::string_view key) { settle_backward(table_->find_before(key)); }

void Memtable::Iterator::seek_to_first() { settle_forward(table_->head_->next(0)); }

void Memtable::Iterator::seek_to_last() {
  const Node* node = table_->head_;
  for (int level = table_->height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    while (const Node* following = node->next(level)) node = following;
  }
  settle_backward(node == table_->head_ ? nullptr : node);
}

void Memtable::Iterator::next() {
  const std::string_view current = node_->key();
  const Node* node = node_->next(0);
  for (int step = 0; node != nullptr && node->key() == current; node = node->next(0)) {
    if (++step == kVersionStepsMax) {
      // Sequence 0 stands behind all versions but one at 0, which the loop passes.
      node = table_->find_at_or_after(current, 0, nullptr);
      while (node != nullptr && node->key() == current) node = node->next(0);
      break;
    }
  }
  settle_forward(node);
}

void Memtable::Iterator::prev() { settle_backward(table_->find_before(node_->key())); }

std::string_view Memtable::Iterator::key() const { return node_->key(); }
std::string_view Memtable::Iterator::value() const { return node_->value(); }
bool Memtable::Iterator::erased() const { return node_->erased; }
Sequence Memtable::Iterator::sequence() const { return node_->sequence; }

}  // namespace kvfs
