// What is staged of a file against bytes in memory: random changes, other doors that replace the value below, and
// limits so small that everything moves out of memory and back.
#include "fusefs/overlay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "store/engine/engine.h"

namespace kvfs {
namespace {

/// Where long texts differ, not what they are.
testing::AssertionResult same(const std::string& got, const std::string& expected) {
  if (got == expected) return testing::AssertionSuccess();
  const auto differ = std::mismatch(got.begin(), got.end(), expected.begin(), expected.end());
  return testing::AssertionFailure() << got.size() << " bytes instead of " << expected.size() << ", differing from "
                                     << differ.first - got.begin() << " on: '"
                                     << got.substr(differ.first - got.begin(), 8) << "' instead of '"
                                     << expected.substr(differ.second - expected.begin(), 8) << "'";
}

class OverlayTest : public testing::Test {
 protected:
  Overlay::BaseReader base() {
    return [this](uint64_t offset, size_t length, char* out) -> Result<size_t> {
      if (offset >= base_.size()) return size_t{0};
      reads_ += 1;
      return base_.copy(out, length, offset);
    };
  }
  void write(uint64_t offset, const std::string& bytes) { ASSERT_TRUE(overlay_.write(offset, bytes, base())); }
  std::string contents() {
    std::string out(overlay_.size(), '?');
    EXPECT_EQ(overlay_.read(0, out.size(), out.data(), base()).value(), out.size());
    return out;
  }
  /// The value in the store becomes what is staged.
  void publish() {
    ASSERT_TRUE(overlay_.publish(base(), [&](const StagedValue& value) -> Result<void> {
      std::string next = value.replaces ? std::string() : base_;
      if (value.bytes) next = *value.bytes;
      next.resize(value.size);
      for (const auto& [index, ref] : value.chunks()) {
        std::string chunk(kChunkBytes, '\0');
        EXPECT_TRUE(value.read_chunk(index, chunk.data()).value());
        const size_t at = size_t{index} * kChunkBytes;
        if (at < next.size())
          next.replace(at, std::min<size_t>(kChunkBytes, next.size() - at), chunk, 0, next.size() - at);
      }
      base_ = std::move(next);
      return {};
    }));
    EXPECT_EQ(gauge_.memory_bytes.load(), 0U);
    EXPECT_EQ(gauge_.dirty_bytes.load(), 0U);
    EXPECT_EQ(gauge_.dirty_files.load(), 0U);
  }
  std::string random_bytes(size_t size) {
    std::string out(size, '\0');
    for (char& byte : out) byte = static_cast<char>('a' + random_() % 26);
    return out;
  }

  const unsigned seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
  std::mt19937 random_{seed_};
  const std::unique_ptr<Engine> engine_ = [] {
    EngineOptions options;
    options.kind = "memory";
    return open_engine(options).value();
  }();
  ChunkStore& chunks_ = engine_->chunks();
  OverlayLimits limits_;
  OverlayGauge gauge_;
  Overlay overlay_{chunks_, limits_, gauge_};
  std::string base_;
  int reads_ = 0;
};

TEST_F(OverlayTest, SmallWritesIntoALargeValueReadNothingOfItUntilItIsPublished) {
  base_ = random_bytes(10 * kChunkBytes);
  overlay_.begin(base_.size());
  std::string expected = base_;
  for (uint32_t index = 0; index < 10; ++index) {
    const uint64_t offset = uint64_t{index} * kChunkBytes + 4096;
    write(offset, std::string(4096, 'x'));
    expected.replace(offset, 4096, 4096, 'x');
  }
  EXPECT_EQ(reads_, 0);
  EXPECT_EQ(gauge_.memory_bytes.load(), 10U * 4096);
  EXPECT_TRUE(same(contents(), expected));
  publish();
  EXPECT_TRUE(same(base_, expected));
}

TEST_F(OverlayTest, AChunkWrittenInOrderIsNeverRead) {
  base_ = random_bytes(3 * kChunkBytes);
  overlay_.begin(base_.size());
  for (uint64_t offset = kChunkBytes; offset < 2 * kChunkBytes; offset += 4096) write(offset, std::string(4096, 'x'));
  publish();
  EXPECT_EQ(reads_, 0);
  EXPECT_TRUE(same(base_.substr(kChunkBytes, kChunkBytes), std::string(kChunkBytes, 'x')));
}

TEST_F(OverlayTest, AChunkWrittenAsAWholeStaysSoWhenAnotherDoorReplacesTheValue) {
  limits_.memory_per_file_bytes_max = 0;
  base_ = random_bytes(2 * kChunkBytes);
  overlay_.begin(base_.size());
  for (int part = 0; part < 20; ++part) write(part * 2000, "part");  // too many pieces: it becomes whole, and moves
  write(0, std::string(kChunkBytes, 'x'));
  base_ = random_bytes(2 * kChunkBytes);
  ASSERT_TRUE(overlay_.rebase(base_.size(), base()));
  EXPECT_TRUE(same(contents(), std::string(kChunkBytes, 'x') + base_.substr(kChunkBytes)));
}

TEST_F(OverlayTest, MovedPiecesAreGivenBackWhenTheyAreDropped) {
  limits_.memory_per_file_bytes_max = 10'000;
  base_ = random_bytes(8 * kChunkBytes);
  overlay_.begin(base_.size());
  for (uint64_t index = 0; index < 8; ++index) write(index * kChunkBytes + 100, random_bytes(4000));
  EXPECT_GT(chunks_.bytes_used(), 0U);
  EXPECT_LE(gauge_.memory_bytes.load(), 10'000U);
  EXPECT_EQ(gauge_.dirty_bytes.load(), 8U * 4000);
  overlay_.reset();
  EXPECT_EQ(chunks_.bytes_used(), 0U);
  EXPECT_EQ(gauge_.dirty_bytes.load(), 0U);
}

/// What the file holds, kept byte by byte.
struct Model {
  std::map<uint64_t, char> written;
  bool replaces = false;
  bool resized = false;
  uint64_t cut_to = UINT64_MAX;
  uint64_t written_end = 0;
  uint64_t size = 0;

  std::string contents(const std::string& base) const {
    std::string out(size, '\0');
    if (!replaces) {
      const uint64_t shown = std::min<uint64_t>({base.size(), cut_to, size});
      out.replace(0, shown, base, 0, shown);
    }
    for (const auto& [offset, byte] : written)
      if (offset < size) out[offset] = byte;
    return out;
  }
};

TEST_F(OverlayTest, AgreesWithBytesInMemoryUnderRandomChanges) {
  for (int round = 0; round < 60; ++round) {
    limits_.memory_per_file_bytes_max = random_() % 2 == 0 ? random_() % 200'000 : 16 << 20;
    base_ = random_bytes(random_() % (5 * kChunkBytes));
    Model model;
    model.size = base_.size();
    if (base_.empty())
      overlay_.begin_empty(false);
    else
      overlay_.begin(base_.size());
    model.replaces = base_.empty();
    const size_t grain = random_() % 2 == 0 ? 4096 : 1;
    for (int step = 0; step < 60; ++step) {
      const uint64_t offset = random_() % (5 * kChunkBytes) / grain * grain;
      const auto what = random_() % 100;
      if (what < 70) {
        const std::string bytes =
            random_bytes(what == 0 ? 2 * kChunkBytes : 1 + random_() % (what < 10 ? 30'000 : 5000));
        write(offset, bytes);
        for (size_t i = 0; i < bytes.size(); ++i) model.written[offset + i] = bytes[i];
        model.written_end = std::max(model.written_end, offset + bytes.size());
        model.size = std::max<uint64_t>(model.size, offset + bytes.size());
      } else if (what < 78) {
        ASSERT_TRUE(overlay_.resize(offset, base()));
        model.written.erase(model.written.lower_bound(offset), model.written.end());
        model.size = offset;
        model.cut_to = std::min(model.cut_to, offset);
        model.resized = true;
        if (offset == 0) {
          model = Model();
          model.replaces = true;
        }
      } else if (what < 84) {
        const uint64_t length = random_() % (2 * kChunkBytes);
        ASSERT_TRUE(overlay_.zero(offset, length, base()));
        for (uint64_t at = offset; at < std::min(model.size, offset + length); ++at) model.written[at] = '\0';
      } else if (what < 88 && !model.replaces) {
        base_ = random_bytes(random_() % (5 * kChunkBytes));
        ASSERT_TRUE(overlay_.rebase(base_.size(), base()));
        if (!model.resized) model.size = std::max<uint64_t>(base_.size(), model.written_end);
      } else if (overlay_.size() > 0) {
        const std::string expected = model.contents(base_);
        std::string out(1 + random_() % 70'000, '?');
        const uint64_t from = random_() % overlay_.size();
        const size_t got = overlay_.read(from, out.size(), out.data(), base()).value();
        ASSERT_EQ(got, std::min<uint64_t>(out.size(), expected.size() - from));
        ASSERT_TRUE(same(out.substr(0, got), expected.substr(from, got)))
            << "from " << from << "round " << round << " step " << step;
      }
      ASSERT_EQ(overlay_.size(), model.size) << "round " << round << " step " << step;
    }
    const std::string expected = model.contents(base_);
    ASSERT_TRUE(same(contents(), expected)) << "round " << round;
    if (overlay_.dirty()) {
      publish();
      ASSERT_TRUE(same(base_, expected)) << "round " << round;
    }
    overlay_.reset();
    ASSERT_EQ(gauge_.memory_bytes.load(), 0U);
    ASSERT_EQ(gauge_.dirty_bytes.load(), 0U);
  }
}

}  // namespace
}  // namespace kvfs
