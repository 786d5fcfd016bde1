// What a disk may hold after power loss: the true set of synced and unsynced 512-byte sectors, sizes and names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace kvfs::crash {

inline constexpr size_t kSectorBytes = 512;
using Sector = std::array<char, kSectorBytes>;
using Random = std::mt19937_64;

struct ImageFile {
  uint64_t size = 0;
  std::map<uint64_t, std::shared_ptr<const Sector>> sectors;  // by number; absent ones are zeros

  std::string bytes() const;
};

/// Path -> content.
using Image = std::map<std::string, ImageFile>;

/// Rules: a sector is written whole or not at all, each independently of the others; of several writes to one sector
/// any may be the last that reached the disk. A completed sync of a file covers what was written before it began. A
/// failed one leaves what it covered readable but lost to the disk until it is written again, as Linux does. Creations,
/// renames and unlinks survive by a sync of their directory; until then any prefix or any subset of them may have
/// reached the disk. Directories themselves are durable.
/// Thread safety: none.
class DiskModel {
 public:
  using FileId = size_t;
  using Stamp = uint64_t;

  DiskModel() = default;
  /// A disk on which all of the image is durable.
  explicit DiskModel(const Image& image);

  std::optional<FileId> find(const std::string& path) const;
  FileId create(const std::string& path);
  void rename(const std::string& from, const std::string& to);
  void unlink(const std::string& path);
  std::vector<std::string> names(const std::string& directory) const;

  void write(FileId file, uint64_t offset, std::string_view bytes);
  void zero(FileId file, uint64_t offset, uint64_t length);
  void truncate(FileId file, uint64_t size);
  uint64_t size(FileId file) const { return files_[file].size; }
  std::string read(FileId file, uint64_t offset, uint64_t length) const;

  /// A sync begins now; what it covers is durable, or lost, when it ends.
  Stamp begin_sync() { return ++clock_; }
  void end_sync(FileId file, Stamp begun);
  void fail_sync(FileId file, Stamp begun);
  /// A write through O_DSYNC: its sectors and the size are durable.
  void sync_range(FileId file, uint64_t offset, uint64_t length);
  void sync_directory(const std::string& directory);

  /// One of the states the disk may be in if the power fails now.
  Image crash(Random& random) const;
  /// All as it is now, as after a crash of the process alone.
  Image now() const;

 private:
  using SectorPtr = std::shared_ptr<const Sector>;  // null: zeros
  template <class Value>
  struct Versioned {
    Value durable{};
    std::vector<std::pair<Stamp, Value>> pending;  // in order of time
  };
  struct FileState {
    uint64_t size = 0;
    std::map<uint64_t, SectorPtr> now;
    Versioned<uint64_t> sizes;
    std::map<uint64_t, Versioned<SectorPtr>> sectors;
  };
  struct NameEvent {
    std::string from;  // empty: a creation
    std::string to;    // empty: an unlink
    FileId file = 0;
  };
  enum class Fate { nothing, everything, in_order, any, all_or_none };

  void put_sector(FileState& state, uint64_t number, SectorPtr content);
  void put_size(FileState& state, uint64_t size);
  template <class Value>
  static void settle(Versioned<Value>& versioned, Stamp begun, bool success);
  template <class Value>
  static Value choose(const Versioned<Value>& versioned, Fate fate, Stamp until, Random& random);
  static void apply(std::map<std::string, FileId>& names, const NameEvent& event);
  std::map<std::string, FileId> crash_names(Fate fate, Random& random) const;

  std::vector<FileState> files_;
  std::map<std::string, FileId> names_;
  std::map<std::string, FileId> durable_names_;
  std::vector<NameEvent> name_events_;
  Stamp clock_ = 0;
};

}  // namespace kvfs::crash
