// Hostile bytes as a journal's segment file: an error, or a contiguous history to which more can be added. The first
// byte says whether the rest is the file itself or a list of records, which get valid checksums.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "store/engine/coding.h"
#include "store/engine/journal.h"
#include "store/engine/journal_segment.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/store/engine/fake_directory.h"

namespace {

using namespace kvfs;

constexpr uint32_t kSalt = 0x12345678;
constexpr Sequence kBase = 2;

void check(bool holds) {
  if (!holds) std::abort();
}

std::string header() { return encode_segment_header({1, kSalt, 1, 0}); }

std::string record(uint32_t count, Sequence first, Sequence durable, std::string_view payload) {
  std::string bytes(kJournalHeaderBytes, '\0');
  bytes += payload;
  seal_record(bytes, count, first, durable, kSalt);
  return bytes;
}

// Whatever numbers the input gives, in records that are whole.
std::string sealed_records(std::string_view input) {
  std::string file = header();
  Decoder in(input);
  while (!in.at_end() && file.size() < 64 * 1024) {
    const auto count = in.fixed<uint8_t>();
    const auto first = in.fixed<uint64_t>();
    const auto durable = in.fixed<uint64_t>();
    const auto bytes = std::min<size_t>(in.fixed<uint8_t>(), in.left());
    file += record(count, first, durable, in.bytes(bytes));
  }
  return file;
}

struct Count : BatchVisitor {
  void put(std::string_view, std::string_view) override {}
  void erase(std::string_view) override {}
  void release_chunk(const ChunkRef&) override {}
};

// Opens, replays, adds a record, opens again.
void use_journal(const std::string& file, bool salvage) {
  auto disk = std::make_shared<FakeDisk>();
  disk->model.write(disk->model.create("/d/" + segment_name(1)), 0, file);
  JournalOptions options;
  options.segment_bytes = 16 * 1024;
  options.salvage = salvage;
  auto journal = open_journal(fake_directory(disk), kBase, options);
  if (!journal) {
    check(!salvage || journal.error().code == Errc::unsupported);
    return;
  }
  Sequence last = kBase;
  auto replayed = (*journal)->replay(kBase + 1, [&](Sequence first, uint32_t count, std::string_view payload) {
    check(count > 0 && first + count - 1 > last);
    check(salvage || first <= last + 1);
    last = first + count - 1;
    Count visitor;
    (void)decode_batch(payload, visitor);
    return Result<void>();
  });
  check(static_cast<bool>(replayed));
  check(last <= (*journal)->last_sequence() && (salvage || last == (*journal)->last_sequence()));
  last = (*journal)->last_sequence();
  if (last >= UINT64_MAX - 1) return;  // no sequence is left
  std::string added(kJournalHeaderBytes, '\0');
  check(static_cast<bool>((*journal)->append(added, 1, last + 1)));
  journal->reset();
  auto again = open_journal(fake_directory(disk), kBase, options);
  check(static_cast<bool>(again) && (*again)->last_sequence() == last + 1);
}

}  // namespace

std::vector<std::string> fuzz_corpus() {
  std::string raw = std::string(1, '\0') + header();
  raw += record(1, 1, 0, "a") + record(3, 2, 0, std::string(100, 'b')) + record(1, 5, 4, "c") + record(0, 6, 5, "");
  std::string listed(1, '\1');
  for (Sequence first = 1; first < 6; ++first) {
    listed.push_back(1);
    append_fixed(listed, first);
    append_fixed(listed, first / 2);
    listed += std::string("\3abc", 4);
  }
  // Says that more was synced than is there, before the last record that is.
  std::string ahead = std::string(1, '\0') + header() + record(0, 9, 8, "") + record(1, 1, 0, "a");
  return {raw, listed, ahead};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string file = data[0] % 2 == 0 ? std::string(rest) : sealed_records(rest);
  use_journal(file, false);
  use_journal(file, true);
  return 0;
}
