// Reading files, and noting that they were read.
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

constexpr size_t kLargeRead = 64 * 1024;  // from here on a read may wait for the disk

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool Filesystem::is_read_worth_noting(const Entry& entry, int64_t now) const {
  if (!options_.keeps_access_times) return false;
  const auto noted = access_times_.find(entry.inode);
  return is_access_time_due(entry, std::max(entry.atime_ns, noted.value_or(entry.atime_ns)), now);
}

void Filesystem::note_read(const Located& located) {
  const int64_t now = now_ns();
  if (!is_read_worth_noting(located.entry, now)) return;
  if (access_times_.note(located.entry.inode, now, Place{located.slot.dir, located.name, located.entry.is_directory()}))
    access_times_overdue_.store(true, std::memory_order_relaxed);
}

void Filesystem::write_access_times() {
  access_times_overdue_.store(false, std::memory_order_relaxed);
  const auto noted = access_times_.all();
  if (noted.empty()) return;
  const auto done = store_.write(
      [&](WriteTxn& txn) -> Result<void> {
        for (const auto& [inode, one] : noted) {
          const auto located = inode == kRootDir ? Result<Located>(Located{{}, {}, root_entry(txn)})
                                                 : find_inode(txn, inode, one.place.slot());
          if (located) (void)set_access_time(txn, *located, one.atime_ns);  // else it is gone
        }
        return {};
      },
      write_options());
  // A full disk is no reason to keep them for ever.
  if (!done) spdlog::warn("mount: access times of {} files are lost: {}", noted.size(), done.error().message());
  access_times_.written(noted);
}

Result<size_t> Filesystem::read_pinned(FileHandle& handle, uint64_t offset, size_t length, char* out) {
  const std::lock_guard lock(handle.pin_mutex);
  // Who reads from the start, or again where he was told of the end, wants what is there now. Who goes on, the rest of
  // it.
  const bool again_at_end = handle.pinned && handle.told_end_at == offset;
  if (!handle.pinned || offset == 0 || again_at_end) {
    handle.pinned.reset();
    const auto pinned = store_.read([&](const ReadTxn& txn) -> Result<void> {
      const auto located = locate(txn, handle.file->inode);
      if (!located) return located.error();
      if ((handle.flags & O_NOATIME) == 0) note_read(*located);
      handle.pinned = std::make_unique<ValueReader>(txn, located->entry);
      return {};
    });
    if (!pinned) return pinned.error();
  }
  const auto got = handle.pinned->read(offset, length, out);
  handle.told_end_at.reset();
  if (got && *got == 0) handle.told_end_at = offset;
  return got;
}

Result<size_t> Filesystem::read(FileHandle& handle, uint64_t offset, size_t length, char* out) {
  if (handle.control) return handle.control->read(offset, length, out);
  write_access_times_if_overdue();
  if (length >= kLargeRead) before_blocking();
  if (handle.snapshot_node != 0)
    return read_in(handle.snapshot_node, [&](const ReadTxn& txn) -> Result<size_t> {
      const auto located = locate(txn, handle.snapshot_node);
      if (!located) return located.error();
      return read_value(txn, located->entry, offset, length, out);
    });
  const OpenFile& file = *handle.file;
  std::shared_lock lock(file.mutex);
  if (file.overlay.dirty()) {
    const auto got = file.overlay.read(offset, length, out, base_reader(file));
    const bool notes = options_.keeps_access_times && (handle.flags & O_NOATIME) == 0;
    if (got && notes && access_times_.find(file.inode).value_or(0) <= file.changed_ns) {
      const Place place = nodes_.place(file.inode).value_or(Place{});
      access_times_.note(file.inode, now_ns(), place);
    }
    return got;
  }
  const auto got = handle.pins_reads ? read_pinned(handle, offset, length, out)
                                     : store_.read([&](const ReadTxn& txn) -> Result<size_t> {
                                         const auto located = locate(txn, file.inode);
                                         if (!located) return located.error();
                                         if ((handle.flags & O_NOATIME) == 0) note_read(*located);
                                         return read_value(txn, located->entry, offset, length, out);
                                       });
  if (got || got.error().code != Errc::stale) return got;
  lock.unlock();
  // A rename may have replaced it between its opening and its being held.
  const auto value = replaced_value(file.inode);
  return value ? read_text(*value, offset, length, out) : got;
}

}  // namespace kvfs
