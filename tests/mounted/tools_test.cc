// Programs that people trust with their files, run on the mount as they are; what they leave is compared byte by byte
// and attribute by attribute. With KVFS_TOOLS_DIRECTORY set, the same on that directory of any file system.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

class ToolsTest : public ::testing::Test {
 protected:
  ToolsTest() {
    if (const char* directory = std::getenv("KVFS_TOOLS_DIRECTORY"); directory != nullptr) {
      here = std::string(directory) + "/tools";
      output_of("rm -rf " + here);
    } else {
      kvfs = std::make_unique<KvfsProcess>();
      here = kvfs->in_mount("default/tools");
    }
    output_of("mkdir -p " + here);
  }
  ~ToolsTest() override { shell("rm -rf " + here); }

  /// Runs in the directory under test, with the path of a scratch directory elsewhere in $OUT; must succeed.
  std::string sh(const std::string& command) {
    const ShellResult result =
        shell("set -e; export OUT=" + outside.path() + " HOME=" + outside.path() + "; " + command, here);
    EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.out << result.err;
    std::string out = result.out;
    if (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }

  void remount() {
    if (kvfs) kvfs->restart();
  }

  /// A tree in $OUT/source with everything that a copy must keep.
  void make_source() {
    sh(R"(mkdir -p $OUT/source && cd $OUT/source
       cp -a /usr/include/linux linux
       mkdir -p empty deep/$(seq -s/ 30) 'with space'
       echo plain > plain; ln plain hard1; ln plain deep/hard2; ln -s plain soft; ln -s /nonexistent dangling
       head -c 3000000 /dev/urandom > large; : > nothing; truncate -s 5M sparse; echo end >> sparse
       chmod 4755 plain; chmod 000 nothing; chmod 1777 empty; chmod 2750 deep
       chown 1234:5678 large; chown -h 77:88 soft
       mkfifo pipe; find . -exec touch -h -d '2021-02-03 04:05:06.777777777' {} +
       setfattr -n user.colour -v blue plain; setfattr -n user.binary -v 0x00ff10 large; setfattr -n user.dir -v d deep
       touch -d '1987-06-05 04:03:02.123456789' large; touch -h -d '1999-01-01 00:00:00.000000001' soft
       touch -d '2030-01-01 00:00:00.5' deep 'with space')");
  }
  static std::string attributes_in(const std::string& directory) {
    return output_of(
        R"(find . -mindepth 1 -printf '%y %m %U %G %n %T@ %l %p ' \( -type f -printf '%s' -o -true \) \
             -printf '\n' | sort
           find . -print0 | sort -z | xargs -0 getfattr -dh -m '^user' 2>/dev/null
           find . -type f -print0 | sort -z | xargs -0 sha256sum)",
        directory);
  }
  void expect_same_tree(const std::string& one, const std::string& other) {
    write_file(outside / "attributes1", attributes_in(one));
    write_file(outside / "attributes2", attributes_in(other));
    EXPECT_EQ(output_of("(diff attributes1 attributes2 || true) | head -20", outside.path()), "");
  }
  std::string source() const { return outside / "source"; }

  TempDir outside;
  std::unique_ptr<KvfsProcess> kvfs;
  std::string here;
};

TEST_F(ToolsTest, RsyncWithAllAttributesDeletionAndInPlaceUpdates) {
  make_source();
  sh("rsync -aHAX $OUT/source/ copy/");
  expect_same_tree(source(), here + "/copy");
  EXPECT_EQ(sh("rsync -aHAXin --delete $OUT/source/ copy/"), "");

  sh(R"(cd $OUT/source; rm -r linux/can deep hard1; echo more >> large; echo changed > plain; mv 'with space' renamed
     setfattr -x user.colour plain; setfattr -n user.new -v x linux
     # rsync compares whole seconds when it sets directories' times for good, so they must not be those of the copying.
     touch -d '2022-01-01 00:00:00.123456789' linux)");
  sh("rsync -aHAX --delete --inplace --no-whole-file $OUT/source/ copy/");
  expect_same_tree(source(), here + "/copy");
  remount();
  EXPECT_EQ(sh("rsync -aHAXinc --delete $OUT/source/ copy/"), "");
  sh("rsync -aHAX copy/ $OUT/back/");
  expect_same_tree(source(), outside / "back");
}

TEST_F(ToolsTest, TarKeepsExtendedAttributes) {
  make_source();
  sh("tar c --xattrs --numeric-owner -C $OUT/source . > archive.tar; mkdir copy; tar x --xattrs -p -C copy < "
     "archive.tar");
  expect_same_tree(source(), here + "/copy");
  sh("tar c --xattrs --numeric-owner -C copy . | (mkdir $OUT/back; tar x --xattrs -p -C $OUT/back)");
  expect_same_tree(source(), outside / "back");
}

TEST_F(ToolsTest, CpArchiveWithinIntoAndOutOfTheMount) {
  make_source();
  sh("cp -a $OUT/source copy; cp -a copy second; cp -a second $OUT/back");
  expect_same_tree(source(), here + "/copy");
  expect_same_tree(source(), here + "/second");
  expect_same_tree(source(), outside / "back");
  sh("mv second third; cp -al third fourth; rm -rf third");
  EXPECT_EQ(sh("cat fourth/plain"), "plain");
}

TEST_F(ToolsTest, GitCommitsClonesCollectsGarbageAndFindsNoDamage) {
  sh(R"sh(git init -q -b main repo; cd repo; git config user.email a@b; git config user.name n
     cp -r /usr/include/linux . ; git add .; git commit -qm first
     for i in $(seq 10); do echo $i >> counter; git add counter; git commit -qm $i; done
     git checkout -qb side HEAD~5; echo side > side; git add side; git commit -qm side
     git checkout -q main; git merge -q -m merge side; git tag v1
     git gc -q --aggressive --prune=now; git fsck --full --strict
     test -z "$(git status --porcelain)")sh");
  sh(R"sh(git clone -q repo clone; cd clone; git fsck --full; diff -r linux ../repo/linux
     test -z "$(git status --porcelain)")sh");
  sh(R"sh(git clone -q --no-local repo $OUT/clone; cd $OUT/clone; git fsck --full
     git rev-list --count HEAD | grep -qx 13)sh");
  sh(R"sh(cd clone; git config user.email a@b; git config user.name n; echo x > pushed; git add pushed
     git commit -qm p; git push -q origin HEAD:refs/heads/new; git -C ../repo log -1 --format=%s new | grep -qx p)sh");
  remount();
  sh(R"sh(cd repo; git fsck --full; test -z "$(git status --porcelain)"; git worktree add -q ../tree side
     rm -rf linux; git checkout -q .; test -z "$(git status --porcelain)")sh");
}

class SqliteTest : public ToolsTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(SqliteTest, TwoProcessesWriteOneDatabaseWithoutLosingARow) {
  sh(std::string("sqlite3 db 'PRAGMA journal_mode=") + GetParam() + "; CREATE TABLE t(who, i)' >/dev/null");
  sh(R"(for who in a b; do
       (for i in $(seq 40); do echo ".timeout 60000
         BEGIN IMMEDIATE; INSERT INTO t VALUES('$who', $i); INSERT INTO t VALUES('$who', -$i); COMMIT;"; done |
        sqlite3 -bail db) & pids="$pids $!"
     done; for p in $pids; do wait $p || exit 1; done)");
  EXPECT_EQ(sh("sqlite3 db 'SELECT count(*), sum(i) FROM t; PRAGMA integrity_check'"), "160|0\nok");
  EXPECT_EQ(sh("sqlite3 db '.timeout 9000' 'BEGIN; DELETE FROM t; ROLLBACK; SELECT count(*) FROM t; VACUUM; PRAGMA "
               "integrity_check'"),
            "160\nok");
  remount();
  EXPECT_EQ(sh("sqlite3 db 'SELECT count(*), sum(i) FROM t; PRAGMA integrity_check'"), "160|0\nok");
}

std::string journal_name(const ::testing::TestParamInfo<const char*>& journal) { return journal.param; }

INSTANTIATE_TEST_SUITE_P(Journal, SqliteTest, ::testing::Values("wal", "delete", "truncate", "persist"), journal_name);

TEST_F(ToolsTest, ResticBacksUpIntoAndOutOfTheMount) {
  make_source();
  sh(R"(export RESTIC_PASSWORD=x XDG_CACHE_HOME=$OUT/cache
     restic -q -r repo init; restic -q -r repo backup $OUT/source
     echo more >> $OUT/source/plain; restic -q -r repo backup $OUT/source
     restic -q -r repo forget --keep-last 1 --prune; restic -q -r repo check --read-data
     restic -q -r repo restore latest --target $OUT/restored)");
  EXPECT_EQ(sh("diff -r --no-dereference $OUT/source/linux $OUT/restored/$OUT/source/linux; cmp $OUT/source/large "
               "$OUT/restored/$OUT/source/large"),
            "");
  sh(R"sh(export RESTIC_PASSWORD=x XDG_CACHE_HOME=$OUT/cache
     cp -a $OUT/source live; restic -q -r $OUT/outside init; restic -q -r $OUT/outside backup live
     restic -q -r $OUT/outside check --read-data; restic -q -r $OUT/outside restore latest --target restored
     diff -r --no-dereference live/linux "$(find restored -path '*/live/linux' -type d)")sh");
}

TEST_F(ToolsTest, BorgBacksUpIntoAndOutOfTheMount) {
  make_source();
  sh(R"(export BORG_BASE_DIR=$OUT/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
     export BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
     borg init -e none repo; cd $OUT/source; borg create $OLDPWD/repo::one .
     echo more >> plain; borg create $OLDPWD/repo::two .; cd $OLDPWD
     borg delete repo::one; borg compact repo; borg check --verify-data repo
     mkdir restored; cd restored; borg extract --sparse ../repo::two)");
  expect_same_tree(source(), here + "/restored");
  sh(R"(export BORG_BASE_DIR=$OUT/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
     borg init -e none $OUT/outside; cd restored; borg create $OUT/outside::one .; borg check --verify-data $OUT/outside
     mkdir $OUT/back; cd $OUT/back; borg extract $OUT/outside::one)");
  expect_same_tree(source(), outside / "back");
}

TEST_F(ToolsTest, VimAndSedEditInPlaceAndKeepTheMode) {
  sh("printf 'one\\ntwo\\n' > f; chmod 640 f; chown 12:34 f");
  sh("vim -es -u NONE -c 'set backup writebackup backupcopy=no' -c '%s/two/2/' -c 'wq' f < /dev/null");
  EXPECT_EQ(sh("cat f; stat -c '%a %u %g' f"), "one\n2\n640 12 34");
  sh("vim -es -u NONE -c 'set nobackup writebackup backupcopy=yes' -c '%s/one/1/' -c 'wq' f < /dev/null; rm -f f~");
  sh("sed -i 's/2/zwei/' f");
  EXPECT_EQ(sh("cat f; stat -c '%a' f; ls -A"), "1\nzwei\n640\nf");
}

TEST_F(ToolsTest, FlockExcludesBetweenProcesses) {
  sh(R"(echo 0 > counter
     for w in 1 2 3; do
       (for i in $(seq 40); do flock lock sh -c 'n=$(cat counter); echo $((n+1)) > counter'; done) &
     done; wait
     grep -qx 120 counter)");
  EXPECT_NE(shell("flock lock sleep 30 & sleeper=$!; while flock -n lock true; do :; done; flock -n lock true; "
                  "code=$?; kill $sleeper; exit $code",
                  here)
                .exit_code,
            0);
}

TEST_F(ToolsTest, FioVerifiesWhatItWrote) {
  for (const char* mode : {"write", "randwrite", "randrw"}) {
    sh(std::string("fio --name=v --filename=f --rw=") + mode +
       " --bs=4k-64k --bs_unaligned --size=24m --verify=crc32c --verify_fatal=1 --do_verify=1 --randseed=1 "
       "--ioengine=psync > $OUT/fio 2>&1 || { tail -30 $OUT/fio >&2; exit 1; }");
  }
  sh("fio --name=m --filename=g --rw=randwrite --bs=4k --size=8m --verify=crc32c --verify_fatal=1 --do_verify=1 "
     "--ioengine=mmap > $OUT/fio 2>&1 || { tail -30 $OUT/fio >&2; exit 1; }");
}

TEST_F(ToolsTest, DbenchRunsWithoutAnError) {
  const std::string out = sh("dbench -D . -t 5 2 2>&1");  // ends with an error at the first that it meets
  EXPECT_NE(out.find("Throughput"), std::string::npos) << out;
}

TEST_F(ToolsTest, StressorsOfFileSystemsFindNothingToComplainOf) {
  for (const char* stressor :
       {"access",  "chdir",     "chmod",   "chown",     "copy-file", "dentry", "dir",      "dirdeep",
        "dirmany", "dup",       "eventfd", "fallocate", "fcntl",     "fiemap", "filename", "flock",
        "fpunch",  "fstat",     "getdent", "hdd",       "io-uring",  "lease",  "link",     "lockf",
        "locka",   "lockofd",   "mknod",   "open",      "readahead", "rename", "revio",    "seek",
        "symlink", "sync-file", "touch",   "utime",     "verity",    "xattr"}) {
    const ShellResult result = shell(std::string("timeout 60 stress-ng --temp-path . --") + stressor +
                                         " 1 --verify --timeout 1s --" + stressor + "-ops 3000 2>&1",
                                     here);
    // 4: not available here, 3: not supported by this machine
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 3 || result.exit_code == 4)
        << stressor << " exits " << result.exit_code << "\n"
        << result.out;
    shell("rm -rf tmp-stress* stress-ng*", here);
  }
}

}  // namespace
}  // namespace kvfs::test
