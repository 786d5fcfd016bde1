#include "tests/crash/disk_model.h"

#include <algorithm>
#include <cstring>

namespace kvfs::crash {
namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

std::string ImageFile::bytes() const {
  std::string all(size, '\0');
  for (const auto& [number, sector] : sectors) {
    const uint64_t offset = number * kSectorBytes;
    if (sector && offset < size) std::memcpy(&all[offset], sector->data(), std::min(kSectorBytes, size - offset));
  }
  return all;
}

DiskModel::DiskModel(const Image& image) {
  for (const auto& [path, content] : image) {
    FileState state;
    state.size = state.sizes.durable = content.size;
    state.now = content.sectors;
    for (const auto& [number, sector] : content.sectors) state.sectors[number].durable = sector;
    names_[path] = durable_names_[path] = files_.size();
    files_.push_back(std::move(state));
  }
}

std::optional<DiskModel::FileId> DiskModel::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

DiskModel::FileId DiskModel::create(const std::string& path) {
  files_.emplace_back();
  name_events_.push_back({"", path, files_.size() - 1});
  apply(names_, name_events_.back());
  return files_.size() - 1;
}

void DiskModel::rename(const std::string& from, const std::string& to) {
  name_events_.push_back({from, to, names_.at(from)});
  apply(names_, name_events_.back());
}

void DiskModel::unlink(const std::string& path) {
  name_events_.push_back({path, "", names_.at(path)});
  apply(names_, name_events_.back());
}

void DiskModel::apply(std::map<std::string, FileId>& names, const NameEvent& event) {
  if (!event.from.empty()) {
    const auto found = names.find(event.from);
    if (found == names.end() || found->second != event.file) return;  // an earlier event did not reach the disk
    names.erase(found);
  }
  if (!event.to.empty()) names[event.to] = event.file;
}

std::vector<std::string> DiskModel::names(const std::string& directory) const {
  std::vector<std::string> found;
  for (const auto& [path, file] : names_) {
    if (parent_of(path) == directory) found.push_back(path.substr(directory.size() + 1));
  }
  return found;
}

void DiskModel::put_sector(FileState& state, uint64_t number, SectorPtr content) {
  state.now[number] = content;
  state.sectors[number].pending.emplace_back(++clock_, std::move(content));
}

void DiskModel::put_size(FileState& state, uint64_t size) {
  state.size = size;
  state.sizes.pending.emplace_back(++clock_, size);
}

void DiskModel::write(FileId file, uint64_t offset, std::string_view bytes) {
  FileState& state = files_[file];
  const uint64_t end = offset + bytes.size();
  while (!bytes.empty()) {
    const uint64_t number = offset / kSectorBytes;
    const size_t within = offset % kSectorBytes;
    const size_t length = std::min(bytes.size(), kSectorBytes - within);
    const SectorPtr& before = state.now[number];
    auto content = before ? std::make_shared<Sector>(*before) : std::make_shared<Sector>();
    std::memcpy(content->data() + within, bytes.data(), length);
    put_sector(state, number, std::move(content));
    bytes.remove_prefix(length);
    offset += length;
  }
  if (end > state.size) put_size(state, end);
}

void DiskModel::zero(FileId file, uint64_t offset, uint64_t length) {
  FileState& state = files_[file];
  for (auto it = state.now.lower_bound(offset / kSectorBytes); it != state.now.end(); ++it) {
    const uint64_t begin = it->first * kSectorBytes;
    if (begin >= offset + length) break;
    if (!it->second) continue;
    auto content = std::make_shared<Sector>(*it->second);
    const uint64_t from = std::max(begin, offset);
    const uint64_t to = std::min(begin + kSectorBytes, offset + length);
    std::memset(content->data() + (from - begin), 0, to - from);
    put_sector(state, it->first, std::move(content));
  }
}

void DiskModel::truncate(FileId file, uint64_t size) {
  FileState& state = files_[file];
  if (size < state.size) zero(file, size, state.size - size);
  if (size != state.size) put_size(state, size);
}

std::string DiskModel::read(FileId file, uint64_t offset, uint64_t length) const {
  const FileState& state = files_[file];
  if (offset >= state.size) return {};
  length = std::min(length, state.size - offset);
  std::string bytes(length, '\0');
  for (auto it = state.now.lower_bound(offset / kSectorBytes); it != state.now.end(); ++it) {
    const uint64_t begin = it->first * kSectorBytes;
    if (begin >= offset + length) break;
    const uint64_t from = std::max(begin, offset);
    const uint64_t to = std::min(begin + kSectorBytes, offset + length);
    if (it->second) std::memcpy(&bytes[from - offset], it->second->data() + (from - begin), to - from);
  }
  return bytes;
}

template <class Value>
void DiskModel::settle(Versioned<Value>& versioned, Stamp begun, bool success) {
  auto& pending = versioned.pending;
  const auto covered = std::find_if(pending.begin(), pending.end(), [&](const auto& p) { return p.first > begun; });
  if (success && covered != pending.begin()) versioned.durable = std::prev(covered)->second;
  pending.erase(pending.begin(), covered);
}

void DiskModel::end_sync(FileId file, Stamp begun) {
  FileState& state = files_[file];
  settle(state.sizes, begun, true);
  for (auto& [number, sector] : state.sectors) settle(sector, begun, true);
}

void DiskModel::fail_sync(FileId file, Stamp begun) {
  for (auto& [number, sector] : files_[file].sectors) settle(sector, begun, false);
}

void DiskModel::sync_range(FileId file, uint64_t offset, uint64_t length) {
  FileState& state = files_[file];
  const Stamp begun = begin_sync();
  settle(state.sizes, begun, true);
  const auto end = state.sectors.upper_bound((offset + length - 1) / kSectorBytes);
  for (auto it = state.sectors.lower_bound(offset / kSectorBytes); it != end; ++it) settle(it->second, begun, true);
}

void DiskModel::sync_directory(const std::string& directory) {
  std::vector<NameEvent> others;
  for (NameEvent& event : name_events_) {
    if (parent_of(event.to.empty() ? event.from : event.to) == directory) {
      // The file is here now, whether or not its creation elsewhere had been synced.
      std::erase_if(others, [&](const NameEvent& other) { return other.to == event.from && other.file == event.file; });
      if (!event.from.empty() && !event.to.empty()) durable_names_[event.from] = event.file;
      apply(durable_names_, event);
    } else {
      others.push_back(std::move(event));
    }
  }
  name_events_ = std::move(others);
}

template <class Value>
Value DiskModel::choose(const Versioned<Value>& versioned, Fate fate, Stamp until, Random& random) {
  const auto& pending = versioned.pending;
  size_t taken = 0;  // how many of the pending writes are on the disk
  switch (fate) {
    case Fate::nothing:
      break;
    case Fate::everything:
      taken = pending.size();
      break;
    case Fate::in_order:
      while (taken < pending.size() && pending[taken].first <= until) ++taken;
      break;
    case Fate::any:
      taken = random() % (pending.size() + 1);
      break;
    case Fate::all_or_none:
      taken = random() % 2 == 0 ? 0 : pending.size();
      break;
  }
  return taken == 0 ? versioned.durable : pending[taken - 1].second;
}

std::map<std::string, DiskModel::FileId> DiskModel::crash_names(Fate fate, Random& random) const {
  std::map<std::string, FileId> names = durable_names_;
  const bool subset = fate == Fate::any && random() % 2 == 0;
  const size_t prefix = fate == Fate::nothing      ? 0
                        : fate == Fate::everything ? name_events_.size()
                                                   : random() % (name_events_.size() + 1);
  for (size_t i = 0; i < name_events_.size(); ++i) {
    if (subset ? random() % 2 == 0 : i < prefix) apply(names, name_events_[i]);
  }
  return names;
}

Image DiskModel::crash(Random& random) const {
  const Fate fate = static_cast<Fate>(random() % 5);
  // The last few writes are the interesting ones.
  const Stamp until = clock_ - std::min<Stamp>(clock_, random() % 40);
  Image image;
  for (const auto& [path, file] : crash_names(fate, random)) {
    const FileState& state = files_[file];
    ImageFile& content = image[path];
    content.size = choose(state.sizes, fate, until, random);
    for (const auto& [number, sector] : state.sectors) {
      SectorPtr chosen = choose(sector, fate, until, random);
      if (chosen && number * kSectorBytes < content.size) content.sectors[number] = std::move(chosen);
    }
  }
  return image;
}

Image DiskModel::now() const {
  Image image;
  for (const auto& [path, file] : names_) image[path] = {files_[file].size, files_[file].now};
  return image;
}

}  // namespace kvfs::crash
