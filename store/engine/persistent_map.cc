#include "store/engine/persistent_map.h"

#include <functional>
#include <utility>

namespace kvfs {

// Ordered by key; the priority of a node is at least that of its children.
struct PersistentMap::Node {
  std::shared_ptr<const Row> row;
  uint64_t priority;
  Tree left;
  Tree right;
};

namespace {

// Keys decide the shape, so a scrambled hash serves as the random priority.
uint64_t priority_of(std::string_view key) {
  uint64_t x = std::hash<std::string_view>{}(key) + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

PersistentMap::Tree PersistentMap::make(std::shared_ptr<const Row> row, uint64_t priority, Tree left, Tree right) {
  return std::make_shared<const Node>(Node{std::move(row), priority, std::move(left), std::move(right)});
}

const PersistentMap::Row* PersistentMap::find(std::string_view key) const {
  const Row* row = at_or_after(key);
  return row != nullptr && row->key == key ? row : nullptr;
}

const PersistentMap::Row* PersistentMap::at_or_after(std::string_view key) const {
  const Row* found = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    const bool candidate = std::string_view(node->row->key) >= key;
    if (candidate) found = node->row.get();
    node = candidate ? node->left.get() : node->right.get();
  }
  return found;
}

const PersistentMap::Row* PersistentMap::after(std::string_view key) const {
  const Row* found = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    const bool candidate = std::string_view(node->row->key) > key;
    if (candidate) found = node->row.get();
    node = candidate ? node->left.get() : node->right.get();
  }
  return found;
}

const PersistentMap::Row* PersistentMap::before(std::string_view key) const {
  const Row* found = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    const bool candidate = std::string_view(node->row->key) < key;
    if (candidate) found = node->row.get();
    node = candidate ? node->right.get() : node->left.get();
  }
  return found;
}

PersistentMap::Tree PersistentMap::insert(const Tree& tree, const std::shared_ptr<const Row>& row, uint64_t priority) {
  if (tree == nullptr) return make(row, priority, nullptr, nullptr);
  const int order = row->key.compare(tree->row->key);
  if (order == 0) return make(row, tree->priority, tree->left, tree->right);
  if (order < 0) {
    Tree left = insert(tree->left, row, priority);
    if (left->priority <= tree->priority) return make(tree->row, tree->priority, std::move(left), tree->right);
    return make(left->row, left->priority, left->left, make(tree->row, tree->priority, left->right, tree->right));
  }
  Tree right = insert(tree->right, row, priority);
  if (right->priority <= tree->priority) return make(tree->row, tree->priority, tree->left, std::move(right));
  return make(right->row, right->priority, make(tree->row, tree->priority, tree->left, right->left), right->right);
}

PersistentMap::Tree PersistentMap::join(const Tree& left, const Tree& right) {
  if (left == nullptr) return right;
  if (right == nullptr) return left;
  if (left->priority >= right->priority) return make(left->row, left->priority, left->left, join(left->right, right));
  return make(right->row, right->priority, join(left, right->left), right->right);
}

PersistentMap::Tree PersistentMap::remove(const Tree& tree, std::string_view key) {
  const int order = key.compare(tree->row->key);
  if (order == 0) return join(tree->left, tree->right);
  if (order < 0) return make(tree->row, tree->priority, remove(tree->left, key), tree->right);
  return make(tree->row, tree->priority, tree->left, remove(tree->right, key));
}

void PersistentMap::put(std::string_view key, std::string_view value) {
  const Row* old = find(key);
  rows_ += old == nullptr ? 1 : 0;
  bytes_ -= old == nullptr ? 0 : old->key.size() + old->value.size();
  bytes_ += key.size() + value.size();
  root_ = insert(root_, std::make_shared<const Row>(Row{std::string(key), std::string(value)}), priority_of(key));
}

void PersistentMap::erase(std::string_view key) {
  const Row* old = find(key);
  if (old == nullptr) return;
  rows_ -= 1;
  bytes_ -= old->key.size() + old->value.size();
  root_ = remove(root_, key);
}

}  // namespace kvfs
