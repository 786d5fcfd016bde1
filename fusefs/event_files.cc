#include "fusefs/event_files.h"

#include <fcntl.h>

#include <charconv>

#include "fusefs/filesystem.h"
#include "fusefs/line_log.h"
#include "store/change_json.h"

namespace kvfs {
namespace {

constexpr size_t kChangesAtOnce = 256;

std::optional<uint64_t> parse_id(std::string_view text) {
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::string missed_line(uint64_t) { return "{\"missed\":true}\n"; }

}  // namespace

/// One file's lines. Made from the feed when somebody asks, so that a commit costs nothing for it.
class EventFiles::Log {
 public:
  Log(Store& store, DirId tenant, std::optional<uint64_t> after, size_t bytes_max)
      : store_(store), tenant_(tenant), lines_(bytes_max, missed_line), after_(after.value_or(0)) {
    // Who asks for all there is has missed nothing.
    tells_of_missed_ = after.has_value();
  }

  const LineLog& caught_up() {
    const std::lock_guard lock(mutex_);
    for (;;) {
      const Feed::Batch batch = store_.feed().read(after_, kChangesAtOnce);
      std::string lines;
      if (batch.missed && tells_of_missed_) lines = missed_line(0);
      tells_of_missed_ = true;
      for (const ChangePtr& change : batch.changes) {
        if (tenant_ != 0 && change->tenant != tenant_name()) continue;
        append_change_json(lines, *change, tenant_ == 0);
        lines.push_back('\n');
      }
      if (!lines.empty()) lines_.append(lines);
      after_ = batch.next;
      if (batch.changes.empty()) return lines_;
    }
  }

 private:
  /// Tenants can be renamed.
  const std::string& tenant_name() {
    store_.read([&](const ReadTxn& txn) {
      if (const auto path = dir_path(txn, tenant_)) tenant_name_ = (*path)->tenant_name;
      return true;
    });
    return tenant_name_;
  }

  Store& store_;
  const DirId tenant_;
  LineLog lines_;
  std::mutex mutex_;
  uint64_t after_;           // guarded by mutex_
  bool tells_of_missed_;     // guarded by mutex_
  std::string tenant_name_;  // guarded by mutex_
};

class EventFiles::Handle final : public ControlHandle {
 public:
  explicit Handle(std::shared_ptr<Log> log) : log_(std::move(log)) {}
  Result<size_t> read(uint64_t offset, size_t length, char* out) override {
    const std::lock_guard lock(mutex_);
    return log_->caught_up().read(reader_, offset, length, out);
  }

 private:
  const std::shared_ptr<Log> log_;
  std::mutex mutex_;
  LineLog::Reader reader_;  // guarded by mutex_
};

std::shared_ptr<EventFiles::Log> EventFiles::find(const ControlPlace& place) {
  const std::lock_guard lock(mutex_);
  const auto found = logs_.find(place);
  return found == logs_.end() ? nullptr : found->second.lock();
}

Result<struct stat> EventFiles::attributes(const ControlPlace& place) {
  struct stat st {};
  st.st_nlink = 1;
  if (place.path == "events.since") {
    st.st_mode = S_IFDIR | 0555;
    return st;
  }
  if (place.path != "events" && !parse_id(place.below_root())) return Errc::not_found;
  st.st_mode = S_IFREG | 0440;
  // Told only while somebody has it open: nobody else needs it, and it takes reading the feed.
  if (const auto log = find(place)) st.st_size = static_cast<off_t>(log->caught_up().size());
  const uint64_t last_ms = store_.feed().last() >> 16;
  st.st_mtim.tv_sec = static_cast<time_t>(last_ms / 1000);
  st.st_mtim.tv_nsec = static_cast<long>(last_ms % 1000) * 1'000'000;
  st.st_atim = st.st_ctim = st.st_mtim;
  return st;
}

Result<std::unique_ptr<ControlHandle>> EventFiles::open(const ControlPlace& place, int flags, Caller) {
  if ((flags & O_ACCMODE) != O_RDONLY) return Errc::access_denied;
  const std::lock_guard lock(mutex_);
  std::erase_if(logs_, [](const auto& known) { return known.second.expired(); });
  std::weak_ptr<Log>& known = logs_[place];
  std::shared_ptr<Log> log = known.lock();
  if (!log) {
    log = std::make_shared<Log>(store_, place.tenant, parse_id(place.below_root()), bytes_max_);
    known = log;
  }
  return std::unique_ptr<ControlHandle>(std::make_unique<Handle>(std::move(log)));
}

}  // namespace kvfs
