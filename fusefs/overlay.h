// The bytes written through open files that are not published yet, laid over the value in the store. Knows nothing of
// names, transactions or handles.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fusefs/chunk_pieces.h"
#include "store/result.h"
#include "store/value.h"

namespace kvfs {

struct OverlayLimits {
  uint64_t memory_per_file_bytes_max = 16 << 20;  // beyond it, chunks move to the chunk store
  uint64_t memory_total_bytes_max = 64 << 20;     // likewise, over all files
  uint64_t publish_bytes = uint64_t{1} << 30;     // staged bytes of one file at which they are published before close
};

/// What all overlays of a mount hold together, for limits and statistics.
struct OverlayGauge {
  std::atomic<uint64_t> memory_bytes{0};  // in buffers
  std::atomic<uint64_t> dirty_bytes{0};   // staged, in buffers and in the chunk store
  std::atomic<uint64_t> dirty_files{0};
};

/// Not thread-safe: its OpenFile's mutex guards it.
/// States: not begun (reads and writes must not come) -> begun (a view of the value that can be written) -> dirty
/// (differs from the store) -> published (not begun again).
class Overlay {
 public:
  /// Reads the value in the store as it was when begun: up to `length` bytes at `offset`, fewer at its end.
  using BaseReader = std::function<Result<size_t>(uint64_t offset, size_t length, char* out)>;

  Overlay(ChunkStore& chunks, const OverlayLimits& limits, OverlayGauge& gauge);
  Overlay(const Overlay&) = delete;
  /// Drops what is staged.
  ~Overlay();

  bool begun() const { return begun_; }
  bool dirty() const { return dirty_; }
  /// Dirty by nothing but a truncation to nothing.
  bool only_truncated() const { return dirty_ && replaces_ && size_ == 0; }
  /// Dirty by nothing but bytes behind the end of the store's value.
  bool only_appended() const { return dirty_ && !replaces_ && !changes_base_; }
  uint64_t base_size() const { return base_size_; }
  uint64_t size() const { return size_; }
  uint64_t staged_bytes() const { return memory_bytes_ + spilled_bytes_; }
  bool wants_publication() const { return staged_bytes() >= limits_.publish_bytes; }

  /// Over a value of `base_size` bytes.
  void begin(uint64_t base_size);
  /// Over nothing: the value in the store is replaced. `dirty` unless the store's value is empty already.
  void begin_empty(bool dirty);
  /// Drops what is staged.
  void reset();

  /// Errors: no_space, io, read_only, value_too_large; of `base`.
  Result<void> write(uint64_t offset, std::string_view bytes, const BaseReader& base);
  /// Fewer than `length` only at the end.
  Result<size_t> read(uint64_t offset, size_t length, char* out, const BaseReader& base) const;
  /// Cuts, or extends with zeros. Returns true if a part of the store's value was cut off: then it must be published
  /// before the next write.
  Result<bool> resize(uint64_t size, const BaseReader& base);
  /// Bytes from `offset` within the present size become zeros; whole chunks become holes.
  Result<void> zero(uint64_t offset, uint64_t length, const BaseReader& base);

  /// Where data or a hole begins from `offset` on, in units of chunks; `base` answers likewise for the value in the
  /// store (overlay_seek.cc). Errors: out_of_range (no data there, or beyond the end); of `base`.
  using BaseSeek = std::function<Result<uint64_t>(uint64_t offset)>;
  Result<uint64_t> seek_data(uint64_t offset, const BaseSeek& base) const;
  Result<uint64_t> seek_hole(uint64_t offset, const BaseSeek& base) const;
  /// What the value will occupy once it is published, where the value in the store occupies `base_bytes`. nullopt: that
  /// has holes, or so many chunks are staged that it would take long to tell.
  std::optional<uint64_t> bytes_when_published(uint64_t base_bytes) const;

  /// The value in the store is another one now, `base_size` bytes long, which `base` reads: what was written is laid
  /// over that one, to the byte; a size that was set stays. Errors: as write().
  Result<void> rebase(uint64_t base_size, const BaseReader& base);

  /// Hands the staged value to `publisher`; if that succeeds nothing is staged any more, otherwise everything still is.
  /// `base` as in write().
  Result<void> publish(const BaseReader& base, const std::function<Result<void>(const StagedValue&)>& publisher);
  /// The two halves of publish(), for those who publish several at once. What prepare() gives is valid until the next
  /// call of anything else; what is staged stays until published() says that a transaction has taken it.
  Result<const StagedValue*> prepare(const BaseReader& base);
  void published();
  /// The store's value does not show through: what is staged is all there is.
  bool covers_base() const;

 private:
  struct Buffer {
    std::string bytes;  // shorter than the chunk: zeros follow
    uint64_t tick = 0;  // of the last write
  };
  using Buffers = std::map<uint32_t, Buffer>;
  /// Sorted, disjoint: [from, to) within a chunk.
  using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;

  enum class Cover { bytes, hole, base };
  Cover cover_of(uint32_t index) const;
  /// What `base` finds from `offset` on, in this chunk or those behind it that are the store's. nullopt: nothing, and
  /// `offset` is where to go on.
  static std::optional<Result<uint64_t>> seek_in_base(uint64_t& offset, uint64_t end, const BaseSeek& base);
  /// Where, behind the chunk, the next one begins that is not the store's; else where the store's value ends.
  uint64_t next_own(uint32_t index) const;

  void mark_dirty();
  void count_memory(int64_t change);
  void count_spilled(int64_t change);
  /// False: the chunk is to be made whole.
  bool write_piece(uint32_t index, uint32_t at, std::string_view bytes);
  void drop_pieces(uint32_t index);
  Result<void> write_chunk(uint32_t index, uint32_t at, std::string_view bytes, const BaseReader& base);
  /// The buffer of a chunk, filled with what the chunk holds now.
  Result<Buffers::iterator> load(uint32_t index, const BaseReader& base);
  Result<void> read_chunk(uint32_t index, uint32_t at, size_t length, char* out, const BaseReader& base) const;
  /// What lies under the pieces of a chunk.
  Result<void> read_below(uint32_t index, uint32_t at, size_t length, char* out, const BaseReader& base) const;
  Result<void> stage(uint32_t index, std::string_view bytes);
  void make_hole(uint32_t index);
  Result<void> spill(Buffers::iterator buffer);
  Result<void> move(ChunkPieces& pieces);
  /// Moves buffers and pieces to the chunk store, until there is some room below the limits again; what was written
  /// last goes last.
  Result<void> relieve_memory();
  /// All bytes of the chunk are ours, whatever becomes of the store's value.
  bool is_ours(uint32_t index) const;
  /// The other bytes of the chunk are the store's, unless it was ours before.
  void note_written(uint32_t index, uint32_t from, uint32_t to);
  Result<void> rebase_chunk(uint32_t index, const Ranges& ranges, const BaseReader& base);

  ChunkStore& chunks_;
  const OverlayLimits& limits_;
  OverlayGauge& gauge_;

  bool begun_ = false;
  bool dirty_ = false;
  bool changes_base_ = false;
  bool replaces_ = false;   // the store's value does not show through anywhere
  uint64_t base_size_ = 0;  // how much of the store's value shows through
  uint64_t size_ = 0;
  uint64_t cut_to_ = UINT64_MAX;      // the smallest size that was set
  bool resized_ = false;              // a size was set
  uint64_t written_end_ = 0;          // where the last written byte ends
  std::map<uint32_t, Ranges> parts_;  // of chunks that were not written as a whole: what of them was
  uint64_t tick_ = 0;
  uint64_t memory_bytes_ = 0;
  uint64_t spilled_bytes_ = 0;
  // A chunk is in one of these at most; it may be staged, too: then that is what lies under its pieces.
  Buffers buffers_;
  std::map<uint32_t, ChunkPieces> pieces_;
  StagedValue staged_;
  std::optional<StagedValue> small_;  // what prepare() gave, where it is small enough for a row
};

}  // namespace kvfs
