#include "daemon/control.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "daemon/config_value.h"
#include "daemon/own_mount.h"
#include "daemon/progress_bar.h"
#include "store/backup.h"
#include "store/check.h"

namespace kvfs {

namespace {

constexpr size_t kFindingsToldMax = 1000;  // of a check of a running kvfs; the rest is counted

Result<uint64_t> parse_lease(const std::string& text) {
  const Result<uint64_t> lease_ms = parse_duration_ms(text);
  if (!lease_ms) return {Errc::invalid, fmt::format("the lease {} {}", text, lease_ms.error().message())};
  return *lease_ms;
}

std::string time_text(uint64_t ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(ms / 1000)));
}

std::string describe(const NamedSnapshot& snapshot) {
  return fmt::format("{} taken {} until {} sequence {}\n", snapshot.name(), time_text(snapshot.taken_ms()),
                     time_text(snapshot.ends_ms()), snapshot.sequence());
}

uint64_t stat_of(const EngineStats& stats, std::string_view name) {
  const auto found = std::find_if(stats.begin(), stats.end(), [&](const auto& each) { return each.first == name; });
  return found == stats.end() ? 0 : found->second;
}

/// Thrown through a check that nobody waits for any more.
struct GivenUp {};

template <class Done>
Result<std::string> nothing_to_say(const Done& done) {
  if (!done) return done.error();
  return std::string();
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      word.push_back(line[++i]);
      in_word = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word.push_back(c);
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (!blank) {
      word.push_back(c);
      in_word = true;
    } else if (in_word) {
      words.push_back(std::exchange(word, {}));
      in_word = false;
    }
  }
  if (quote != 0) return {Errc::invalid, fmt::format("a {} is not closed", quote)};
  if (in_word) words.push_back(std::move(word));
  return words;
}

Control::Control(Store& store, Snapshots& snapshots) : store_(store), snapshots_(snapshots) {
  add({.name = "help",
       .arguments = "",
       .help = "these lines",
       .for_tenants = true,
       .run = [this](const ControlCommand& command) -> Result<std::string> { return help(command.tenant); }});
  add_store_verbs();
  add_snapshot_verbs();
  add_trash_verbs();
}

void Control::add(ControlVerb verb) { verbs_.push_back(std::move(verb)); }

void Control::add_store_verbs() {
  add({.name = "stats",
       .arguments = "[json]",
       .help = "figures of the store",
       .arguments_max = 1,
       .for_tenants = true,
       .run = [this](const ControlCommand& command) { return stats(command); }});
  add({.name = "sync",
       .arguments = "",
       .help = "makes everything acknowledged so far durable",
       .for_tenants = true,
       .run = [this](const ControlCommand&) { return nothing_to_say(store_.sync()); }});
  add({.name = "checkpoint",
       .arguments = "",
       .help = "folds the journal into the base",
       .run = [this](const ControlCommand&) { return nothing_to_say(store_.checkpoint()); }});
  add({.name = "backup",
       .arguments = "DIRECTORY [no-verify]",
       .help = "a consistent, verified copy in a new directory; writes go on meanwhile",
       .arguments_min = 1,
       .arguments_max = 2,
       .run = [this](const ControlCommand& command) { return backup_to(command); }});
  add({.name = "check",
       .arguments = "[quick]",
       .help = "verifies rows, indexes, counters and chunks as they are at this moment; writes go on meanwhile",
       .arguments_max = 1,
       .run = [this](const ControlCommand& command) { return check(command); }});
  add({.name = "compact",
       .arguments = "",
       .help = "says what could be given back: the base is rewritten only while nobody uses it",
       .run = [this](const ControlCommand&) -> Result<std::string> {
         return {Errc::busy,
                 fmt::format("the base is in use; when this kvfs has ended, kvfs compact gives {} bytes back",
                             stat_of(store_.stats(), "base_free_bytes"))};
       }});
}

void Control::add_snapshot_verbs() {
  add({.name = "snapshots",
       .arguments = "",
       .help = "the named snapshots",
       .for_tenants = true,
       .run = [this](const ControlCommand& command) { return list_snapshots(command); }});
  add({.name = "snapshot",
       .arguments = "NAME [LEASE]",
       .help = "takes a snapshot, for as long as 30m or 12h",
       .arguments_min = 1,
       .arguments_max = 2,
       .for_tenants = true,
       .run = [this](const ControlCommand& command) { return take_snapshot(command); }});
  add({.name = "extend",
       .arguments = "NAME LEASE",
       .help = "a snapshot's lease ends that long from now",
       .arguments_min = 2,
       .arguments_max = 2,
       .for_tenants = true,
       .run = [this](const ControlCommand& command) -> Result<std::string> {
         const Result<uint64_t> lease_ms = parse_lease(command.words[2]);
         if (!lease_ms) return lease_ms.error();
         return nothing_to_say(snapshots_.extend(command.words[1], command.tenant, *lease_ms));
       }});
  add({.name = "drop",
       .arguments = "NAME",
       .help = "drops a snapshot",
       .arguments_min = 1,
       .arguments_max = 1,
       .for_tenants = true,
       .run = [this](const ControlCommand& command) {
         return nothing_to_say(snapshots_.drop(command.words[1], command.tenant));
       }});
}

Result<std::string> Control::run(const ControlCommand& command) const {
  if (command.words.empty()) return {Errc::invalid, "no command; try help"};
  const std::string& name = command.words.front();
  const auto verb = std::find_if(verbs_.begin(), verbs_.end(), [&](const auto& each) { return each.name == name; });
  if (verb == verbs_.end()) return {Errc::invalid, fmt::format("there is no command {}; try help", name)};
  if (command.tenant != 0 && !verb->for_tenants)
    return {Errc::not_permitted, fmt::format("{} concerns the whole store, not one tenant", name)};
  const size_t arguments = command.words.size() - 1;
  if (arguments < verb->arguments_min || arguments > verb->arguments_max)
    return {Errc::invalid, fmt::format("usage: {} {}", name, verb->arguments)};
  return verb->run(command);
}

Result<std::string> Control::run_line(DirId tenant, std::string_view line) const {
  Result<std::vector<std::string>> words = split_words(line);
  if (!words) return words.error();
  ControlCommand command;
  command.words = std::move(*words);
  command.tenant = tenant;
  return run(command);
}

std::string Control::help(DirId tenant) const {
  std::string lines;
  for (const ControlVerb& verb : verbs_)
    if (tenant == 0 || verb.for_tenants)
      lines +=
          fmt::format("{:<32} {}\n", verb.arguments.empty() ? verb.name : verb.name + " " + verb.arguments, verb.help);
  return lines;
}

Result<std::string> Control::stats(const ControlCommand& command) const {
  const bool json = command.words.size() == 2;
  if (json && command.words[1] != "json") return {Errc::invalid, "usage: stats [json]"};
  EngineStats numbers;
  if (command.tenant == 0) {
    numbers = store_.stats();
  } else {
    const Store::Usage usage = store_.usage(command.tenant);
    numbers = {{"keys", usage.keys},
               {"value_bytes", usage.bytes},
               {"quota_keys", usage.quota_keys},
               {"quota_bytes", usage.quota_bytes}};
  }
  if (json) {
    boost::json::object object;
    for (const auto& [name, value] : numbers) object[name] = value;
    return boost::json::serialize(object) + "\n";
  }
  std::string lines;
  for (const auto& [name, value] : numbers) lines += fmt::format("{}: {}\n", name, value);
  return lines;
}

Result<std::string> Control::check(const ControlCommand& command) const {
  const bool quick = command.words.size() == 2;
  if (quick && command.words[1] != "quick") return {Errc::invalid, "usage: check [quick]"};
  CheckOptions options;
  options.exclusive = false;
  options.read_chunks = !quick;
  options.findings_max = kFindingsToldMax;
  options.progress = [&](const Progress& at) {
    if (command.cancelled && command.cancelled()) throw GivenUp();
    if (command.progress) command.progress(at);
  };
  CheckReport report;
  try {
    report = check_store(store_, std::move(options));
  } catch (const GivenUp&) {
    return {Errc::busy, "given up half-way: whoever asked for it has gone, or the daemon is stopping"};
  }
  std::string said;
  for (const CheckFinding& finding : report.findings) said += fmt::format("{}: {}\n", finding.where, finding.what);
  said += fmt::format("{} rows, {} directories, {} values, {} chunks: ", report.rows, report.directories, report.values,
                      report.chunks);
  if (report.sound()) return said + "no problems\n";
  return {Errc::corrupt, fmt::format("{}{} problems", said, report.found)};
}

Result<std::string> Control::backup_to(const ControlCommand& command) const {
  const std::string& directory = command.words[1];
  if (!directory.starts_with('/')) return {Errc::invalid, "the directory of a backup begins with /"};
  if (command.words.size() == 3 && command.words[2] != "no-verify")
    return {Errc::invalid, "usage: backup DIRECTORY [no-verify]"};
  if (const dev_t own = own_mount_; own != 0 && leads_to_device(directory, own))
    return {Errc::invalid, directory + " is in the mount of the very store: a backup goes to another file system"};
  BackupOptions options;
  options.verify = command.words.size() == 2;
  options.progress = command.progress;
  options.cancelled = command.cancelled;
  const Result<BackupReport> done = backup(store_, directory, options);
  if (!done) return done.error();
  return fmt::format("{}: {} rows and {} chunks, {}\n", directory, done->rows, done->chunks,
                     readable_bytes(done->bytes));
}

Result<std::string> Control::take_snapshot(const ControlCommand& command) const {
  uint64_t lease_ms = 0;
  if (command.words.size() == 3) {
    const Result<uint64_t> asked = parse_lease(command.words[2]);
    if (!asked) return asked.error();
    lease_ms = *asked;
  }
  const Result<Snapshots::Ptr> taken = snapshots_.take(command.words[1], command.tenant, lease_ms);
  if (!taken) return taken.error();
  return describe(**taken);
}

Result<std::string> Control::list_snapshots(const ControlCommand& command) const {
  std::string lines;
  for (const Snapshots::Ptr& snapshot : snapshots_.list(command.tenant)) lines += describe(*snapshot);
  return lines;
}

}  // namespace kvfs
