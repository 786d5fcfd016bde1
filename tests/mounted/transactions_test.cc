// Transactions through files, as a shell script uses them.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

class TransactionsTest : public ::testing::Test {
 protected:
  TransactionsTest() { http.put("/v1/default/a", "before"); }
  ShellResult in_tenant(const std::string& command) { return shell(command, kvfs.in_mount("default")); }
  KvfsProcess kvfs;
  HttpClient http = kvfs.http();
};

TEST_F(TransactionsTest, ManyKeysAreWrittenAndOneMvPublishesThemAll) {
  EXPECT_EQ(read_file(kvfs.at("a")), "before");  // the kernel remembers it
  EXPECT_FALSE(exists(kvfs.at("new")));
  const auto done = in_tenant(
      "mkdir .kvfs/tx/T && cd .kvfs/tx/T/default && echo -n after > a && mkdir -p d/e && cp /etc/passwd d/e/copy && "
      "echo 1 > new && sed -i s/1/2/ new && grep -q 2 new && cd ../../../.. && mv .kvfs/tx/T .kvfs/commit/");
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(read_file(kvfs.at("a")), "after");
  EXPECT_EQ(read_file(kvfs.at("new")), "2\n");
  EXPECT_EQ(read_file(kvfs.at("d/e/copy")), read_file("/etc/passwd"));
  EXPECT_EQ(http.get("/v1/default/a").body, "after");
  EXPECT_EQ(list_directory(kvfs.in_mount("default/.kvfs/tx")), std::vector<std::string>{});
  EXPECT_FALSE(exists(kvfs.in_mount("default/.kvfs/commit/T")));
}

TEST_F(TransactionsTest, ToolsCopyAndMoveTreesWithLinksWithinIt) {
  const std::string collection = kvfs.at("");
  output_of("mkdir -p dir/sub; echo 1 > dir/f; ln -s f dir/l; mkfifo dir/p", collection);
  const std::string tx = kvfs.in_mount("default/.kvfs/tx/T");
  output_of("mkdir " + tx);
  output_of("mv dir moved; cp -a moved copied; rsync -aAX copied/ synced/; ln -sfn other copied/l", tx + "/default");
  EXPECT_EQ(output_of("ls", collection), "a\ndir");
  output_of("mv .kvfs/tx/T .kvfs/commit/", kvfs.in_mount("default"));
  const std::string tree = " d\n/f f\n/l l f\n/p p\n/sub d";
  const std::string find = "find . -printf '/%P %y %l\n' | sed 's,^/ , ,; s/ *$//' | sort";
  EXPECT_EQ(output_of(find, collection + "/moved"), tree);
  EXPECT_EQ(output_of(find, collection + "/synced"), tree);
  EXPECT_EQ(output_of("readlink copied/l; ls", collection), "other\na\ncopied\nmoved\nsynced");
}

TEST_F(TransactionsTest, AConflictPublishesNothingAndSaysWhy) {
  ASSERT_EQ(in_tenant("mkdir .kvfs/tx/T && echo mine > .kvfs/tx/T/default/a && echo x > .kvfs/tx/T/default/b && "
                      "setfattr -n user.kvfs.if_match -v $(getfattr --only-values -n user.kvfs.version default/a) "
                      ".kvfs/tx/T/default/a")
                .exit_code,
            0);
  http.put("/v1/default/a", "theirs");
  const auto refused = in_tenant("mv .kvfs/tx/T .kvfs/commit/");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("Stale file handle"), std::string::npos) << refused.err;
  EXPECT_EQ(http.get("/v1/default/a").body, "theirs");
  EXPECT_EQ(http.get("/v1/default/b").status, 404);
  const std::string why = read_file(kvfs.in_mount("default/.kvfs/last_error"));
  EXPECT_NE(why.find("default/a: it has version"), std::string::npos) << why;
  ASSERT_EQ(in_tenant("rm -r .kvfs/tx/T").exit_code, 0);
  EXPECT_EQ(list_directory(kvfs.in_mount("default/.kvfs/tx")), std::vector<std::string>{});
  EXPECT_EQ(http.get("/v1/default/a").body, "theirs");
}

TEST_F(TransactionsTest, ReadersAtAnotherDoorSeeAllOfItOrNothing) {
  http.put("/v1/default/x", "0");
  http.put("/v1/default/y", "0");
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::thread reader([&] {
    HttpClient mine = kvfs.http();
    while (!stop) {
      const std::string first = mine.get("/v1/default/x").body;
      const std::string second = mine.get("/v1/default/y").body;
      // y is read later, so it may be newer, never older.
      if (std::stoi(second) < std::stoi(first)) torn++;
    }
  });
  for (int i = 1; i <= 30; i++) {
    const std::string n = std::to_string(i);
    const auto done = in_tenant("mkdir .kvfs/tx/T && echo " + n + " > .kvfs/tx/T/default/x && echo " + n +
                                " > .kvfs/tx/T/default/y && mv .kvfs/tx/T .kvfs/commit/ && cat default/y");
    ASSERT_EQ(done.exit_code, 0) << done.err;
    ASSERT_EQ(done.out, n + "\n");  // by the kernel's caches, too
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn.load(), 0);
}

TEST_F(TransactionsTest, ManyAtOnceBesideABusyDirectoryDoNotWaitForEachOther) {
  // Each commit tells the kernel of a directory in which others make files meanwhile.
  std::vector<std::thread> writers;
  std::atomic<int> failed{0};
  for (int writer = 0; writer < 12; writer++)
    writers.emplace_back([&, writer] {
      const std::string name = std::to_string(writer);
      const auto done = writer % 2 == 0 ? in_tenant("for i in $(seq 20); do mkdir .kvfs/tx/" + name +
                                                    " && echo $i > .kvfs/tx/" + name + "/default/tx" + name +
                                                    " && mv .kvfs/tx/" + name + " .kvfs/commit/ || exit 1; done")
                                        : in_tenant("for i in $(seq 100); do echo $i > default/file" + name +
                                                    "-$i && rm default/file" + name + "-$i || exit 1; done");
      if (done.exit_code != 0) failed++;
    });
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failed.load(), 0);
  for (int writer = 0; writer < 12; writer += 2) EXPECT_EQ(read_file(kvfs.at("tx" + std::to_string(writer))), "20\n");
}

TEST_F(TransactionsTest, OneThatNobodyUsesEnds) {
  KvfsOptions options;
  options.environment = {{"KVFS_MOUNT_TRANSACTION_LEASE", "1s"}};
  KvfsProcess brief(options);
  HttpClient client = brief.http();
  client.put("/v1/default/a", "1");
  make_directory(brief.in_mount("default/.kvfs/tx/T"));
  EXPECT_TRUE(wait_until([&] { return list_directory(brief.in_mount("default/.kvfs/tx")).empty(); }));
}

TEST_F(TransactionsTest, ASingleThreadedMountCommitsToo) {
  KvfsOptions options;
  options.environment = {{"KVFS_MOUNT_THREADS", "1"}};
  KvfsProcess single(options);
  HttpClient client = single.http();
  client.put("/v1/default/a", "1");
  const auto done = shell(
      "cat default/a && ls default && mkdir .kvfs/tx/T && echo 2 > .kvfs/tx/T/default/a && "
      "mv .kvfs/tx/T .kvfs/commit/ && cat default/a",
      single.in_mount("default"));
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.out, "1a\n2\n");
}

}  // namespace
}  // namespace kvfs::test
