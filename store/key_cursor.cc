// Keys of a collection in byte order, and listings of them: a depth-first walk over directory rows, which sort as
// "name/" just where the keys below them belong.
#include <vector>

#include "store/keyspace.h"
#include "store/tree_rows.h"

namespace kvfs {

struct KeyCursor::State {
  State(const ReadTxn& reader, DirId collection) : txn(reader), rows(reader.rows().cursor()), root(collection) {}

  struct Level {
    DirId dir;
    size_t key_bytes;       // of the key before this directory's component
    std::string component;  // empty for the collection itself
  };

  const ReadTxn& txn;
  std::unique_ptr<Cursor> rows;
  DirId root;
  std::vector<Level> levels;
  std::string row_prefix;  // of the innermost level
  std::string key;         // the innermost level's path, then the value's component
  size_t path_bytes = 0;   // of key: the innermost level's path
  Entry entry;
  Slot slot;
  bool valid = false;

  void restart() {
    levels.assign(1, {root, 0, {}});
    keep_to(root);
    key.clear();
    path_bytes = 0;
    valid = false;
  }

  void keep_to(DirId dir) {
    row_prefix = dirent_prefix(dir);
    rows->keep_to(row_prefix);
  }

  void enter(DirId dir, std::string_view component) {
    levels.push_back({dir, path_bytes, std::string(component)});
    key.resize(path_bytes);
    key.append(component).push_back('/');
    path_bytes = key.size();
    keep_to(dir);
  }

  /// Out of the innermost level; the row of the directory left. False: that was the collection itself.
  bool leave(std::string& directory_row) {
    if (levels.size() == 1) return false;
    const Level left = std::move(levels.back());
    levels.pop_back();
    directory_row = dirent_row({levels.back().dir, left.component, true});
    path_bytes = left.key_bytes;
    key.resize(path_bytes);
    keep_to(levels.back().dir);
    return true;
  }

  bool on_row() const { return rows->valid() && rows->key().starts_with(row_prefix); }

  /// The row is a live value: takes it. Directories are for the caller.
  bool take(const Slot& at) {
    const Result<Entry> decoded = decode_entry(rows->value());
    if (!decoded) throw StoreException(decoded.error());
    entry = *decoded;
    if (entry.kind == Kind::link) {
      const std::optional<Entry> linked = rows::load_inode(txn.rows(), entry.inode);
      if (!linked) throw StoreException({Errc::corrupt, "a hard link to an inode that has no row"});
      entry = *linked;
    }
    if (entry.kind != Kind::file || entry.expired(txn.now_ms())) return false;
    slot = at;
    key.resize(path_bytes);
    key.append(at.name);
    valid = true;
    return true;
  }

  Slot slot_here() const {
    const Result<Slot> at = parse_dirent_row(rows->key());
    if (!at) throw StoreException(at.error());
    return *at;
  }

  DirId directory_here() const {
    const Result<Entry> decoded = decode_entry(rows->value());
    if (!decoded) throw StoreException(decoded.error());
    return decoded->inode;
  }

  void settle_forward() {
    valid = false;
    std::string directory_row;
    while (true) {
      if (!on_row()) {
        if (!leave(directory_row)) return;
        rows->seek(directory_row + '\0');
        continue;
      }
      const Slot at = slot_here();
      if (at.directory) {
        const DirId dir = directory_here();
        enter(dir, at.name);
        rows->seek(row_prefix);
        continue;
      }
      if (take(at)) return;
      rows->next();
    }
  }

  void settle_backward() {
    valid = false;
    std::string directory_row;
    while (true) {
      if (!on_row()) {
        if (!leave(directory_row)) return;
        rows->seek_before(directory_row);
        continue;
      }
      const Slot at = slot_here();
      if (at.directory) {
        const DirId dir = directory_here();
        enter(dir, at.name);
        rows->seek_before(prefix_end(row_prefix));
        continue;
      }
      if (take(at)) return;
      rows->prev();
    }
  }

  /// Enters the directories of `sought` that exist; the row that the rest of it would stand at.
  std::string descend(std::string_view sought) {
    restart();
    KeyComponents components(sought);
    std::string_view component;
    while (components.next_directory(component)) {
      const Slot at{levels.back().dir, component, true};
      if (component.size() > kComponentBytesMax)
        return dirent_row({at.dir, component.substr(0, kComponentBytesMax + 1), true});
      const std::optional<Entry> directory = rows::load(txn.rows(), at);
      if (!directory) return dirent_row(at);
      enter(directory->inode, component);
    }
    return dirent_row({levels.back().dir, components.last().substr(0, kComponentBytesMax + 1), false});
  }
};

KeyCursor::KeyCursor(const ReadTxn& txn, DirId collection) : state_(std::make_unique<State>(txn, collection)) {}
KeyCursor::~KeyCursor() = default;

void KeyCursor::seek(std::string_view key) {
  state_->rows->seek(state_->descend(key));
  state_->settle_forward();
}

void KeyCursor::seek_before(std::string_view key) {
  state_->rows->seek_before(state_->descend(key));
  state_->settle_backward();
}

void KeyCursor::seek_last() {
  state_->restart();
  state_->rows->seek_before(prefix_end(state_->row_prefix));
  state_->settle_backward();
}

void KeyCursor::next() {
  state_->rows->next();
  state_->settle_forward();
}

void KeyCursor::prev() {
  state_->rows->prev();
  state_->settle_backward();
}

bool KeyCursor::valid() const { return state_->valid; }
std::string_view KeyCursor::key() const { return state_->key; }
const Entry& KeyCursor::entry() const { return state_->entry; }
Slot KeyCursor::slot() const { return state_->slot; }

namespace {

struct Bounds {
  std::string low;  // first key that may be given
  bool low_exclusive = false;
  std::optional<std::string> high;  // first key beyond
};

Bounds bounds_of(const ListQuery& query) {
  Bounds bounds;
  bounds.low = query.prefix;
  if (query.start && *query.start > bounds.low) bounds.low = *query.start;
  const auto lower_high = [&](std::string high) {
    if (!bounds.high || high < *bounds.high) bounds.high = std::move(high);
  };
  if (std::string end = prefix_end(query.prefix); !end.empty()) lower_high(std::move(end));
  if (query.end) lower_high(*query.end);
  if (query.end_incl) lower_high(*query.end_incl + '\0');
  if (query.after) {
    if (query.reverse) {
      lower_high(*query.after);
    } else if (*query.after >= bounds.low) {
      bounds.low = *query.after;
      bounds.low_exclusive = true;
    }
  }
  return bounds;
}

/// The common prefix that `key` falls under, or empty.
std::string_view group_of(const ListQuery& query, std::string_view key) {
  if (query.delimiter.empty()) return {};
  const size_t at = key.find(query.delimiter, query.prefix.size());
  return at == key.npos ? std::string_view() : key.substr(0, at + query.delimiter.size());
}

}  // namespace

std::optional<std::string> list_keys(const ReadTxn& txn, DirId collection, const ListQuery& query,
                                     const std::function<bool(std::string_view, const Entry&)>& on_key,
                                     const std::function<bool(std::string_view)>& on_prefix) {
  const Bounds bounds = bounds_of(query);
  KeyCursor cursor(txn, collection);
  const auto start = [&] {
    if (!query.reverse)
      cursor.seek(bounds.low_exclusive ? bounds.low + '\0' : bounds.low);
    else if (bounds.high)
      cursor.seek_before(*bounds.high);
    else
      cursor.seek_last();
  };
  const auto in_bounds = [&] {
    if (!cursor.valid()) return false;
    return query.reverse ? cursor.key() >= bounds.low : !bounds.high || cursor.key() < *bounds.high;
  };
  const auto skip_group = [&](const std::string& group) {
    if (query.reverse) {
      cursor.seek_before(group);
    } else if (const std::string end = prefix_end(group); !end.empty()) {
      cursor.seek(end);
    } else {
      while (cursor.valid()) cursor.next();
    }
  };

  std::string last;
  size_t given = 0;
  start();
  // A cursor that is itself a group stands for all keys under it.
  if (!query.reverse && query.after && !query.delimiter.empty() && query.after->ends_with(query.delimiter) &&
      query.after->starts_with(query.prefix) && query.after->size() > query.prefix.size())
    skip_group(*query.after);
  while (in_bounds()) {
    if (given == query.limit) return last;
    const std::string group(group_of(query, cursor.key()));
    ++given;
    if (group.empty()) {
      last = cursor.key();
      if (!on_key(cursor.key(), cursor.entry())) return last;
      if (query.reverse)
        cursor.prev();
      else
        cursor.next();
    } else {
      last = group;
      if (on_prefix && !on_prefix(group)) return last;
      skip_group(group);
    }
  }
  return std::nullopt;
}

}  // namespace kvfs
