// The tables beside the directories: meta, parents, inodes, orphans, chunks, expiry, settings, elements.
#include "store/check_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "store/byte_order.h"
#include "store/text.h"
#include "store/trash_rows.h"

namespace kvfs {

namespace {

constexpr size_t kPlacesCachedMax = 1'000'000;
constexpr uint32_t kDepthMax = kDirectoryPathBytesMax + 3;  // a path of slashes alone
constexpr size_t kFixesMax = 100'000;                       // of a round
constexpr uint64_t kRowsPerProgress = 4096;
constexpr Version kVersionMargin = Version{10'000} << 16;
constexpr Inode kInodeMargin = 16'384;

std::string number_row_value(uint64_t number) {
  std::string value;
  append_le(value, number);
  return value;
}

std::optional<uint64_t> number_at(const Snapshot& rows, std::string_view name) {
  const auto row = rows.get(meta_row(name));
  if (!row || row->size() != sizeof(uint64_t)) return std::nullopt;
  FieldReader in(*row);
  return in.take<uint64_t>();
}

}  // namespace

void CheckScan::run() {
  check_directories();
  check_inodes();
  check_trash();
  check_orphans();
  check_parents();
  check_totals();
  check_chunk_rows();
  check_expiry_rows();
  check_settings();
  check_elements();
  check_meta();
  check_tables();
}

void CheckScan::found(std::string where, std::string what, bool mendable) {
  hooks_.found({std::move(where), std::move(what), mendable, false});
}

void CheckScan::fix(std::string row, std::optional<std::string> value) {
  if (value && !trash_place_.empty()) value->insert(0, trash_place_);
  if (fixes_.size() < kFixesMax) fixes_.try_emplace(std::move(row), std::move(value));
}

void CheckScan::count_into(CheckReport& report) const {
  report.rows = counts_.rows;
  report.directories = counts_.directories;
  report.values = counts_.values;
  report.chunks = counts_.chunks;
  report.chunk_bytes = counts_.chunk_bytes;
}

void CheckScan::count_row() {
  if (++counts_.rows % kRowsPerProgress == 0 && hooks_.progress)
    hooks_.progress({"rows", counts_.rows, rows_total_, counts_.chunk_bytes});
}

void CheckScan::for_each_row(Table table, const std::function<void(std::string_view, std::string_view)>& visit) {
  const std::string prefix(1, static_cast<char>(table));
  const auto cursor = rows_.cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    count_row();
    visit(cursor->key(), cursor->value());
  }
}

std::optional<Entry> CheckScan::entry_at(const std::string& row) const {
  const auto bytes = rows_.get(row);
  if (!bytes) return std::nullopt;
  const Result<Entry> entry = decode_entry(*bytes);
  if (!entry) return std::nullopt;
  return *entry;
}

std::optional<Entry> CheckScan::resolved_at(const Slot& slot) const {
  const std::optional<Entry> entry = entry_at(dirent_row(slot));
  return entry && entry->kind == Kind::link ? entry_at(inode_row(entry->inode)) : entry;
}

std::optional<CheckScan::Place> CheckScan::place_of(DirId dir) {
  // Up to a directory whose place is known, then down again.
  std::vector<DirId> above;
  Place place;
  for (DirId at = dir; at != kRootDir;) {
    if (const auto known = places_.find(at); known != places_.end()) {
      place = known->second;
      break;
    }
    const auto row = rows_.get(parent_row(at));
    if (!row || row->size() < 8 || above.size() > kDepthMax) return std::nullopt;
    const DirId parent = load_be64(row->data());
    const std::optional<Entry> entry = entry_at(dirent_row({parent, row->substr(8), true}));
    if (!entry || entry->inode != at) return std::nullopt;
    above.push_back(at);
    at = parent;
  }
  if (places_.size() > kPlacesCachedMax) places_.clear();
  for (auto at = above.rbegin(); at != above.rend(); ++at) {
    place.depth += 1;
    if (place.depth == 1) place.tenant = *at;
    if (place.depth == 2) place.collection = *at;
    places_.emplace(*at, place);
  }
  return place;
}

bool CheckScan::has_rows(DirId dir) const {
  const std::string prefix = dirent_prefix(dir);
  const auto cursor = rows_.cursor();
  cursor->seek(prefix);
  return cursor->valid() && cursor->key().starts_with(prefix);
}

std::string CheckScan::path_of(DirId dir) const {
  std::vector<std::string> names;  // upwards
  std::string path;
  while (dir != kRootDir) {
    const auto row = rows_.get(parent_row(dir));
    if (!row || row->size() < 8 || names.size() > kDepthMax) {
      path = fmt::format("directory {}/", dir);
      break;
    }
    names.push_back(printable(row->substr(8)));
    dir = load_be64(row->data());
  }
  for (auto name = names.rbegin(); name != names.rend(); ++name) path.append(*name).push_back('/');
  return path.empty() ? "/" : path;
}

std::string CheckScan::path_of(const Slot& slot) const {
  const std::string above = slot.dir == kRootDir     ? std::string()
                            : slot.dir == group_.dir ? group_.path
                                                     : path_of(slot.dir);
  return above + printable(slot.name) + (slot.directory ? "/" : "");
}

void CheckScan::check_meta() {
  const std::optional<uint64_t> format = number_at(rows_, "format");
  if (!format)
    found("meta format", "missing or malformed", true), fix(meta_row("format"), number_row_value(kRowsFormat));
  else if (*format == 0 || *format > kRowsFormat)
    found("meta format", fmt::format("is {}; this kvfs knows formats up to {}", *format, kRowsFormat), false);
  const auto check_lease = [&](const char* name, uint64_t used, uint64_t margin) {
    const std::optional<uint64_t> lease = number_at(rows_, name);
    if (lease ? used < *lease : used == 0) return;
    found(fmt::format("meta {}", name),
          lease ? fmt::format("{} is in use, which is not below the lease {}", used, *lease)
                : fmt::format("missing or malformed, and {} is in use", used),
          true);
    fix(meta_row(name), number_row_value(used + margin));
  };
  check_lease("clock", version_max_, kVersionMargin);
  check_lease("inodes", inode_max_, kInodeMargin);
  for_each_row(Table::meta, [&](std::string_view key, std::string_view value) {
    const std::string_view name = key.substr(1);
    if (name == "root") {
      const Result<Entry> root = decode_entry(value);
      if (!root || root->kind != Kind::directory || root->inode != kRootDir) {
        found("meta root", root ? "is not the root directory" : root.error().message(), true);
        fix(std::string(key), std::nullopt);
      }
    } else if (name != "format" && name != "clock" && name != "inodes" && name != "replica") {
      found("meta " + printable(name), "an unknown row", false);
    }
  });
}

void CheckScan::check_inodes() {
  for_each_row(Table::inode, [&](std::string_view key, std::string_view value) {
    const Result<Entry> entry = decode_entry(value);
    if (key.size() != 9)
      found("inode row " + printable(key), "malformed key", false);
    else if (!entry)
      found(fmt::format("inode {}", load_be64(key.data() + 1)), entry.error().message(), false);
    else
      check_inode_row(load_be64(key.data() + 1), std::string(key), *entry);
  });
}

void CheckScan::check_inode_row(Inode inode, std::string row, Entry entry) {
  const std::string where = fmt::format("inode {}", inode);
  const auto names = linked_.find(inode);
  const uint32_t count = names == linked_.end() ? 0 : names->second.count;
  const bool orphan = rows_.get(orphan_row(inode)).has_value();
  if (entry.inode != inode || entry.is_directory() || entry.kind == Kind::link) {
    found(where, "the row holds something else", false);
    return;
  }
  check_identity(where, row, entry);
  const uint64_t bytes = entry.chunked ? check_chunks_of(where, row, entry) : entry.size;
  if (count == 0 && !orphan) {
    found(where, "no name leads to it", true);
    lost_inodes_.push_back(inode);
    return;
  }
  if (count > 0) collections_[names->second.collection].bytes += bytes;
  if (count > 0 && orphan) {
    found(where, fmt::format("marked as removed, but {} names lead to it", count), true);
    fix(orphan_row(inode), std::nullopt);
  }
  if (entry.nlink == count) return;
  found(where, fmt::format("has {} as the number of its names; there are {}", entry.nlink, count), true);
  entry.nlink = count;
  fix(std::move(row), encode_entry(entry));
}

bool CheckScan::is_in_cycle(DirId dir) const {
  DirId at = dir;
  for (uint32_t steps = 0; steps <= kDepthMax && at != kRootDir; ++steps) {
    const auto row = rows_.get(parent_row(at));
    if (!row || row->size() < 8) return false;
    at = load_be64(row->data());
    if (at == dir) return true;
  }
  return false;
}

void CheckScan::check_orphans() {
  for_each_row(Table::orphan, [&](std::string_view key, std::string_view note) {
    if (key.size() == 9 && rows_.get(inode_row(load_be64(key.data() + 1)))) {
      std::string_view rest;
      if (note.empty() || rows::decode_trash_place(note, rest)) return;
      found("removed file " + std::to_string(load_be64(key.data() + 1)), "its place in the trash is damaged", true);
      fix(std::string(key), std::string());
      return;
    }
    found("removed file " + (key.size() == 9 ? std::to_string(load_be64(key.data() + 1)) : printable(key)),
          "its inode does not exist", true);
    fix(std::string(key), std::nullopt);
  });
}

void CheckScan::check_parents() {
  for_each_row(Table::parent, [&](std::string_view key, std::string_view value) {
    if (key.size() != 9 || value.size() < 8) {
      found("parent row " + printable(key), "malformed", true);
      fix(std::string(key), std::nullopt);
    } else {
      check_parent_row(load_be64(key.data() + 1), value);
    }
  });
}

void CheckScan::check_parent_row(DirId dir, std::string_view row) {
  const Slot slot{load_be64(row.data()), row.substr(8), true};
  const auto bytes = rows_.get(dirent_row(slot));
  const std::optional<Entry> entry = bytes ? entry_at(dirent_row(slot)) : std::nullopt;
  if (entry && entry->inode == dir) return;
  if (!has_rows(dir)) {
    found(fmt::format("directory {}", dir), "has a parent, but no entry there", true);
    last_fixes_.try_emplace(parent_row(dir), std::nullopt);
  } else if (entry) {
    found(path_of(slot), fmt::format("is another directory than {}, which thinks to be there", dir), true);
    lost_directories_.push_back(dir);
  } else {
    found(path_of(slot), fmt::format("the entry of directory {} is {}", dir, bytes ? "damaged" : "missing"), true);
    Entry made;
    made.kind = Kind::directory;
    made.mode = 0755;
    made.nlink = 2;
    made.inode = dir;
    made.version = version_max_;
    fix(dirent_row(slot), encode_entry(made));
  }
}

void CheckScan::check_totals() {
  for (const auto& [collection, totals] : collections_) {
    const auto parent = rows_.get(parent_row(collection));
    if (!parent || parent->size() < 8) continue;
    const std::string row = dirent_row({load_be64(parent->data()), parent->substr(8), true});
    std::optional<Entry> entry = entry_at(row);
    if (!entry || entry->inode != collection || (entry->keys == totals.keys && entry->bytes == totals.bytes)) continue;
    found(path_of(collection),
          fmt::format("counts {} keys and {} bytes; there are {} and {}", entry->keys, entry->bytes, totals.keys,
                      totals.bytes),
          true);
    entry->keys = totals.keys;
    entry->bytes = totals.bytes;
    fix(row, encode_entry(*entry));
  }
}

void CheckScan::check_chunk_rows() {
  std::map<Inode, uint64_t> ownerless;
  for_each_row(Table::chunk, [&](std::string_view key, std::string_view) {
    if (key.size() != 13) {
      found("chunk row " + printable(key), "malformed key", true);
    } else {
      const Inode inode = load_be64(key.data() + 1);
      if (chunked_.contains(inode)) return;
      ownerless[inode] += 1;
    }
    last_fixes_.try_emplace(std::string(key), std::nullopt);
  });
  for (const auto& [inode, count] : ownerless)
    found(fmt::format("inode {}", inode), fmt::format("{} chunks belong to no value", count), true);
}

void CheckScan::check_expiry_rows() {
  for_each_row(Table::expiry, [&](std::string_view key, std::string_view) {
    const Result<ExpiryRow> row = parse_expiry_row(key);
    if (row) {
      const std::optional<Entry> entry = resolved_at(row->slot);
      const std::optional<Place> place = place_of(row->slot.dir);
      if (entry && entry->indexed_ms() == row->expires_ms && (!place || place->tenant == row->tenant)) return;
    }
    found(row ? path_of(row->slot) : "expiry row " + printable(key), "an expiry that is not the value's", true);
    fix(std::string(key), std::nullopt);
  });
}

void CheckScan::check_settings() {
  for_each_row(Table::settings, [&](std::string_view key, std::string_view value) {
    const DirId dir = key.size() == 9 ? load_be64(key.data() + 1) : 0;
    const std::optional<Place> place = dir == 0 ? std::nullopt : place_of(dir);
    if (!place || place->depth == 0 || place->depth > 2) {
      found("settings row " + printable(key.substr(1)), "belongs to no tenant or collection", true);
      last_fixes_.try_emplace(std::string(key), std::nullopt);
      return;
    }
    const Result<Settings> settings = decode_settings(value);
    if (settings && (settings->fsync.empty() || parse_durability(settings->fsync))) return;
    found(path_of(dir), "its settings are damaged; mending removes them", true);
    fix(std::string(key), std::nullopt);
  });
}

void CheckScan::check_elements() {
  for_each_row(Table::garbage, [&](std::string_view key, std::string_view) {
    const uint64_t owner = key.size() == 9 ? load_be64(key.data() + 1) : 0;
    if (owner != 0 && !owners_.contains(owner)) return;
    found("garbage row " + printable(key), owner == 0 ? "malformed key" : "would remove the members of a set", true);
    fix(std::string(key), std::nullopt);
  });
  std::set<uint64_t> ownerless;
  for_each_row(Table::element, [&](std::string_view key, std::string_view) {
    const uint64_t owner = key.size() >= 9 ? load_be64(key.data() + 1) : 0;
    if (owners_.contains(owner) || rows_.get(garbage_row(owner))) return;
    ownerless.insert(owner);
    last_fixes_.try_emplace(std::string(key), std::nullopt);
  });
  for (const uint64_t owner : ownerless) found(fmt::format("elements {}", owner), "belong to no value", true);
}

void CheckScan::check_tables() {
  static constexpr std::string_view kTables = "DPBIOXEGRTMZ";
  const auto cursor = rows_.cursor();
  for (cursor->seek(""); cursor->valid();) {
    const std::string table(cursor->key().substr(0, 1));
    if (kTables.find(table) == kTables.npos) {
      found("row " + printable(cursor->key()), "of an unknown table", false);
      count_row();
    }
    const std::string end = prefix_end(table);
    if (end.empty()) return;
    cursor->seek(end);
  }
}

}  // namespace kvfs
