// The mount's open files where there is no memory.
#include <gtest/gtest.h>

#include <memory>
#include <new>

#include "fusefs/open_files.h"
#include "store/engine/engine.h"
#include "tests/memory/failing_memory.h"

namespace kvfs {
namespace {

TEST(OpenFilesMemory, AFileThatThereWasNoMemoryToOpenIsNotThere) {
  EngineOptions options;
  options.kind = "memory";
  const auto engine = open_engine(options).value();
  OpenFiles files(engine->chunks(), OverlayLimits());
  constexpr Inode kInode = 7;
  for (uint64_t nth = 1;; ++nth) {
    const test::FailingAllocation allocation(nth);
    try {
      const auto opened = files.acquire(kInode);
      EXPECT_TRUE(opened.first);
      break;
    } catch (const std::bad_alloc&) {
      EXPECT_TRUE(allocation.failed());
    }
    files.for_each([](const std::shared_ptr<OpenFile>&) { ADD_FAILURE() << "of a file that could not be opened"; });
  }
  EXPECT_NE(files.find(kInode), nullptr);
}

}  // namespace
}  // namespace kvfs
