// Requests about open files: create, open, flush, fsync, release, and the publication of what was staged.
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "fusefs/attributes.h"
#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

constexpr int kRebasesMax = 100;                    // another door can hardly be faster so often in a row
constexpr uint64_t kLargePublication = 256 * 1024;  // staged bytes from which publishing may wait for the disk
constexpr int kOpenedToRun = 0x20;                  // among the flags of an open for execve(2): the kernel's FMODE_EXEC

/// What is no text of a counter or set will be none later either.
bool is_refused_for_good(const OpenFile& file, const Error& error) {
  return file.typed &&
         (error.code == Errc::invalid || error.code == Errc::out_of_range || error.code == Errc::value_too_large);
}

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

OpenedFile Filesystem::opened(std::shared_ptr<OpenFile> file, int flags) const {
  OpenedFile opened;
  opened.handle = std::make_unique<FileHandle>();
  file->opened = true;
  opened.handle->file = std::move(file);
  opened.handle->flags = flags;
  if ((flags & kOpenedToRun) != 0) opened.handle->file->executions++;
  const int access = flags & O_ACCMODE;
  if (access != O_RDONLY) opened.handle->file->writers++;
  opened.no_flush = access == O_RDONLY;
  opened.direct_io = access == O_WRONLY && options_.direct_io_writes;
  return opened;
}

Result<Filesystem::Created> Filesystem::create(Inode parent, std::string_view name, mode_t mode, int flags,
                                               Caller caller) {
  if (is_control(parent)) return create_control(parent, name, mode & ~caller.umask, flags, caller);
  NewNode node;
  node.mode = mode & kModeMask;
  node.umask = caller.umask;
  node.uid = caller.uid;
  node.gid = caller.gid;
  auto made = make(parent, name, node);
  if (!made) {
    if (made.error().code != Errc::exists || (flags & O_EXCL) != 0) return made.error();
    // Somebody else was faster; the caller did not ask for a new file.
    auto found = lookup(parent, name);
    if (!found) return found.error();
    if (found->inode == 0) return Errc::stale;
    if (S_ISDIR(found->attributes.st_mode)) return Errc::is_directory;
    auto opened = open(found->inode, flags, caller);
    if (!opened) return opened.error();
    return Created{*found, std::move(*opened)};
  }
  const auto acquired = open_files_.acquire(made->inode);
  const auto place = nodes_.place(made->inode);
  if (place) store_.hold_inode(made->inode, place->slot());
  return Created{*made, opened(acquired.file, flags)};
}

Result<Filesystem::Created> Filesystem::create_unnamed(Inode parent, mode_t mode, int flags, Caller caller) {
  if (is_control(parent)) return Error{Errc::unsupported, "files below .kvfs have names"};
  if (auto live = check_live(parent); !live) return live.error();
  NewNode node;
  node.mode = mode & kModeMask;
  node.umask = caller.umask;
  node.uid = caller.uid;
  node.gid = caller.gid;
  Inode held = 0;
  const auto let_go_of_held = [&] {
    if (held != 0) store_.release_inode(held);
    held = 0;
  };
  const auto made = store_.write(
      [&](WriteTxn& txn) -> Result<Node> {
        let_go_of_held();  // the transaction runs again
        const auto entry = make_unnamed(txn, parent, node);
        if (!entry) return entry.error();
        held = entry->inode;
        store_.hold_inode(held, {});
        return to_node(txn, *entry);
      },
      write_options());
  if (!made) {
    let_go_of_held();
    return made.error();
  }
  nodes_.remember(held, {});
  return Created{*made, opened(open_files_.acquire(held).file, flags)};
}

Result<OpenedFile> Filesystem::open(Inode inode, int flags, Caller caller) {
  if (is_control(inode)) return open_control(inode, flags, caller);
  bool read_is_due = false;  // a read that the page cache answers would not be noted
  bool typed = false;
  const auto slot = read_in(inode, [&](const ReadTxn& txn) -> Result<Place> {
    const auto located = locate(txn, inode);
    if (!located) return located.error();
    if (located->entry.kind != Kind::file) return located->entry.is_directory() ? Errc::is_directory : Errc::invalid;
    read_is_due = is_read_worth_noting(located->entry, now_ns());
    const Slot at{located->slot.dir, located->name, false};
    if (const auto path = dir_path(txn, at.dir); path && !is_in_snapshot(inode))
      kvfs::note_read(txn, (*path)->collection, &at);
    typed = located->entry.type != ValueType::bytes;
    return Place{located->slot.dir, located->name, false};
  });
  if (!slot && slot.error().code == Errc::stale && !is_in_snapshot(inode)) return open_replaced(inode, flags);
  if (!slot) return slot.error();
  if (is_in_snapshot(inode)) {
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0) return check_live(inode).error();
    OpenedFile seen;
    seen.handle = std::make_unique<FileHandle>();
    seen.handle->flags = flags;
    seen.handle->snapshot_node = inode;
    seen.no_flush = true;
    seen.direct_io = typed;
    return seen;
  }
  store_.hold_inode(inode, slot->slot());
  const auto acquired = open_files_.acquire(inode);
  auto result = opened(acquired.file, flags);
  result.keep_cache = !read_is_due;
  if ((flags & O_ACCMODE) == O_RDONLY && changed_elsewhere_.lately(inode, store_.now_ms()))
    result.direct_io = result.handle->pins_reads = true;
  if (typed) {  // what is read is not what was written
    result.direct_io = true;
    if ((flags & O_ACCMODE) == O_RDONLY) result.handle->pins_reads = true;
  }
  if ((flags & O_TRUNC) != 0) {
    const std::unique_lock lock(acquired.file->mutex);
    // The kernel looks whether it is a running program before this request only where it is opened for writing.
    if (auto done = acquired.file->executions > 0 ? Error{Errc::busy, "a running program is not truncated"}
                                                  : resize(*acquired.file, 0, caller);
        !done) {
      if ((flags & O_ACCMODE) != O_RDONLY) acquired.file->writers--;
      if (const auto gone = let_go(acquired.file); !gone.published)
        note_error("open", gone.published.error(), inode, caller.uid);
      store_.release_inode(inode);
      return done.error();
    }
    result.handle->added_to_staging = acquired.file->staging;
  }
  return result;
}

Overlay::BaseReader Filesystem::base_reader(const OpenFile& file) const {
  return [this, &file](uint64_t offset, size_t length, char* out) -> Result<size_t> {
    return store_.read([&](const ReadTxn& txn) -> Result<size_t> {
      const auto located = locate(txn, file.inode);
      if (!located) return located.error();
      return read_value(txn, located->entry, offset, length, out);
    });
  };
}

Result<void> Filesystem::begin_overlay(OpenFile& file) {
  if (file.overlay.begun()) return {};
  return store_.read([&](const ReadTxn& txn) -> Result<void> {
    const auto located = locate(txn, file.inode);
    if (!located && located.error().code == Errc::stale && file.opened) {
      // Another door has removed it between its opening and its being held: it lives on without a name, and empty.
      file.overlay.begin_empty(false);
      return {};
    }
    if (!located) return located.error();
    if (located->entry.size == 0)
      file.overlay.begin_empty(false);
    else
      file.overlay.begin(located->entry.size);
    file.base_version = located->entry.version;
    file.typed = located->entry.type != ValueType::bytes;
    file.mtime_ns.reset();
    file.mode = located->entry.mode;
    file.gid = located->entry.gid;
    file.clears_mode = 0;
    return {};
  });
}

void Filesystem::staged_change(OpenFile& file, Caller caller) {
  file.changed_ns = now_ns();
  file.mtime_ns.reset();
  if ((file.mode & (S_ISUID | S_ISGID)) != 0)
    file.clears_mode |= privileges_taken_by_writing(file.mode, file.gid, caller);
}

Result<void> Filesystem::rebase_overlay(OpenFile& file) {
  const auto size = store_.read([&](const ReadTxn& txn) -> Result<uint64_t> {
    const auto located = locate(txn, file.inode);
    if (!located) return located.error();
    file.base_version = located->entry.version;
    return located->entry.size;
  });
  if (!size) return size.error();
  return file.overlay.rebase(*size, base_reader(file));
}

bool Filesystem::is_removed(const OpenFile& file) const {
  return store_.read([&](const ReadTxn& txn) {
    const auto located = locate(txn, file.inode);
    return !located && located.error().code == Errc::stale;
  });
}

Result<void> Filesystem::publish(OpenFile& file, bool durable) {
  if (!file.overlay.dirty()) return {};
  if (durable || file.overlay.staged_bytes() >= kLargePublication) before_blocking();
  ValueChange change;
  change.mtime_ns = file.mtime_ns.value_or(file.changed_ns);
  change.ctime_ns = file.changed_ns;  // what stat(2) said meanwhile stays true
  change.clears_mode = file.clears_mode;
  change.if_version = file.if_match;
  WriteOptions options = write_options();
  if (durable) options.durability = Durability{Durability::Mode::strict, 0};
  const auto publish_once = [&](const StagedValue& value) -> Result<void> {
    ValueChange conditional = change;
    // Parts of a value may only be laid over the value they were made from.
    if (file.typed && file.overlay.only_appended())
      conditional.appended_from = file.overlay.base_size();
    else if (!value.replaces && !conditional.if_version)
      conditional.if_version = file.base_version;
    auto published = store_.write(
        [&](WriteTxn& txn) -> Result<Entry> {
          const auto located = locate(txn, file.inode);
          if (!located) return located.error();
          return set_value(txn, *located, value, conditional);
        },
        options);
    if (!published) return published.error();
    published_.add(*published);  // its views have ended: numbers only
    return {};
  };
  auto done = file.overlay.publish(base_reader(file), publish_once);
  for (int i = 0; i < kRebasesMax && !done && done.error().code == Errc::stale && !file.if_match; i++) {
    // Another door was faster: what was written here is laid over its value.
    done = rebase_overlay(file);
    if (done) done = file.overlay.publish(base_reader(file), publish_once);
  }
  if (!done && done.error().code == Errc::stale && !file.if_match && file.opened && is_removed(file)) {
    file.overlay.reset();  // goes with the file, see begin_overlay()
    done = {};
  }
  if (done) begin_staging(file);
  return done;
}

Result<void> Filesystem::flush(FileHandle& handle) {
  if (handle.control) return handle.control->flush();
  if (handle.snapshot_node != 0) return {};
  OpenFile& file = *handle.file;
  Result<void> done;
  {
    const std::unique_lock lock(file.mutex);
    if (file.refusal && handle.added_to_staging == file.refused_staging) return *file.refusal;
    // What others have staged, they publish when they are done.
    if (handle.added_to_staging != file.staging && file.staged_by_none != file.staging) return {};
    if ((handle.flags & O_TRUNC) != 0 && file.overlay.only_truncated() && !handle.flushed_once) {
      handle.flushed_once = true;
      return {};
    }
    done = publish(file, false);
    if (done || !is_refused_for_good(file, done.error())) return done;
    // All whose writes are in it are told so.
    file.refusal = done.error();
    file.refused_staging = file.staging;
    file.overlay.reset();
    begin_staging(file);
  }
  if (options_.data_lost) options_.data_lost(file.inode);
  return done;
}

void Filesystem::begin_staging(OpenFile& file) {
  file.staging++;
  file.if_match.reset();
  file.mtime_ns.reset();
  file.clears_mode = 0;
}

Result<void> Filesystem::sync(FileHandle& handle) {
  if (handle.control || handle.snapshot_node != 0) return {};
  bool published = false;
  {
    OpenFile& file = *handle.file;
    const std::unique_lock lock(file.mutex);
    published = file.overlay.dirty();
    if (auto done = publish(file, true); !done) return done;
  }
  // A durable commit makes all that was acknowledged before it durable, too.
  return published ? Result<void>() : sync_all();
}

Result<void> Filesystem::sync_all() {
  before_blocking();
  return store_.sync();
}

Filesystem::LetGo Filesystem::let_go(const std::shared_ptr<OpenFile>& file) {
  LetGo gone;
  // The kernel releases a handle some time after the flush that published what was written with it: where others have
  // the file open, what is staged by now may be half of what they write. None of them goes while the mutex is held.
  if (open_files_.is_only_handle(*file)) gone.published = publish(*file, false);
  gone.last = open_files_.release(file);
  return gone;
}

void Filesystem::release(std::unique_ptr<FileHandle> handle) {
  if (handle->control) {
    if (const auto done = flush(*handle); !done) note_error("release", done.error(), 0);
    return;
  }
  if (handle->snapshot_node != 0) return;
  const std::shared_ptr<OpenFile> file = std::move(handle->file);
  if ((handle->flags & O_ACCMODE) != O_RDONLY) file->writers--;
  LetGo gone;
  {
    const std::unique_lock lock(file->mutex);
    if ((handle->flags & kOpenedToRun) != 0) file->executions--;
    gone = let_go(file);
  }
  store_.release_inode(file->inode);
  if (gone.published) return;
  note_error("release", gone.published.error(), file->inode);
  if (!gone.last) return;  // what was staged is still there for the other handles
  spdlog::error("mount: inode {}: what was written is lost: {}", file->inode, gone.published.error().message());
  if (options_.data_lost) options_.data_lost(file->inode);
}

}  // namespace kvfs
