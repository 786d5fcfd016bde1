#include "fusefs/command_file.h"

#include "fusefs/filesystem.h"

namespace kvfs {

/// Reads what its own commands answered; before the first one, what the last one of anybody did.
class CommandFile::Handle final : public LineHandle {
 public:
  Handle(CommandFile& file, DirId tenant, std::string answer)
      : file_(file), tenant_(tenant), answer_(std::move(answer)) {}

  Result<size_t> read(uint64_t offset, size_t length, char* out) override {
    const std::lock_guard lock(mutex_);
    // After a command its answer follows where the descriptor stands: a program that writes and reads need not seek.
    if (offset < answer_at_) answer_at_ = 0;
    return read_text(answer_, offset - answer_at_, length, out);
  }
  Result<size_t> write(uint64_t offset, std::string_view bytes) override {
    auto written = LineHandle::write(offset, bytes);
    const std::lock_guard lock(mutex_);
    answer_at_ = offset + bytes.size();
    return written;
  }

 private:
  Result<void> take_line(std::string_view line) override {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
    if (file_.before_) file_.before_();
    const auto done = file_.commands_.run(tenant_, line);
    std::string answer = done ? *done : "error: " + done.error().message() + "\n";
    if (done && answer.empty()) answer = "ok\n";
    {
      const std::lock_guard lock(file_.mutex_);
      file_.answers_[tenant_] = answer;
    }
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    if (!done) return Error{done.error().code, std::string(line) + ": " + done.error().message()};
    return {};
  }

  CommandFile& file_;
  const DirId tenant_;
  std::mutex mutex_;
  std::string answer_;      // guarded by mutex_
  uint64_t answer_at_ = 0;  // guarded by mutex_: the file offset it stands at
};

std::vector<ControlSubtree::Root> CommandFile::roots() const {
  if (!commands_.run) return {};
  return {{"control"}};
}

Result<struct stat> CommandFile::attributes(const ControlPlace&) {
  struct stat st {};
  st.st_nlink = 1;
  st.st_mode = S_IFREG | 0600;
  clock_gettime(CLOCK_REALTIME, &st.st_mtim);
  st.st_atim = st.st_ctim = st.st_mtim;
  return st;
}

Result<std::unique_ptr<ControlHandle>> CommandFile::open(const ControlPlace& place, int, Caller) {
  const std::lock_guard lock(mutex_);
  const auto last = answers_.find(place.tenant);
  std::string text = last != answers_.end() ? last->second : commands_.help ? commands_.help(place.tenant) : "";
  return std::unique_ptr<ControlHandle>(std::make_unique<Handle>(*this, place.tenant, std::move(text)));
}

}  // namespace kvfs
