// Internal to check: one pass over everything in a snapshot. Finds what is wrong and the row writes that would mend it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/check.h"
#include "store/engine/chunk_segment.h"
#include "store/entry.h"
#include "store/inode_set.h"
#include "store/type_state.h"

namespace kvfs {

/// Row writes that mend; nullopt: the row goes.
using RowFixes = std::map<std::string, std::optional<std::string>>;

/// Used once, by one thread.
class CheckScan {
 public:
  struct Hooks {
    std::function<void(CheckFinding)> found;
    std::function<void(CheckFinding)> found_for_good;  // by reading chunks
    ProgressFn progress;
  };
  CheckScan(const Snapshot& rows, const ChunkStore& chunks, bool read_chunks, uint64_t rows_total, Hooks hooks)
      : rows_(rows), chunks_(chunks), read_chunks_(read_chunks), rows_total_(rows_total), hooks_(std::move(hooks)) {}

  /// Throws StoreException where the engine cannot read.
  void run();

  const RowFixes& fixes() const { return fixes_; }
  /// Directories and inodes that nothing leads to. To be attached only when there is nothing else to fix.
  const std::vector<DirId>& lost_directories() const { return lost_directories_; }
  const std::vector<Inode>& lost_inodes() const { return lost_inodes_; }
  /// Likewise only then: rows that belong to nothing.
  const RowFixes& last_fixes() const { return last_fixes_; }
  uint64_t chunk_pages() const { return chunk_pages_; }
  /// Sets the report's numbers of rows, directories, values and chunks.
  void count_into(CheckReport& report) const;

 private:
  /// Where a directory stands.
  struct Place {
    DirId tenant = 0;
    DirId collection = 0;
    uint32_t depth = 0;
  };
  struct Totals {
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };
  struct Names {
    uint32_t count = 0;
    DirId collection = 0;
  };
  /// The directory whose rows are being scanned.
  struct Group {
    DirId dir = 0;
    std::optional<Place> place;  // none: nothing leads to it
    std::string path;            // of it, for messages; ends in '/'
    uint64_t rows = 0;
    uint64_t subdirectories = 0;
  };
  /// One row of it.
  struct Item {
    Slot slot;
    std::string row;
    Entry entry;
  };

  void check_meta();
  void check_directories();
  void begin_directory(DirId dir);
  void end_directory();
  void check_name_row(const Item& item);
  void check_directory_row(const Item& item);
  void check_parent_of(const Item& item);
  void check_value_row(const Item& item);
  void check_link_row(const Item& item);
  void check_expiry_of(const Item& item, const Entry& resolved);
  void check_identity(const std::string& where, const std::string& row, const Entry& entry);
  void check_type_of(const std::string& where, const std::string& row, const Entry& entry);
  void check_members_of(const std::string& where, const std::string& row, const Entry& entry, const TypeState& head);
  uint64_t check_chunks_of(const std::string& where, const std::string& row, const Entry& entry);
  void check_chunk(const std::string& where, const Entry& entry, uint32_t index, const ChunkRef& ref);
  void check_link_count(DirId dir, uint64_t subdirectories);
  void check_totals();
  void check_inodes();
  void check_inode_row(Inode inode, std::string row, Entry entry);
  void check_orphans();
  void check_parents();
  void check_parent_row(DirId dir, std::string_view row);
  void check_chunk_rows();
  void check_expiry_rows();
  void check_settings();
  void check_elements();
  void check_trash();
  void check_trash_item(std::string_view key, std::string_view value);
  void check_trash_totals();
  void check_tables();

  /// Calls `visit(key, value)` for every row of a table.
  void for_each_row(Table table, const std::function<void(std::string_view, std::string_view)>& visit);
  std::optional<Entry> entry_at(const std::string& row) const;  // nullopt: absent or damaged
  std::optional<Entry> resolved_at(const Slot& slot) const;     // likewise
  std::optional<Place> place_of(DirId dir);
  bool has_rows(DirId dir) const;
  bool is_in_cycle(DirId dir) const;
  std::string path_of(DirId dir) const;
  std::string path_of(const Slot& slot) const;
  void found(std::string where, std::string what, bool mendable);
  /// The first fix of a row counts: others are found again in the next round.
  void fix(std::string row, std::optional<std::string> value);
  void count_row();

  const Snapshot& rows_;
  const ChunkStore& chunks_;
  const bool read_chunks_;
  const uint64_t rows_total_;
  const Hooks hooks_;

  RowFixes fixes_;
  RowFixes last_fixes_;
  std::vector<DirId> lost_directories_;
  std::vector<Inode> lost_inodes_;
  CheckReport counts_;  // of it, the numbers

  Group group_;
  std::unordered_map<DirId, Place> places_;  // a cache
  std::map<DirId, Totals> collections_;
  std::unordered_map<Inode, Names> linked_;
  std::map<DirId, Totals> trash_;
  std::string trash_place_;  // of the item that is being checked: what stands before its entry in the row
  InodeSet inodes_;
  InodeSet chunked_;
  InodeSet owners_;  // of element rows
  std::map<uint32_t, PageMap> pages_;
  uint64_t chunk_pages_ = 0;
  Inode inode_max_ = 0;
  Version version_max_ = 0;
};

}  // namespace kvfs
