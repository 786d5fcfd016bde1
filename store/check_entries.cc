// The rows of directories: entries, names of hard-linked files, and the chunks of values.
#include <fmt/format.h>

#include "store/byte_order.h"
#include "store/check_scan.h"
#include "store/text.h"

namespace kvfs {

namespace {
constexpr uint64_t kChunksPerProgress = 64;
}

void CheckScan::check_directories() {
  begin_directory(kRootDir);
  for_each_row(Table::dirent, [&](std::string_view key, std::string_view value) {
    const Result<Slot> slot = parse_dirent_row(key);
    if (!slot) {
      found("entry row " + printable(key), slot.error().message(), false);
      return;
    }
    if (slot->dir != group_.dir) {
      end_directory();
      begin_directory(slot->dir);
    }
    group_.rows += 1;
    if (slot->directory) group_.subdirectories += 1;
    const Result<Entry> entry = decode_entry(value);
    if (!entry)
      found(path_of(*slot), entry.error().message(), false);
    else
      check_name_row({*slot, std::string(key), *entry});
  });
  end_directory();
}

void CheckScan::begin_directory(DirId dir) {
  group_ = {};
  group_.dir = dir;
  group_.place = place_of(dir);
  group_.path = dir == kRootDir ? std::string() : path_of(dir);
}

void CheckScan::end_directory() {
  const DirId dir = group_.dir;
  if (group_.place) {
    check_link_count(dir, group_.subdirectories);
  } else if (!rows_.get(parent_row(dir)) || is_in_cycle(dir)) {
    found(fmt::format("directory {}", dir), fmt::format("nothing leads to it and its {} entries", group_.rows), true);
    lost_directories_.push_back(dir);
  }
}

void CheckScan::check_link_count(DirId dir, uint64_t subdirectories) {
  std::string row = meta_row("root");
  if (dir != kRootDir) {
    const auto parent = rows_.get(parent_row(dir));
    if (!parent || parent->size() < 8) return;
    row = dirent_row({load_be64(parent->data()), parent->substr(8), true});
  }
  std::optional<Entry> entry = entry_at(row);
  if (!entry || entry->inode != dir || entry->nlink == 2 + subdirectories) return;
  found(path_of(dir),
        fmt::format("has the link count {}; with {} directories in it, it must be {}", entry->nlink, subdirectories,
                    2 + subdirectories),
        true);
  entry->nlink = static_cast<uint32_t>(2 + subdirectories);
  fix(std::move(row), encode_entry(*entry));
}

void CheckScan::check_name_row(const Item& item) {
  if (item.entry.is_directory() != item.slot.directory)
    found(path_of(item.slot),
          item.slot.directory ? "the row of a directory holds something else" : "the row of a value holds a directory",
          false);
  else if (item.slot.directory)
    check_directory_row(item);
  else
    check_value_row(item);
}

/// Attributes that need no other row.
void CheckScan::check_identity(const std::string& where, const std::string& row, const Entry& entry) {
  inode_max_ = std::max(inode_max_, entry.inode);
  version_max_ = std::max(version_max_, entry.version);
  if (entry.inode < kFirstInode) found(where, fmt::format("has the reserved inode number {}", entry.inode), false);
  if (!inodes_.insert(entry.inode))
    found(where, fmt::format("has inode number {}, as another entry has", entry.inode), false);
  if ((entry.mode & ~kModeMask) != 0) found(where, fmt::format("has the impossible mode {:o}", entry.mode), false);
  if (const auto xattrs = Xattrs::decode(entry.xattrs); !xattrs) found(where, xattrs.error().message(), false);
  check_type_of(where, row, entry);
  if (entry.size > kValueBytesMax) found(where, fmt::format("states a size of {} bytes", entry.size), false);
}

void CheckScan::check_directory_row(const Item& item) {
  counts_.directories += 1;
  check_parent_of(item);
  if (const auto value = entry_at(dirent_row({item.slot.dir, item.slot.name, false})); value && !value->shadowed) {
    found(path_of({item.slot.dir, item.slot.name, false}), "is not marked as the value of a directory of its name",
          true);
    Entry marked = *value;
    marked.shadowed = true;
    fix(dirent_row({item.slot.dir, item.slot.name, false}), encode_entry(marked));
  }
  if (!has_rows(item.entry.inode)) check_link_count(item.entry.inode, 0);
  if (!group_.place) return;
  const uint32_t depth = group_.place->depth;
  if (depth < 2) {
    if (const Result<void> ok = kvfs::check_name(item.slot.name, depth == 0 ? "tenant" : "collection"); !ok)
      found(path_of(item.slot), ok.error().message(), false);
    if (depth == 1) collections_[item.entry.inode];
  } else if (item.entry.keys != 0 || item.entry.bytes != 0) {
    found(path_of(item.slot), "only collections count keys and bytes", true);
    Entry entry = item.entry;
    entry.keys = entry.bytes = 0;
    fix(item.row, encode_entry(entry));
  }
}

void CheckScan::check_parent_of(const Item& item) {
  std::string expected;
  append_be64(expected, item.slot.dir);
  expected.append(item.slot.name);
  const auto parent = rows_.get(parent_row(item.entry.inode));
  if (parent && *parent == expected) {
    check_identity(path_of(item.slot), item.row, item.entry);
    return;
  }
  if (parent && parent->size() >= 8) {
    const auto other = entry_at(dirent_row({load_be64(parent->data()), parent->substr(8), true}));
    if (other && other->inode == item.entry.inode) {
      found(path_of(item.slot), fmt::format("a second name of directory {}", item.entry.inode), true);
      fix(item.row, std::nullopt);
      return;
    }
  }
  check_identity(path_of(item.slot), item.row, item.entry);
  found(path_of(item.slot), parent ? "its parent row leads elsewhere" : "has no parent row", true);
  fix(parent_row(item.entry.inode), std::move(expected));
}

void CheckScan::check_value_row(const Item& item) {
  const Entry& entry = item.entry;
  const std::string where = path_of(item.slot);
  counts_.values += 1;
  if (group_.place && group_.place->depth < 2) found(where, "only directories can be here", false);
  if (entry.shadowed && !rows_.get(dirent_row({item.slot.dir, item.slot.name, true}))) {
    found(where, "is marked as the value of a directory that does not exist", true);
    Entry marked = entry;
    marked.shadowed = false;
    fix(item.row, encode_entry(marked));
  }
  if (entry.kind == Kind::link) {
    check_link_row(item);
    return;
  }
  check_identity(where, item.row, entry);
  if (entry.nlink != 1) {
    found(where, fmt::format("has {} as the number of its names; there is 1", entry.nlink), true);
    Entry mended = entry;
    mended.nlink = 1;
    fix(item.row, encode_entry(mended));
  }
  const uint64_t bytes = entry.chunked ? check_chunks_of(where, item.row, entry) : entry.size;
  if (group_.place && group_.place->collection != 0) {
    Totals& totals = collections_[group_.place->collection];
    totals.keys += entry.kind == Kind::file ? 1 : 0;
    totals.bytes += bytes;
  }
  check_expiry_of(item, entry);
}

void CheckScan::check_link_row(const Item& item) {
  const std::string where = path_of(item.slot);
  const std::optional<Entry> target = entry_at(inode_row(item.entry.inode));
  if (!target) {
    const bool damaged = rows_.get(inode_row(item.entry.inode)).has_value();
    found(where, fmt::format("a name of inode {}, which is {}", item.entry.inode, damaged ? "damaged" : "missing"),
          !damaged);
    if (!damaged) last_fixes_.try_emplace(item.row, std::nullopt);
    return;
  }
  const DirId collection = group_.place ? group_.place->collection : 0;
  Names& names = linked_[item.entry.inode];
  if (names.count == 0) names.collection = collection;
  if (names.collection != collection) found(where, "has another name in another collection", false);
  names.count += 1;
  if (collection != 0 && target->kind == Kind::file) collections_[collection].keys += 1;
  check_expiry_of(item, *target);
}

void CheckScan::check_expiry_of(const Item& item, const Entry& resolved) {
  if (resolved.indexed_early_ms != 0 && resolved.indexed_early_ms >= resolved.expires_ms) {
    found(path_of(item.slot), "its expiry is indexed after it expires", true);
    Entry mended = resolved;
    mended.indexed_early_ms = 0;
    fix(item.entry.kind == Kind::link ? inode_row(resolved.inode) : item.row, encode_entry(mended));
    return;
  }
  if (resolved.expires_ms == 0 || !group_.place) return;
  std::string row = expiry_row(group_.place->tenant, resolved.indexed_ms(), item.slot);
  if (rows_.get(row)) return;
  found(path_of(item.slot), "its expiry is not in the index", true);
  fix(std::move(row), std::string());
}

/// Returns the bytes that the value's chunks hold.
uint64_t CheckScan::check_chunks_of(const std::string& where, const std::string& row, const Entry& entry) {
  if (entry.elements) return entry.bytes;
  chunked_.insert(entry.inode);
  const std::string prefix = chunk_prefix(entry.inode);
  uint64_t bytes = 0;
  bool complete = true;
  const auto cursor = rows_.cursor();
  for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
    if (cursor->key().size() != prefix.size() + 4) continue;  // reported with the chunk rows
    const uint32_t index = load_be32(cursor->key().data() + prefix.size());
    const Result<ChunkRef> ref = decode_chunk_row(cursor->value());
    if (!ref) {
      found(fmt::format("{} chunk {}", where, index), ref.error().message(), false);
      complete = false;
    } else if (uint64_t{index} * kChunkBytes >= entry.size) {
      found(fmt::format("{} chunk {}", where, index), fmt::format("lies beyond the value's {} bytes", entry.size),
            true);
      fix(std::string(cursor->key()), std::nullopt);
    } else {
      bytes += ref->length;  // it counts even if it is damaged
      check_chunk(where, entry, index, *ref);
    }
  }
  if (!complete || bytes == entry.bytes) return complete ? bytes : entry.bytes;
  found(where, fmt::format("states {} bytes in chunks; there are {}", entry.bytes, bytes), true);
  Entry mended = entry;
  mended.bytes = bytes;
  fix(row, encode_entry(mended));
  return bytes;
}

void CheckScan::check_chunk(const std::string& where, const Entry& entry, uint32_t index, const ChunkRef& ref) {
  const std::string chunk = fmt::format("{} chunk {}", where, index);
  counts_.chunks += 1;
  counts_.chunk_bytes += ref.length;
  if (uint64_t{index} * kChunkBytes + ref.length > entry.size)
    found(chunk, fmt::format("reaches beyond the value's {} bytes", entry.size), false);
  const uint32_t pages = pages_of(ref.length);
  if (ref.page > kChunkSegmentPages - pages) {
    found(chunk, fmt::format("lies at page {} of its segment, which has {}", ref.page, kChunkSegmentPages), false);
    return;
  }
  PageMap& used = pages_[ref.segment];
  bool shared = false;
  for (uint32_t page = ref.page; page < ref.page + pages; ++page) shared = shared || used.test(page);
  if (shared) found(chunk, "shares its place with another chunk", false);
  const uint32_t before = used.live();
  used.set(ref.page, pages, true);
  chunk_pages_ += used.live() - before;
  if (!read_chunks_) return;
  std::string bytes(ref.length, '\0');
  if (const Result<void> ok = chunks_.read(ref, 0, ref.length, bytes.data()); !ok)
    hooks_.found_for_good({chunk, ok.error().message(), false, false});
  if (counts_.chunks % kChunksPerProgress == 0 && hooks_.progress)
    hooks_.progress({"rows", counts_.rows, rows_total_, counts_.chunk_bytes});
}

}  // namespace kvfs
