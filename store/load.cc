#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <optional>
#include <vector>

#include "store/dump.h"
#include "store/dump_line.h"
#include "store/load_entry.h"
#include "store/store.h"

namespace kvfs {

namespace {

using What = DumpLine::What;

constexpr size_t kLoadLinesPerCommit = 1000;
constexpr size_t kLoadBytesPerCommit = 4 * 1024 * 1024;

/// A line with the bytes that belong to it.
struct Item {
  DumpLine line;
  std::optional<StagedValue> value;
  uint64_t number = 0;
};

Error at_line(uint64_t number, const Error& error) {
  return {error.code, fmt::format("line {}: {}", number, error.message())};
}

/// Lines of a stream, parsed, and checked for their order.
class Reader {
 public:
  explicit Reader(std::istream& input) : input_(input) {}

  /// nullopt: the end line was read. Errors: invalid, unsupported, corrupt.
  Result<std::optional<DumpLine>> next() {
    if (!std::getline(input_, text_))
      return {Errc::corrupt,
              fmt::format("the dump ends after line {} without an end line: it is not complete", number_)};
    ++number_;
    bytes_ += text_.size() + 1;
    if (text_.size() > kDumpLineBytesMax)
      return at_line(number_, {Errc::invalid, fmt::format("longer than {} bytes", kDumpLineBytesMax)});
    Result<DumpLine> line = read_dump_line(text_);
    if (!line) return at_line(number_, line.error());
    if ((line->what == What::header) != (number_ == 1))
      return at_line(number_, {Errc::invalid, number_ == 1 ? "not the header of a dump" : "a second header"});
    const bool takes_parts =
        line->what == What::node && line->entry.kind == Kind::file && !line->bytes && line->state.empty();
    if (line->what == What::part) {
      if (Result<void> ok = check_part(*line); !ok) return at_line(number_, ok.error());
    } else {
      size_ = takes_parts ? line->entry.size : 0;
      next_offset_ = 0;
    }
    if (line->what == What::end) return std::optional<DumpLine>();
    return std::optional<DumpLine>(std::move(*line));
  }

  uint64_t number() const { return number_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Result<void> check_part(const DumpLine& part) {
    const bool fits = part.offset % kChunkBytes == 0 && part.offset >= next_offset_ && !part.bytes->empty() &&
                      part.bytes->size() <= kChunkBytes && part.offset < size_ &&
                      part.bytes->size() <= size_ - part.offset;
    if (!fits)
      return {Errc::invalid, fmt::format("a part at {} that does not belong to the value before it", part.offset)};
    next_offset_ = part.offset + kChunkBytes;
    return {};
  }

  std::istream& input_;
  std::string text_;
  uint64_t number_ = 0;
  uint64_t bytes_ = 0;
  uint64_t size_ = 0;         // of the value that parts may follow
  uint64_t next_offset_ = 0;  // the smallest that the next part may have
};

class Loader {
 public:
  Loader(Store& store, std::istream& input, const LoadOptions& options)
      : store_(store), input_(input), options_(options) {
    rules_.replace = options.replace;
    rules_.keep_versions = store.read([](const ReadTxn& txn) { return list_tenants(txn).empty(); });
  }

  Result<LoadReport> run() {
    const std::istream::pos_type start = input_.tellg();
    if (start != std::istream::pos_type(-1)) {
      if (Result<void> ok = rehearse(); !ok) return ok.error();
      input_.clear();
      input_.seekg(start);
    }
    Reader reader(input_);
    while (true) {
      Result<std::optional<DumpLine>> line = reader.next();
      if (!line) {
        (void)commit();  // what came before stays, also of a pipe
        return line.error();
      }
      if (!*line) break;
      if (Result<void> ok = take(std::move(**line), reader.number()); !ok) return ok.error();
      if (reader.number() % kLoadLinesPerCommit == 0 && options_.progress)
        options_.progress({"load", reader.number(), lines_, reader.bytes()});
    }
    if (Result<void> ok = commit(); !ok) return ok.error();
    return report_;
  }

 private:
  /// Reads everything without writing, so that a bad dump changes nothing.
  Result<void> rehearse() {
    Reader reader(input_);
    while (true) {
      const Result<std::optional<DumpLine>> line = reader.next();
      if (!line) return line.error();
      lines_ = reader.number();
      if (!*line) return {};
      const bool has_name = (*line)->what == What::node || (*line)->what == What::name;
      if (!has_name || options_.replace || rules_.keep_versions) continue;
      const Result<void> free = store_.read([&](const ReadTxn& txn) { return check_free(txn, **line); });
      if (!free) return at_line(reader.number(), free.error());
      if (reader.number() % kLoadLinesPerCommit == 0 && options_.progress)
        options_.progress({"read", reader.number(), 0, reader.bytes()});
    }
  }

  Result<void> take(DumpLine line, uint64_t number) {
    if (line.what == What::header) return {};
    if (line.what == What::part) {
      if (skipping_) return {};
      const auto index = static_cast<uint32_t>(line.offset / kChunkBytes);
      pending_bytes_ += line.bytes->size();
      return pending_.back().value->stage_chunk(index, *line.bytes);
    }
    if (line.what == What::members) {
      if (skipping_) return {};
      if (pending_.empty() || pending_.back().line.what != What::node || pending_.back().line.state.empty())
        return at_line(number, {Errc::invalid, "members that belong to no set"});
      pending_bytes_ += line.bytes->size();
      pending_.back().line.members += *line.bytes;
      return {};
    }
    if (pending_.size() >= kLoadLinesPerCommit || pending_bytes_ >= kLoadBytesPerCommit)
      if (Result<void> ok = commit(); !ok) return ok;
    skipping_ = line.what == What::node && line.entry.kind == Kind::file && line.entry.expired(store_.now_ms());
    if (skipping_) {
      report_.expired += 1;
      return {};
    }
    Entry& entry = line.entry;
    if (line.what != What::root && entry.btime_ns == 0 && entry.mtime_ns == 0 && entry.ctime_ns == 0)  // by hand
      entry.atime_ns = entry.btime_ns = entry.mtime_ns = entry.ctime_ns =
          static_cast<int64_t>(store_.now_ms()) * 1'000'000;
    Item item{std::move(line), std::nullopt, number};
    if (item.line.what == What::node && item.line.entry.kind == Kind::file) {
      if (!item.line.state.empty() && !item.line.bytes) item.line.bytes.emplace();  // members follow instead of parts
      Result<StagedValue> staged = stage(item.line);
      if (!staged) return at_line(number, staged.error());
      item.value.emplace(std::move(*staged));
      if (item.line.bytes) pending_bytes_ += item.line.bytes->size();
      if (!item.line.state.empty()) item.line.value = *item.line.bytes;
      item.line.bytes.reset();
    }
    pending_.push_back(std::move(item));
    return {};
  }

  Result<StagedValue> stage(const DumpLine& line) {
    if (!line.state.empty()) return StagedValue(store_.chunks());  // the state says it all
    if (!line.bytes) {                                             // parts follow
      StagedValue value(store_.chunks());
      value.size = line.entry.size;
      return value;
    }
    ValueWriter writer(store_.chunks(), kValueBytesMax);
    if (Result<void> ok = writer.append(*line.bytes); !ok) return ok.error();
    return writer.finish();
  }

  Result<void> commit() {
    if (pending_.empty()) return {};
    LoadReport report;
    const Result<void> done = store_.write([&](WriteTxn& txn) -> Result<void> {
      links_.begin();
      report = report_;
      for (const Item& item : pending_) {
        const StagedValue* value = item.value ? &*item.value : nullptr;
        const Result<LoadOutcome> loaded = load_entry(txn, item.line, value, rules_, links_);
        if (!loaded) return at_line(item.number, loaded.error());
        if (*loaded == LoadOutcome::kept)
          report.existing += 1;
        else
          report.entries += 1;
      }
      return {};
    });
    if (!done) return done;
    for (Item& item : pending_)
      if (item.value) item.value->published();
    links_.commit();
    report_ = report;
    pending_.clear();
    pending_bytes_ = 0;
    return {};
  }

  Store& store_;
  std::istream& input_;
  const LoadOptions& options_;
  LoadRules rules_;
  std::vector<Item> pending_;
  size_t pending_bytes_ = 0;
  bool skipping_ = false;  // the parts of a value that has expired
  uint64_t lines_ = 0;     // of the input, if it was rehearsed
  LoadedLinks links_;
  LoadReport report_;
};

}  // namespace

Result<LoadReport> load(Store& store, std::istream& input, const LoadOptions& options) {
  try {
    return Loader(store, input, options).run();
  } catch (const StoreException& damage) {
    return damage.error();
  }
}

}  // namespace kvfs
