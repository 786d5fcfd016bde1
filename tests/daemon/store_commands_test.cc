// The commands on a store that is not in use, as they are typed.
#include <gtest/gtest.h>

#include "store/engine/engine.h"
#include "store/key.h"
#include "tests/support/child_process.h"
#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"
#include "tests/support/temp_dir.h"

namespace kvfs::test {
namespace {

class StoreCommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(files_ / "dump",
               "{\"kind\":\"kvfs-dump\",\"format\":1}\n"
               "{\"kind\":\"file\",\"tenant\":\"t\",\"collection\":\"c\",\"key\":\"a/b\",\"value\":\"" +
                   kSmallValue +
                   "\"}\n"
                   "{\"kind\":\"file\",\"tenant\":\"t\",\"collection\":\"c\",\"key\":\"big\",\"value\":\"" +
                   std::string(100'000, 'x') +
                   "\"}\n"
                   "{\"kind\":\"end\"}\n");
    expect_done(run("load " + files_ / "dump"), "2 entries loaded");
  }

  ShellResult run(const std::string& arguments) {
    return shell("KVFS_STORE_PATH=" + files_ / "store " + kvfs_executable() + " " + arguments);
  }
  static void expect_done(const ShellResult& result, const std::string& said) {
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find(said), std::string::npos) << result.out;
  }
  static void expect_refused(const ShellResult& result, int exit_code, const std::string& said) {
    EXPECT_EQ(result.exit_code, exit_code) << result.out;
    EXPECT_NE(result.err.find(said), std::string::npos) << result.err;
    EXPECT_TRUE(result.err.starts_with("kvfs: ")) << result.err;
  }
  EngineOptions engine(const std::string& name) {
    EngineOptions options;
    options.path = files_ / name;
    return options;
  }

  inline static const std::string kSmallValue = "a small value";
  const TempDir files_;
};

TEST_F(StoreCommandsTest, CheckSaysThatAllIsWell) { expect_done(run("check"), "no problems"); }

TEST_F(StoreCommandsTest, CheckNamesDamageAndRepairMendsIt) {
  {
    const auto opened = *open_engine(engine("store"));
    ASSERT_TRUE(opened->transact([](Transaction& rows) -> Result<void> {
      rows.put(orphan_row(4711), "");
      return {};
    }));
  }
  const ShellResult found = run("check");
  EXPECT_EQ(found.exit_code, 9);
  EXPECT_NE(found.out.find("removed file 4711: "), std::string::npos) << found.out;
  expect_done(run("check --repair"), "1 problems, 1 mended, 0 left");
  expect_done(run("check --quick"), "no problems");
}

TEST_F(StoreCommandsTest, CheckFindsDamageInTheJournalAndChangesNothing) {
  std::string journal;
  for (const std::string& name : list_directory(files_ / "store/journal"))
    if (name.ends_with(".journal")) journal = files_ / "store/journal/" + name;
  ASSERT_FALSE(journal.empty());
  std::string bytes = read_file(journal);
  const size_t at = bytes.find("a/b");  // somewhere in a record
  const size_t place = at != std::string::npos ? at : 4096 + 100;
  bytes[place] = static_cast<char>(bytes[place] ^ 1);
  write_file(journal, bytes);
  for (int i = 0; i < 2; ++i) {
    const ShellResult found = run("check");
    EXPECT_EQ(found.exit_code, 9);
    EXPECT_NE(found.out.find(journal + ": damaged at offset "), std::string::npos) << found.out;
    EXPECT_NE(found.err.find("--salvage"), std::string::npos) << found.err;
    EXPECT_EQ(read_file(journal), bytes);
  }
  EXPECT_EQ(run("dump").exit_code, 4);
  const ShellResult salvaged = run("check --salvage --repair");
  EXPECT_NE(salvaged.err.find("salvage: "), std::string::npos) << salvaged.err;
  expect_done(run("check"), "no problems");
}

TEST_F(StoreCommandsTest, CheckFindsDamagedRowsAndSalvageLeavesThemOut) {
  expect_done(run("compact"), "the base was ");  // all is in the base now
  const std::string base = files_ / "store/base/data.mdb";
  std::string bytes = read_file(base);
  const size_t at = bytes.find(kSmallValue);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_file(base, bytes);
  const ShellResult found = run("check");
  EXPECT_EQ(found.exit_code, 9);
  EXPECT_NE(found.out.find(base + ": row "), std::string::npos) << found.out;
  EXPECT_NE(found.err.find("--salvage"), std::string::npos) << found.err;
  const ShellResult salvaged = run("check --salvage --repair");
  EXPECT_NE(salvaged.err.find("is damaged and left out"), std::string::npos) << salvaged.err;
  expect_done(run("check"), "no problems");
}

TEST_F(StoreCommandsTest, CheckCountsTheCommitsInTheJournal) {
  const ShellResult checked = run("check");
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_EQ(checked.out.find(" 0 commits in the journal"), std::string::npos) << checked.out;
  expect_done(run("compact"), "the base was ");
  expect_done(run("check"), " 0 commits in the journal (0 bytes)");
}

TEST_F(StoreCommandsTest, NoCommandMakesAStoreByMistake) {
  for (const char* command : {"check ", "compact ",
                              "backup "
                              "copy --store ",
                              "dump --store ", "restore "})
    expect_refused(run(command + files_ / "nothing"), 4, "there is no store in " + files_ / "nothing");
  EXPECT_FALSE(exists(files_ / "nothing"));
}

TEST_F(StoreCommandsTest, AStoreInUseIsNamedWithItsUser) {
  const auto opened = *open_engine(engine("store"));
  for (const char* command : {"check", "compact", "backup copy", "dump", "load /dev/null"})
    expect_refused(run(command), 5, "in use by process " + std::to_string(getpid()));
}

TEST_F(StoreCommandsTest, BackupAndRestore) {
  expect_done(run("backup " + files_ / "copy"), "2 chunks");
  expect_done(run("check " + files_ / "copy"), "no problems");
  expect_refused(run("backup " + files_ / "copy"), 1, "exists");
  expect_refused(run("restore " + files_ / "copy"), 1, "--replace");
  expect_done(run("restore --replace " + files_ / "copy"), "2 chunks");
  expect_done(run("restore --store " + files_ / "other " + files_ / "copy"), "other: ");
  expect_done(run("check " + files_ / "other"), "2 values");
}

TEST_F(StoreCommandsTest, CompactKeepsEverything) {
  expect_done(run("compact"), "the base was ");
  expect_done(run("check"), "2 values");
}

TEST_F(StoreCommandsTest, DumpAndLoadByFileAndByPipe) {
  const std::string dumped = run("dump").out;
  EXPECT_NE(dumped.find("\"key\":\"a/b\""), std::string::npos) << dumped;
  EXPECT_EQ(run("dump " + files_ / "again").exit_code, 0);
  EXPECT_EQ(read_file(files_ / "again"), dumped);
  EXPECT_FALSE(exists(files_ / "again.partial"));
  const std::string piped = "dump | KVFS_STORE_PATH=" + files_ / "piped " + kvfs_executable();
  expect_done(run(piped + " load"), "entries loaded");
  EXPECT_EQ(run("dump --store " + files_ / "piped").out, dumped);
  expect_refused(run("load " + files_ / "again"), 1, "line 6: t/c/a/b exists");
  expect_done(run("load --replace - < " + files_ / "again"), "entries loaded");
  expect_refused(run("load " + files_ / "absent"), 1, "absent: No such file");
}

TEST_F(StoreCommandsTest, ADumpThatCannotBeWrittenIsNotReportedAsDone) {
  expect_refused(run("dump > /dev/full"), 4, "No space left");
  expect_refused(run("dump --tenant nobody " + files_ / "file"), 1, "no tenant nobody");
  EXPECT_FALSE(exists(files_ / "file"));
  EXPECT_FALSE(exists(files_ / "file.partial"));
}

TEST(RunningKvfsTest, TakesCommandsAndIsBackedUpWhileItRuns) {
  KvfsOptions options;
  options.mount = false;
  KvfsProcess kvfs(options);
  kvfs.http().put("/v1/default/a", "12345");
  const auto run = [&](const std::string& arguments) {
    return shell("KVFS_STORE_PATH=" + kvfs.store_path() + " " + kvfs_executable() + " " + arguments);
  };
  EXPECT_NE(run("stats").out.find("\nkeys: 1\n"), std::string::npos);
  for (const char* command : {"sync", "checkpoint"}) EXPECT_EQ(run(command).exit_code, 0) << command;
  EXPECT_NE(run("reload").out.find("taken over"), std::string::npos);
  EXPECT_EQ(run("snapshot take monday 10m").exit_code, 0);
  EXPECT_TRUE(run("snapshot list").out.starts_with("monday "));
  EXPECT_EQ(run("snapshot take monday").exit_code, 1);
  EXPECT_EQ(run("snapshot drop monday").exit_code, 0);
  EXPECT_NE(run("check").out.find("1 values, 0 chunks: no problems"), std::string::npos);
  EXPECT_EQ(run("check --repair").exit_code, 5);
  EXPECT_EQ(run("control compact").exit_code, 5);
  const ShellResult copied = run("backup " + kvfs.scratch("copy"));
  EXPECT_EQ(copied.exit_code, 0) << copied.err;
  EXPECT_NE(run("check " + kvfs.scratch("copy")).out.find("1 values"), std::string::npos);
  EXPECT_EQ(run("backup " + kvfs.scratch("copy")).exit_code, 1);
  EXPECT_EQ(kvfs.stop(), 0);
  const ShellResult nobody = run("sync");
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_NE(nobody.err.find("no kvfs is running on the store"), std::string::npos) << nobody.err;
}

}  // namespace
}  // namespace kvfs::test
