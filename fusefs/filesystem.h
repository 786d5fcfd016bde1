// The file system: what each request of the mount does with the store. Knows no libfuse session and is tested without
// a mount; ops.cc unpacks requests, calls this, replies.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fusefs/access_times.h"
#include "fusefs/caller.h"
#include "fusefs/changed_elsewhere.h"
#include "fusefs/command_file.h"
#include "fusefs/control_dir.h"
#include "fusefs/control_tree.h"
#include "fusefs/directory_positions.h"
#include "fusefs/forgotten_places.h"
#include "fusefs/held_nodes.h"
#include "fusefs/last_errors.h"
#include "fusefs/node_table.h"
#include "fusefs/open_files.h"
#include "fusefs/recent_publications.h"
#include "fusefs/removed_nodes.h"
#include "fusefs/snapshot_views.h"
#include "fusefs/staged_transaction.h"
#include "store/store.h"

namespace kvfs {

class TransactionFiles;

struct FilesystemOptions {
  /// How long the kernel may keep what it was told; changes from elsewhere are pushed to it (see invalidator.h).
  double entry_timeout_s = 86400;
  double attribute_timeout_s = 86400;
  double negative_timeout_s = 86400;
  OverlayLimits staging;
  /// Write-only opens bypass the page cache: saves a request, but older kernels leave stale pages behind.
  bool direct_io_writes = true;
  bool keeps_access_times = true;  // as relatime does
  bool acls = true;                // POSIX access control lists are kept, and enforced by the kernel
  /// Owner, group and permissions that all files are shown with, whatever they have.
  std::optional<uid_t> shown_uid;
  std::optional<gid_t> shown_gid;
  std::optional<mode_t> shown_umask;
  std::vector<ControlFile> control_files;  // besides those of the mount itself
  ControlCommands commands;                // behind `.kvfs/control`
  size_t events_bytes_max = 8 << 20;       // lines of `.kvfs/events` that are remembered for readers, each file
  size_t channel_bytes_max = 1 << 20;      // messages of `.kvfs/channels` likewise, each channel
  TransactionOptions transactions;         // of `.kvfs/tx`
  Snapshots* snapshots = nullptr;          // shown as `.kvfs/snapshots`; null: the file system keeps its own
  /// Called without a lock when a write has taken setuid away: the kernel leaves that to us and does not ask again.
  std::function<void(Inode)> attributes_changed;
  /// Called without a lock when staged bytes were dropped unpublished: the kernel may still remember them. May wait for
  /// other requests.
  std::function<void(Inode)> data_lost;
  /// Called before a request waits for a disk, so that another thread can take requests meanwhile.
  std::function<void()> before_blocking;
  /// Called before a request waits for the kernel to forget what another one may be busy with.
  std::function<void()> before_notifying;
};

/// An entry as told to the kernel. inode 0: the name does not exist, which may be remembered for entry_timeout_s.
struct Node {
  Inode inode = 0;
  struct stat attributes {};
  double entry_timeout_s = 0;
  double attribute_timeout_s = 0;
};

struct Attributes {
  struct stat stat {};
  double timeout_s = 0;
  std::optional<int64_t> btime_ns = {};  // when it was made, where that is known
};

/// setattr(2)s: nullopt leaves.
struct AttributeRequest {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<uint64_t> size;
  std::optional<int64_t> atime_ns;
  std::optional<int64_t> mtime_ns;
};

/// An open file. Used by any number of threads at once.
struct FileHandle {
  std::shared_ptr<OpenFile> file;  // null: a file of a control directory or of a snapshot
  int flags = 0;
  bool flushed_once = false;               // guarded by file->mutex; see Filesystem::flush
  uint64_t added_to_staging = 0;           // likewise: the last OpenFile::staging that this handle added to
  std::unique_ptr<ControlHandle> control;  // a file of a control directory, or one that a rename replaced
  Inode snapshot_node = 0;                 // a file in a snapshot, else 0
  bool pins_reads = false;  // read as one value although another door keeps changing it; see Filesystem::read_pinned
  std::mutex pin_mutex;     // guards the two below
  std::unique_ptr<ValueReader> pinned;
  std::optional<uint64_t> told_end_at;  // where the last read found nothing any more
};

/// What kind of write a request is; O_APPEND is as the descriptor has it now, fcntl(2) changes it.
enum class Writing {
  at_offset,
  at_end,        // O_APPEND
  from_mapping,  // the kernel writes back a shared mapping, through whatever handle it has
};

struct OpenedFile {
  std::unique_ptr<FileHandle> handle;
  bool direct_io = false;
  bool keep_cache = true;
  bool no_flush = false;
};

/// An open directory: remembers which component stands behind the offsets it gave, so that reading goes on where it
/// was however much was removed or made meanwhile. Where another handle gave them, see DirectoryPositions.
struct DirectoryHandle {
  Inode inode = 0;
  std::mutex mutex;
  // Guarded by mutex:
  std::shared_ptr<const DirectoryPositions::Answer> recent;  // the last answer
  std::map<uint64_t, std::string> earlier;                   // offset -> position, the last one of each answer
};

/// What rename(2) and renameat2(2) ask for.
enum class RenameFlag { none, no_replace, exchange };

/// Thread safety: all functions may be called from any thread. Errors are those of the store (tree.h), plus what is
/// said here; they may throw StoreException on damage.
class Filesystem {
 public:
  Filesystem(Store& store, FilesystemOptions options);
  ~Filesystem();

  // Names (filesystem_names.cc). `name` is a file name. Nodes returned are remembered: the kernel forgets them.
  Result<Node> lookup(Inode parent, std::string_view name);
  void forget(Inode inode, uint64_t lookups);
  Result<Node> make_directory(Inode parent, std::string_view name, mode_t mode, Caller caller);
  Result<Node> make_special(Inode parent, std::string_view name, mode_t mode, dev_t rdev, Caller caller);
  Result<Node> make_symlink(Inode parent, std::string_view name, std::string_view target, Caller caller);
  Result<std::string> read_symlink(Inode inode);
  Result<Node> make_link(Inode inode, Inode new_parent, std::string_view new_name);
  Result<void> unlink(Inode parent, std::string_view name);
  Result<void> remove_directory(Inode parent, std::string_view name);
  /// `whiteout_of`: who leaves a whiteout (a character device 0:0) at the old name, as RENAME_WHITEOUT does for
  /// overlayfs; null: nobody. REQUIRES: no exchange then.
  Result<void> rename(Inode parent, std::string_view name, Inode new_parent, std::string_view new_name, RenameFlag flag,
                      const Caller* whiteout_of = nullptr);

  // Attributes (filesystem_attributes.cc).
  Result<Attributes> attributes(Inode inode);
  Result<Attributes> set_attributes(Inode inode, const AttributeRequest& request, Caller caller);
  Result<struct statvfs> statistics(Inode inode);

  /// Writes what has been noted of readings.
  void write_access_times();
  /// Another door has changed a value.
  void note_changed_elsewhere(Inode inode) { changed_elsewhere_.note(inode, store_.now_ms()); }

  // Files (filesystem_files.cc, filesystem_reads.cc, filesystem_io.cc).
  struct Created {
    Node node;
    OpenedFile opened;
  };
  Result<Created> create(Inode parent, std::string_view name, mode_t mode, int flags, Caller caller);
  /// As open(2) with O_TMPFILE: a file without a name, which make_link() can give it.
  Result<Created> create_unnamed(Inode parent, mode_t mode, int flags, Caller caller);
  Result<OpenedFile> open(Inode inode, int flags, Caller caller);
  /// Publishes what is staged, if this handle has added to it, except a truncation by open(2) that no write has
  /// followed yet: this waits for the second flush or the release, so that `echo x > file` (which closes twice) never
  /// shows an empty value elsewhere.
  Result<void> flush(FileHandle& handle);
  /// Publishes, and makes durable all that was acknowledged before.
  Result<void> sync(FileHandle& handle);
  Result<void> sync_all();
  /// The handle is gone; the last one of a file publishes.
  void release(std::unique_ptr<FileHandle> handle);

  /// Up to `length` bytes into `out`; fewer at the end of the file.
  Result<size_t> read(FileHandle& handle, uint64_t offset, size_t length, char* out);
  Result<size_t> write(FileHandle& handle, uint64_t offset, std::string_view bytes, Caller caller,
                       Writing writing = Writing::at_offset);
  Result<void> allocate(FileHandle& handle, int mode, uint64_t offset, uint64_t length, Caller caller);
  Result<uint64_t> seek(FileHandle& handle, uint64_t offset, int whence);
  Result<size_t> copy_range(FileHandle& from, uint64_t from_offset, FileHandle& to, uint64_t to_offset, size_t length,
                            Caller caller);

  // Directories (filesystem_directories.cc).
  Result<std::unique_ptr<DirectoryHandle>> open_directory(Inode inode);
  /// Takes an entry whose following one is at `next_offset`; false: no room, the entry was not taken.
  using EntrySink = std::function<bool(std::string_view name, const Node& node, uint64_t next_offset)>;
  /// Gives entries from `offset` (0: the start) on until the sink has no room. `with_nodes`: nodes are complete and
  /// remembered (but for "." and ".."); otherwise only inode and file type are set.
  Result<void> read_directory(DirectoryHandle& handle, uint64_t offset, bool with_nodes, const EntrySink& sink);

  // Extended attributes (filesystem_xattrs.cc).
  Result<std::string> get_xattr(Inode inode, std::string_view name);
  /// Names, each followed by NUL; those of trusted.* for root alone.
  Result<std::string> list_xattrs(Inode inode, const Caller& caller);
  /// `flags`: XATTR_CREATE, XATTR_REPLACE or 0.
  Result<void> set_xattr(Inode inode, std::string_view name, std::string_view value, int flags, Caller caller);
  Result<void> remove_xattr(Inode inode, std::string_view name);

  /// Publishes all that is staged, before an unmount. Logs what fails.
  void publish_all();

  /// Notes a refusal for `.kvfs/last_error`, where there is more to say than errno can. `node`: what was asked for
  /// something; `uid`: who asked, unless nobody knows any more.
  void note_error(std::string_view request, const Error& error, Inode node, std::optional<uid_t> uid = {});

  NodeTable& nodes() { return nodes_; }
  Store& store() { return store_; }
  /// Of all changes this file system makes.
  Origin origin() const { return origin_; }
  const FilesystemOptions& options() const { return options_; }
  /// Not where all files are shown with one owner and one mode.
  bool offers_acls() const {
    return options_.acls && !options_.shown_uid && !options_.shown_gid && !options_.shown_umask;
  }

 private:
  /// Where a file name leads: its component in a directory, or the directory's own value (`own_value`).
  struct Target {
    DirId dir = 0;
    std::string component;
    bool own_value = false;
  };
  std::vector<ControlFile> own_control_files();
  /// What `.kvfs/stats` tells of a tenant, or of all (0).
  std::vector<std::pair<std::string, uint64_t>> statistics_of(DirId tenant) const;

  /// Of those in a tenant, or of all (0), what the reader may know.
  std::string last_errors_for(DirId tenant, const Caller& reader) const;
  /// The tenant that a node is in; 0: none.
  DirId tenant_of(Inode node) const;

  WriteOptions write_options() const { return {.origin = origin_, .durability = {}}; }
  bool holds_control_dir(const ReadTxn& txn, Inode directory) const;
  Result<Target> target(Inode parent, std::string_view name) const;
  Result<Found> find(const ReadTxn& txn, const Target& target) const;
  /// Errors: stale.
  Result<Located> locate(const ReadTxn& txn, Inode node) const;
  /// A file with several names, which is not where it was last seen. Errors: stale.
  Result<Located> locate_by_another_name(const ReadTxn& txn, Inode node) const;
  /// `view`: of the snapshot that `txn` is, 0: the live store.
  Node to_node(const ReadTxn& txn, const Entry& entry, Inode view = 0) const;
  /// Runs `body(const ReadTxn&) -> Result<T>` on what the node is seen in: the live store or a snapshot.
  template <class Body>
  auto read_in(Inode node, Body&& body) const -> std::invoke_result_t<Body, const ReadTxn&> {
    if (!is_in_snapshot(node)) return store_.read(body);
    const Snapshots::Ptr snapshot = views_.find(node);
    if (!snapshot) return Errc::stale;
    return snapshot->read(body);
  }
  /// Errors: read_only for nodes of snapshots.
  static Result<void> check_live(Inode node);
  Node snapshot_node(const Snapshots::Ptr& snapshot);
  Result<Node> lookup_snapshot(Inode directory, std::string_view name);
  Result<Node> take_snapshot(Inode directory, std::string_view name);
  Result<void> drop_snapshot(Inode directory, std::string_view name);
  Result<void> list_snapshots(Inode directory, uint64_t first, uint64_t offset_of_first, bool with_nodes,
                              const EntrySink& sink);
  Result<struct stat> control_attributes(Inode inode) const;
  /// Where a rename has left a name free.
  Result<void> leave_whiteout(WriteTxn& txn, const Target& at, const Caller& owner);
  /// A directory from which a program of the mount removes a name is its own from then on: it does not go away with
  /// its last key, since `rm -r` and rsync expect to remove it themselves.
  Result<void> keep_directory(WriteTxn& txn, Inode directory);
  /// What a transaction removes for good although the kernel still knows it, see RemovedNodes.
  struct Removed {
    explicit Removed(Store& of) : store(of) {}
    ~Removed() { clear(); }
    Removed(const Removed&) = delete;
    Removed& operator=(const Removed&) = delete;
    /// Nobody's last close ends it before clear().
    void hold(Inode inode, const Slot& slot) {
      store.hold_inode(inode, slot);
      held.push_back(inode);
    }
    void clear() {
      for (const Inode inode : held) store.release_inode(inode);
      held.clear();
      gone.clear();
      open.clear();
    }

    Store& store;
    std::vector<RemovedNode> gone;
    std::vector<Inode> open;  // goes when the kernel forgets it
    std::vector<Inode> held;
  };
  /// `keeps_values`: also of what a rename replaces, which somebody may be about to open.
  void note_removals(WriteTxn& txn, Removed& removed, bool keeps_values = false) const;
  void keep_removed(Removed& removed);
  /// The value of what a rename has replaced after the kernel had looked it up, or is just replacing.
  std::optional<std::string> replaced_value(Inode inode);
  /// Opens that for reading.
  Result<OpenedFile> open_replaced(Inode inode, int flags);
  // Nodes that are among the removed ones (filesystem_removed.cc). nullopt: this one is not.
  std::optional<Result<Attributes>> set_removed_attributes(Inode inode, const AttributeRequest& request);
  std::optional<Result<std::string>> get_removed_xattr(Inode inode, std::string_view name) const;
  std::optional<Result<std::string>> list_removed_xattrs(Inode inode, const Caller& caller) const;
  std::optional<Result<void>> set_removed_xattr(Inode inode, std::string_view name, std::string_view value, int flags);
  std::optional<Result<void>> remove_removed_xattr(Inode inode, std::string_view name);
  /// Puts in place of its extended attributes what `change` makes of them.
  std::optional<Result<void>> change_removed_xattrs(
      Inode inode, const std::function<Result<std::string>(std::string_view encoded)>& change);
  /// Names, each followed by NUL, that the caller may know.
  Result<std::string> xattr_names(std::string_view encoded, const Caller& caller) const;
  /// The position behind which an answer at this offset begins; nullopt: the start.
  std::optional<std::string> resume_position(const ReadTxn& txn, const DirectoryHandle& handle, uint64_t offset) const;
  bool is_read_worth_noting(const Entry& entry, int64_t now_ns) const;
  void note_read(const Located& located);
  void write_access_times_if_overdue() {
    if (access_times_overdue_.load(std::memory_order_relaxed)) write_access_times();
  }
  /// Reads a value in several steps as what it was at the first one, so that nobody sees half of two.
  Result<size_t> read_pinned(FileHandle& handle, uint64_t offset, size_t length, char* out);
  /// What all files are shown with.
  void show_as_told(struct stat& st) const;
  bool has_staged_bytes(Inode inode) const;
  /// Lays staged size and times over what the store says. False: nothing is staged.
  bool apply_staged(const Entry& entry, Node& node) const;
  /// "." and "..", which only a server asks for that re-exports the mount. Errors: stale (it is gone).
  Result<Node> lookup_again(Inode node, bool parent);
  /// Where an inode is now, whether the kernel knows it or not.
  Result<Located> locate_again(const ReadTxn& txn, Inode node);
  // Control directories (filesystem_control.cc). REQUIRES: the inode (of the parent) is of one.
  void set_control_owner(struct stat& st, DirId tenant) const;
  Result<struct stat> member_attributes(const ControlTree::Member& member, Inode inode) const;
  Result<Node> member_node(const ControlTree::Member& member);
  Result<ControlTree::Member> control_member(Inode directory, std::string_view name) const;
  Result<Node> lookup_control(Inode directory, std::string_view name);
  Result<Attributes> set_control_attributes(Inode inode, const AttributeRequest& request);
  Result<OpenedFile> open_control(Inode inode, int flags, Caller caller);
  Result<Created> create_control(Inode directory, std::string_view name, mode_t mode, int flags, Caller caller);
  Result<Node> make_control_directory(Inode parent, std::string_view name, mode_t mode, Caller caller);
  Result<Node> make_control_special(Inode parent, std::string_view name, const NewNode& node);
  Result<void> remove_control(Inode parent, std::string_view name, bool directory);
  Result<void> move_out_of_control(Inode parent, std::string_view name, Inode new_parent, std::string_view new_name,
                                   RenameFlag flag);
  Result<void> rename_control(Inode parent, std::string_view name, Inode new_parent, std::string_view new_name,
                              RenameFlag flag);
  /// Takes offsets as read_directory() does.
  Result<void> list_control(DirectoryHandle& handle, uint64_t offset, bool with_nodes, const EntrySink& sink);
  /// The name in a directory of a control subtree that `offset` is behind; empty: the start.
  std::string control_name_before(const DirectoryHandle& handle, uint64_t offset);
  Result<std::string> get_control_xattr(Inode inode, std::string_view name);
  Result<std::string> control_xattrs(Inode inode);
  Result<void> set_control_xattr(Inode inode, std::string_view name, std::string_view value, int flags);
  Result<void> remove_control_xattr(Inode inode, std::string_view name);
  Result<std::string> read_control_symlink(Inode inode);
  /// What is not offered, so that programs stop asking for it.
  std::optional<Error> refused_xattr(std::string_view name) const;
  /// Sets (or, empty, removes) an access control list (acl.h).
  Result<void> set_acl(Inode inode, std::string_view name, std::string_view value, int flags, Caller caller);
  std::vector<std::unique_ptr<ControlSubtree>> control_subtrees();
  /// REQUIRES: the subtrees have been made.
  TransactionFiles& transactions() const { return *transactions_; }
  Node control_node(Inode inode, const struct stat& st) const;
  /// Gives the directory's key an empty value: what creating "%:value" does. Errors: exists, not_permitted.
  Result<Entry> make_own_value(WriteTxn& txn, Inode directory, const NewNode& node) const;
  Result<Node> make(Inode parent, std::string_view name, const NewNode& node);
  /// Tells the kernel of the node; not to be cached if a change came in between that it may not have been told of.
  void remember(Node& node, const Slot& slot, uint64_t seen_change);
  /// The kernel has been told of the node: a special file that loses its last name stays while the kernel knows it.
  void hold_special(const Node& node, const Slot& slot);
  /// REQUIRES: no transaction is under way.
  void forget_live(Inode inode, uint64_t lookups);

  // All below REQUIRE file.mutex to be held exclusively, or shared by const ones.
  OpenedFile opened(std::shared_ptr<OpenFile> file, int flags) const;
  Overlay::BaseReader base_reader(const OpenFile& file) const;
  Result<void> begin_overlay(OpenFile& file);
  /// Whether not even an orphan is left of it.
  bool is_removed(const OpenFile& file) const;
  Result<void> rebase_overlay(OpenFile& file);
  Result<void> publish(OpenFile& file, bool durable);
  /// What is staged from now on is another staging, see OpenFile::staging. REQUIRES: the overlay is empty.
  static void begin_staging(OpenFile& file);
  struct LetGo {
    bool last = false;
    Result<void> published;
  };
  /// One handle less; the last one publishes what is staged. REQUIRES: file->mutex.
  LetGo let_go(const std::shared_ptr<OpenFile>& file);
  Result<void> resize(OpenFile& file, uint64_t size, Caller caller);
  Result<size_t> write_staged(OpenFile& file, uint64_t offset, std::string_view bytes, Caller caller);
  void staged_change(OpenFile& file, Caller caller);
  void before_blocking() const {
    if (options_.before_blocking) options_.before_blocking();
  }

  Store& store_;
  const FilesystemOptions options_;
  const Origin origin_;
  mutable NodeTable nodes_;  // what it says of places is a hint
  ForgottenPlaces forgotten_;
  OpenFiles open_files_;
  RecentPublications published_;
  AccessTimes access_times_;
  std::atomic<bool> access_times_overdue_{false};
  RemovedNodes removed_nodes_;
  /// Shared while a rename replaces something, until that is among the removed or held nodes. Before any lock of the
  /// store.
  std::shared_mutex replacing_;
  HeldNodes held_nodes_;
  DirectoryPositions positions_;
  ChangedElsewhere changed_elsewhere_;
  LastErrors last_errors_;
  const std::unique_ptr<Snapshots> own_snapshots_;
  Snapshots* const snapshots_;
  SnapshotViews views_;
  const ControlDir control_;
  TransactionFiles* transactions_ = nullptr;  // one of the subtrees
  ControlTree control_tree_;
};

}  // namespace kvfs
