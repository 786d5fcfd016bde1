// An ordered map whose copies share structure: copying costs a reference, changing one key copies a logarithmic path.
// A treap (Seidel, Aragon, "Randomized Search Trees", 1996) of immutable nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace kvfs {

/// Thread safety: a map is a value; copies may be used by different threads.
class PersistentMap {
 public:
  struct Row {
    std::string key;
    std::string value;
  };

  /// Views and rows live as long as any map that holds them.
  const Row* find(std::string_view key) const;
  const Row* at_or_after(std::string_view key) const;  // null: none
  const Row* after(std::string_view key) const;
  const Row* before(std::string_view key) const;

  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);

  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }  // of keys and values

 private:
  struct Node;
  using Tree = std::shared_ptr<const Node>;
  static Tree insert(const Tree& tree, const std::shared_ptr<const Row>& row, uint64_t priority);
  static Tree remove(const Tree& tree, std::string_view key);
  static Tree join(const Tree& left, const Tree& right);
  static Tree make(std::shared_ptr<const Row> row, uint64_t priority, Tree left, Tree right);

  Tree root_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace kvfs
