// Control directories without a mount: commands, and logs that forget.
#include "fusefs/errno.h"
#include "fusefs/line_log.h"
#include "tests/fusefs/filesystem_fixture.h"

namespace kvfs {
namespace {

class CommandFileTest : public FilesystemTest {
 protected:
  void SetUp() override {
    FilesystemOptions options;
    options.commands.run = [](DirId tenant, std::string_view line) -> Result<std::string> {
      if (line == "fail") return Error{Errc::busy, "somebody else does it"};
      if (line == "quiet") return std::string();
      return (tenant == 0 ? "all: " : "tenant: ") + std::string(line) + "\n";
    };
    options.commands.help = [](DirId) { return "what there is\n"; };
    open_filesystem(std::move(options));
  }
  Inode control(Inode parent) { return inode_of(inode_of(parent, ".kvfs"), "control"); }
  std::string answer(Inode parent) {
    auto handle = open(control(parent), O_RDONLY);
    std::string text = read(*handle, 0, 4096);
    EXPECT_TRUE(close(std::move(handle)));
    return text;
  }
};

TEST_F(CommandFileTest, ALineIsACommandAndItsAnswerIsReadBack) {
  EXPECT_EQ(answer(kRootDir), "what there is\n");
  auto handle = open(control(kRootDir), O_WRONLY);
  write(*handle, 0, "sync\n");
  EXPECT_TRUE(close(std::move(handle)));
  EXPECT_EQ(answer(kRootDir), "all: sync\n");
  handle = open(control(tenant_), O_WRONLY);
  write(*handle, 0, "quiet");  // the end of the file ends the line, too
  EXPECT_EQ(answer(tenant_), "what there is\n");
  EXPECT_TRUE(close(std::move(handle)));
  EXPECT_EQ(answer(tenant_), "ok\n");
  EXPECT_EQ(answer(kRootDir), "all: sync\n");
}

TEST_F(CommandFileTest, WhoWritesAndReadsBackGetsHisOwnAnswer) {
  auto mine = open(control(kRootDir));
  auto other = open(control(kRootDir));
  write(*mine, 0, "mine\n");
  write(*other, 0, "other\n");
  EXPECT_EQ(read(*mine, 5, 100), "all: mine\n");
  EXPECT_EQ(read(*mine, 15, 100), "");
  EXPECT_EQ(read(*mine, 0, 4), "all:");
  EXPECT_EQ(read(*mine, 4, 100), " mine\n");
  write(*mine, 15, "again\n");
  EXPECT_EQ(read(*mine, 21, 100), "all: again\n");
  EXPECT_TRUE(close(std::move(mine)));
  EXPECT_TRUE(close(std::move(other)));
}

TEST_F(CommandFileTest, ARefusalIsAnErrorOfTheWriteAndTheAnswer) {
  auto handle = open(control(kRootDir));
  const auto written = fs().write(*handle, 0, "fail\n", kRoot);
  ASSERT_FALSE(written);
  EXPECT_EQ(to_errno(written.error().code), EBUSY);
  EXPECT_EQ(read(*handle, 5, 100), "error: somebody else does it\n");
  EXPECT_TRUE(close(std::move(handle)));
  handle = open(control(kRootDir), O_WRONLY);
  write(*handle, 0, "fail");
  EXPECT_FALSE(close(std::move(handle)));
  EXPECT_EQ(answer(kRootDir), "error: somebody else does it\n");
}

class LineLogTest : public ::testing::Test {
 protected:
  std::string rest(LineLog::Reader& reader, uint64_t& offset, size_t step = 1000) {
    std::string all;
    std::string part(step, '?');
    while (const size_t got = log.read(reader, offset, step, part.data())) {
      all.append(part, 0, got);
      offset += got;
    }
    return all;
  }
  LineLog log{100, [](uint64_t bytes) { return "missed " + std::to_string(bytes) + "\n"; }};
};

TEST_F(LineLogTest, OffsetsGoOnWhateverIsForgotten) {
  log.append("one\n");
  LineLog::Reader reader;
  uint64_t offset = 0;
  EXPECT_EQ(rest(reader, offset), "one\n");
  log.append("two\n");
  EXPECT_EQ(rest(reader, offset), "two\n");
  EXPECT_EQ(log.size(), offset);
}

TEST_F(LineLogTest, WhoFallsBehindIsToldAndGoesOnWithWhatIsThere) {
  for (const size_t step : {size_t{1}, size_t{3}, size_t{1000}}) {
    log.append("begin\n");
    LineLog::Reader reader;
    uint64_t offset = 0;
    rest(reader, offset, step);
    std::string all;
    for (int i = 0; i < 100; i++) {
      const std::string line = "line " + std::to_string(i) + "\n";
      log.append(line);
      all += line;
    }
    const std::string read = rest(reader, offset, step);
    ASSERT_TRUE(read.starts_with("missed ")) << read;
    const std::string known = read.substr(read.find('\n') + 1);
    EXPECT_TRUE(all.ends_with(known)) << read;
    EXPECT_EQ(std::stoull(read.substr(7)), all.size() - known.size());
    log.append("end\n");
    EXPECT_EQ(rest(reader, offset, step), "end\n");
  }
}

TEST_F(LineLogTest, ANewReaderHasMissedNothing) {
  for (int i = 0; i < 100; i++) log.append("line\n");
  LineLog::Reader from_start;
  uint64_t offset = 0;
  const std::string all = rest(from_start, offset);
  EXPECT_TRUE(all.starts_with("line\n"));
  LineLog::Reader from_end;  // as tail(1) does
  offset = log.size() - 10;
  EXPECT_EQ(rest(from_end, offset), "line\nline\n");
}

class LastErrorTest : public FilesystemTest {
 protected:
  void refuse(Inode node, const std::string& what, uid_t uid) {
    fs().note_error("create", {Errc::not_permitted, what}, node, uid);
  }
  std::string seen(Inode parent, Caller reader) {
    auto opened = fs().open(inode_of(inode_of(parent, ".kvfs"), "last_error"), O_RDONLY, reader);
    EXPECT_TRUE(opened);
    std::string text = read(*opened->handle, 0, 64 * 1024);
    fs().release(std::move(opened->handle));
    std::string words;  // the reasons alone, in the order they are shown
    for (size_t at = 0; (at = text.find("what:", at)) != std::string::npos; at += 5)
      words += text.substr(at + 5, text.find('\n', at) - at - 5) + " ";
    return words;
  }
  void own(Inode directory, uid_t uid) {
    AttributeRequest request;
    request.uid = uid;
    ASSERT_TRUE(fs().set_attributes(directory, request, kRoot));
  }
};

TEST_F(LastErrorTest, ATenantsShowsThatTenantAloneAndTheRootsAll) {
  const Inode other = directory(kRootDir, "other");
  refuse(write_file(collection_, "f", "x"), "what:file", 0);
  refuse(collection_, "what:collection", 0);
  refuse(other, "what:other", 0);
  refuse(kRootDir, "what:root", 0);
  refuse(inode_of(other, ".kvfs"), "what:control", 0);
  EXPECT_EQ(seen(tenant_, kRoot), "collection file ");
  EXPECT_EQ(seen(other, kRoot), "control other ");
  EXPECT_EQ(seen(kRootDir, kRoot), "control root other collection file ");
}

TEST_F(LastErrorTest, AReaderIsToldOfHisTenantsAndHisOwnRefusalsOnly) {
  const Inode other = directory(kRootDir, "other");
  own(tenant_, 1001);
  own(other, 1002);
  refuse(collection_, "what:a-by-1003", 1003);
  refuse(other, "what:b-by-1003", 1003);
  refuse(other, "what:b-by-1002", 1002);
  refuse(kRootDir, "what:root-by-1001", 1001);
  EXPECT_EQ(seen(kRootDir, {1001, 1001}), "root-by-1001 a-by-1003 ");
  EXPECT_EQ(seen(kRootDir, {1002, 1002}), "b-by-1002 b-by-1003 ");
  EXPECT_EQ(seen(kRootDir, {1003, 1003}), "b-by-1003 a-by-1003 ");
  EXPECT_EQ(seen(kRootDir, {1004, 1004}), "");
  EXPECT_EQ(seen(other, {1003, 1003}), "b-by-1003 ");
  EXPECT_EQ(seen(other, {1001, 1001}), "");
}

TEST_F(LastErrorTest, OneTenantsRefusalsDoNotPushOutAnothers) {
  const Inode other = directory(kRootDir, "other");
  refuse(other, "what:kept", 0);
  for (size_t i = 0; i < 2 * LastErrors::kKept; i++) refuse(collection_, "what:" + std::to_string(i), 0);
  EXPECT_EQ(seen(other, kRoot), "kept ");
  const std::string own_ones = seen(tenant_, kRoot);
  EXPECT_TRUE(own_ones.starts_with("31 30 ")) << own_ones;
  EXPECT_TRUE(own_ones.ends_with(" 17 16 ")) << own_ones;
}

}  // namespace
}  // namespace kvfs
