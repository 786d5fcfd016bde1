#include "fusefs/channel_files.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "fusefs/file_name.h"
#include "fusefs/filesystem.h"
#include "fusefs/line_log.h"

namespace kvfs {
namespace {

/// Channels are named by any bytes; a name that no file can have is "%:" and its percent-encoding.
std::string channel_file_name(std::string_view channel) {
  if (channel.find('/') == std::string_view::npos) return to_file_name(channel);
  // to_file_name() escapes all of a name that it must escape.
  std::string escaped(kEscapePrefix);
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : channel) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~").find(c) != std::string_view::npos)
      escaped.push_back(c);
    else
      escaped.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return escaped;
}

Result<std::string> channel_name(std::string_view file_name) {
  if (!file_name.starts_with(kEscapePrefix)) return std::string(file_name);
  std::string name;
  for (size_t i = kEscapePrefix.size(); i < file_name.size(); i++) {
    if (file_name[i] != '%') {
      name.push_back(file_name[i]);
      continue;
    }
    unsigned byte = 0;
    const char* const digits = file_name.data() + i + 1;
    if (i + 2 >= file_name.size() || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      return Error{Errc::invalid, "a channel's name that begins with %: is percent-encoded"};
    name.push_back(static_cast<char>(byte));
    i += 2;
  }
  return name;
}

std::string missed_line(uint64_t bytes) { return "kvfs: " + std::to_string(bytes) + " bytes of messages missed\n"; }

}  // namespace

/// Subscribed for as long as somebody has the channel open.
class ChannelFiles::Log final : public Channels::Subscriber {
 public:
  explicit Log(size_t bytes_max) : lines(bytes_max, missed_line) {}
  void deliver(const Channels::Message& message) noexcept override {
    try {
      lines.append(std::string(message.payload) + "\n");
    } catch (const std::bad_alloc&) {
      return;  // as a reader who fell behind
    }
  }
  LineLog lines;
};

class ChannelFiles::Handle final : public LineHandle {
 public:
  Handle(ChannelFiles& files, Channel channel, std::shared_ptr<Log> log)
      : files_(files), channel_(std::move(channel)), log_(std::move(log)) {}
  ~Handle() override {
    if (!log_) return;
    const std::lock_guard lock(files_.mutex_);
    // The hub has one reference, this is the other: nobody reads any more.
    if (log_.use_count() > 2) return;
    files_.store_.channels().unsubscribe(channel_.tenant, channel_.name, log_.get());
    files_.logs_.erase(channel_);
  }
  Result<size_t> read(uint64_t offset, size_t length, char* out) override {
    if (!log_) return Errc::access_denied;
    const std::lock_guard lock(mutex_);
    return log_->lines.read(reader_, offset, length, out);
  }

 private:
  Result<void> take_line(std::string_view line) override {
    files_.store_.channels().publish(channel_.tenant, channel_.name, line);
    return {};
  }
  ChannelFiles& files_;
  const Channel channel_;
  const std::shared_ptr<Log> log_;  // null: opened to write only
  std::mutex mutex_;
  LineLog::Reader reader_;  // guarded by mutex_
};

Result<ChannelFiles::Channel> ChannelFiles::channel(const ControlPlace& place) const {
  std::string_view rest = place.below_root();
  std::string tenant;
  if (place.tenant == 0) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    tenant = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (!store_.find_tenant(tenant)) return Errc::not_found;
  } else {
    const bool found = store_.read([&](const ReadTxn& txn) {
      const auto path = dir_path(txn, place.tenant);
      if (path) tenant = (*path)->tenant_name;
      return path.has_value();
    });
    if (!found) return Errc::stale;
  }
  auto name = channel_name(rest);
  if (!name) return name.error();
  return Channel{std::move(tenant), std::move(*name)};
}

std::shared_ptr<ChannelFiles::Log> ChannelFiles::log_of(const Channel& channel, bool make) {
  const std::lock_guard lock(mutex_);
  const auto known = logs_.find(channel);
  auto log = known == logs_.end() ? nullptr : known->second.lock();
  if (log || !make) return log;
  log = std::make_shared<Log>(bytes_max_);
  logs_[channel] = log;
  store_.channels().subscribe(channel.tenant, channel.name, log);
  return log;
}

Result<struct stat> ChannelFiles::attributes(const ControlPlace& place) {
  struct stat st {};
  st.st_nlink = 1;
  clock_gettime(CLOCK_REALTIME, &st.st_mtim);
  st.st_atim = st.st_ctim = st.st_mtim;
  st.st_mode = S_IFDIR | 0555;
  if (place.tenant == 0 && place.below_root().empty()) return st;
  const auto channel = this->channel(place);
  if (!channel) return channel.error();
  if (channel->name.empty()) return st;
  st.st_mode = S_IFREG | 0600;
  if (const auto log = log_of(*channel, false)) st.st_size = static_cast<off_t>(log->lines.size());
  return st;
}

Result<std::unique_ptr<ControlHandle>> ChannelFiles::open(const ControlPlace& place, int flags, Caller) {
  const auto channel = this->channel(place);
  if (!channel) return channel.error();
  if (channel->name.empty()) return Errc::is_directory;
  auto log = (flags & O_ACCMODE) == O_WRONLY ? nullptr : log_of(*channel, true);
  return std::unique_ptr<ControlHandle>(std::make_unique<Handle>(*this, *channel, std::move(log)));
}

Result<void> ChannelFiles::list(const ControlPlace& directory, std::string_view after, const Sink& sink) {
  std::vector<std::string> names;
  if (directory.tenant == 0 && directory.below_root().empty()) {
    names = store_.read([](const ReadTxn& txn) {
      std::vector<std::string> tenants;
      for (const CollectionInfo& tenant : list_tenants(txn)) tenants.push_back(tenant.name);
      return tenants;
    });
  } else {
    const auto channel = this->channel(directory);
    if (!channel) return channel.error();
    for (const std::string& name : store_.channels().active(channel->tenant, ""))
      if (!name.empty() && name.size() <= kComponentBytesMax / 3) names.push_back(channel_file_name(name));
  }
  std::sort(names.begin(), names.end());
  for (auto name = std::upper_bound(names.begin(), names.end(), after); name != names.end(); ++name) {
    const auto st = attributes(directory.child(*name));
    if (st && !sink(*name, *st)) return {};
  }
  return {};
}

}  // namespace kvfs
