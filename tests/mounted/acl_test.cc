// POSIX access control lists: shell scripts of the real tools, run on the mount and on a local file system, print the
// same; and what only kvfs has to do with them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

struct Script {
  const char* name;
  const char* commands;
};

std::ostream& operator<<(std::ostream& out, const Script& script) { return out << script.name; }

/// `as UID COMMAND`: by another user, of the group of that number. `acls FILE...`: all that there is to see of them.
constexpr const char* kPrologue = R"(
  umask 022
  as() { local uid=$1; shift; setpriv --reuid=$uid --regid=$uid --clear-groups -- "$@"; }
  acls() { for each; do stat -c '%n %A %u %g' "$each"; getfacl -cnp "$each"; getfattr -hm system "$each"; done; }
)";

constexpr Script kScripts[] = {
    {"Setting", R"(
      touch f; chmod 640 f; acls f
      setfacl -m u:1234:rwx,g:5678:r f; acls f
      setfacl -m m::r f; acls f
      setfacl -x g:5678 f; acls f
      setfacl -n -m u:1235:rw f; acls f
      setfacl -m u::r,g::rw,o::x f; acls f
      setfacl -b f; acls f
      setfacl -m u::rw,g::r,o::r f; acls f)"},
    {"ChangingTheMode", R"(
      touch f; setfacl -m u:1234:rwx,g::rw f
      for mode in 604 660 000 777 4751 2640; do chmod $mode f; acls f; done
      mkdir d; setfacl -m g:1234:rwx d
      for mode in 1700 2775 0; do chmod $mode d; acls d; done
      setfacl -b f d; acls f d)"},
    {"Inheriting", R"(
      mkdir d; setfacl -d -m u:1234:rwx,g:5678:rx,o::- d; acls d
      umask 077
      touch d/f; mkdir d/e; mkfifo d/p; mknod d/n c 1 3; ln -s x d/l; touch f; mkdir e
      acls d/f d/e d/p d/n f e; stat -c '%A' d/l
      mkdir -m 700 d/private; mkdir -p d/e/g/h; touch d/e/g/h/i; acls d/private d/e/g d/e/g/h/i
      ln d/f d/again; mv f d/moved; acls d/again d/moved
      setfacl -k d; touch d/plain; mkdir d/plainer; acls d d/plain d/plainer
      mkdir m; setfacl -d -m u::rwx,g::rx,o::r m; umask 0; touch m/f; mkdir m/d; acls m m/f m/d
      mkdir s; chgrp 5678 s; chmod 2755 s; setfacl -d -m u:1234:rw s; touch s/f; mkdir s/d; acls s s/f s/d)"},
    {"TheUmaskHoldsWithoutADefaultList", R"(
      for mask in 000 027 077 777; do umask $mask; touch f$mask; mkdir d$mask; mkfifo p$mask; done
      stat -c '%n %A' *)"},
    {"TheyAreEnforced", R"(
      echo text > f; chmod 600 f
      as 1234 cat f
      setfacl -m u:1234:r f; as 1234 cat f; as 1234 sh -c 'echo more >> f'; as 1235 cat f
      setfacl -m u:1234:rw f; as 1234 sh -c 'echo more >> f'; as 1234 cat f
      setfacl -m g:1235:rw f; as 1235 cat f
      setfacl -m m::- f; as 1234 cat f; as 1235 cat f
      chmod 644 f; setfacl -m u:1234:- f; as 1234 cat f; as 1235 cat f
      mkdir d; chmod 700 d; touch d/x; as 1234 ls d
      setfacl -m u:1234:rwx d; as 1234 ls d; as 1234 touch d/by; as 1234 rm d/x; ls d
      setfacl -m u:1234:x d; as 1234 ls d; as 1234 cat d/by; as 1234 touch d/no
      test -x f; as 1235 test -r f; echo $?; as 1234 test -r f; echo $?)"},
    {"WhoMaySetThem", R"(
      touch f; chown 1234:5678 f; chmod 2770 f
      as 1235 setfacl -m u:1235:r f
      as 1234 setfacl -m u:1235:r f; acls f
      chmod 2770 f; setfacl -m u:1236:r f; acls f
      as 1235 setfacl -b f; as 1234 setfacl -b f; acls f)"},
    {"WhatIsRefused", R"(
      touch f; mkdir d; ln -s f l
      setfacl -d -m u:1234:r f; setfacl -k f; setfacl -b f; echo $?
      for name in access default; do
        for value in 0x00 0x01000000 0x020000000100 0x0200000001000700ffffffff 0x02000000; do
          setfattr -n system.posix_acl_$name -v $value d; echo $name $value $?
        done
        setfattr -x system.posix_acl_$name d; echo $?
        getfattr -n system.posix_acl_$name d
        setfattr -h -n system.posix_acl_$name -v 0x02000000 l; echo $?
      done
      getfattr -n system.posix_acl_other d; setfattr -n system.other -v x d; acls f d)"},
    {"CopiesKeepThem", R"(
      mkdir -p a/b; echo 1 > a/f; echo 2 > a/b/g
      setfacl -m u:1234:rwx,m::rx a/f; setfacl -m g:5678:r a/b/g; setfacl -d -m u:1234:rwx a/b; setfacl -m u:9:x a/b
      each_acl() { (cd $1; find . -mindepth 1 | LC_ALL=C sort | getfacl -n -); }
      getfacl -Rn a > before
      cp -a a copied; cp -p a/f f; rsync -aAX a/ synced; mkdir tarred
      tar -C a --acls -cf - . | tar -C tarred --acls -xpf -
      for each in copied synced tarred; do each_acl $each > $each.acls; done
      each_acl a > a.acls
      for each in copied synced tarred; do cmp a.acls $each.acls && echo same; done
      acls f; cat a.acls; rsync -aAXni a/ synced
      setfacl -Rb a; setfacl --restore=before; each_acl a | cmp - a.acls && echo restored
      setfacl -m u:1234:- a/f; rsync -aAXi a/ synced; getfacl -cn synced/f)"},
};

class AclTest : public ::testing::TestWithParam<Script> {
 protected:
  static void SetUpTestSuite() {
    kvfs = std::make_unique<KvfsProcess>(KvfsOptions{.mount_options = {"acl"}});
    output_of("mkdir -p " + kvfs->at(""));
    const std::string parent = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = parent + "/kvfs-reference-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    reference = pattern;
    ASSERT_EQ(::chmod(pattern.c_str(), 0755), 0);
  }
  static void TearDownTestSuite() {
    kvfs.reset();
    std::filesystem::remove_all(reference);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "becomes other users: needs root";
  }
  static std::string printed_in(const std::string& parent, const Script& script) {
    const std::string directory = parent + "/" + script.name;
    make_directory(directory);
    return output_of(std::string("exec 2>&1\n") + kPrologue + script.commands + "\ntrue", directory);
  }
  static std::unique_ptr<KvfsProcess> kvfs;
  static std::string reference;
};

std::unique_ptr<KvfsProcess> AclTest::kvfs;
std::string AclTest::reference;

TEST_P(AclTest, ToolsPrintWhatTheyPrintOnALocalFileSystem) {
  const std::string expected = printed_in(reference, GetParam());
  EXPECT_EQ(expected.find("not supported\n."), std::string::npos);
  EXPECT_EQ(printed_in(kvfs->at(""), GetParam()), expected);
}

std::string name_of(const ::testing::TestParamInfo<Script>& script) { return script.param.name; }

INSTANTIATE_TEST_SUITE_P(Scripts, AclTest, ::testing::ValuesIn(kScripts), name_of);

class AclsOfAStoreTest : public ::testing::Test {
 protected:
  AclsOfAStoreTest() {
    if (::geteuid() != 0) return;
    sh("mkdir -p default/default/d; echo x > default/default/d/f; setfacl -m u:1234:rw default/default/d/f;"
       "setfacl -d -m g:5678:rwx default/default/d");
  }
  std::string sh(const std::string& command) { return output_of(command, kvfs.mount_point()); }
  std::string lists(const std::string& directory) { return output_of("find d | sort | getfacl -n -", directory); }
  KvfsProcess kvfs{KvfsOptions{.mount_options = {"acl"}}};
};

TEST_F(AclsOfAStoreTest, OutliveRestartsReplacementAtOtherDoorsAndAreInSnapshots) {
  if (::geteuid() != 0) GTEST_SKIP() << "becomes other users: needs root";
  const std::string before = lists(kvfs.at(""));
  EXPECT_NE(before.find("user:1234:rw-"), std::string::npos) << before;
  EXPECT_NE(before.find("default:group:5678:rwx"), std::string::npos) << before;
  kvfs.restart();
  EXPECT_EQ(lists(kvfs.at("")), before);
  EXPECT_EQ(kvfs.http().put("/v1/default/d/f", "by http").status / 100, 2);
  EXPECT_EQ(lists(kvfs.at("")), before);
  sh("mkdir .kvfs/snapshots/s; setfacl -Rb default/default/d");
  EXPECT_EQ(lists(kvfs.in_mount(".kvfs/snapshots/s/default/default")), before);
  EXPECT_EQ(sh("setpriv --reuid=1234 --regid=1234 --clear-groups cat .kvfs/snapshots/s/default/default/d/f"),
            "by http");
}

TEST_F(AclsOfAStoreTest, AreInDumpsAndBackups) {
  if (::geteuid() != 0) GTEST_SKIP() << "becomes other users: needs root";
  const std::string before = lists(kvfs.at(""));
  kvfs.stop();
  const std::string run = kvfs_executable() + " ";
  const std::string loaded = kvfs.scratch("loaded");
  const std::string copy = kvfs.scratch("copy");
  output_of(run + "dump --store " + kvfs.store_path() + " " + kvfs.scratch("dump"));
  output_of(run + "backup --store " + kvfs.store_path() + " " + copy);
  output_of(run + "load --store " + loaded + " " + kvfs.scratch("dump"));
  for (const std::string& store : {loaded, copy}) {
    output_of("rm -rf " + kvfs.store_path() + "; cp -a " + store + " " + kvfs.store_path());
    kvfs.start();
    EXPECT_EQ(lists(kvfs.at("")), before) << store;
    kvfs.stop();
  }
  kvfs.start();
}

TEST_F(AclsOfAStoreTest, HoldWithinTransactions) {
  if (::geteuid() != 0) GTEST_SKIP() << "becomes other users: needs root";
  sh("chmod 660 default/default/d/f; setfacl -m g:1234:- default/default/d/f; chgrp 0 default/default/d/f");
  sh("setfacl -m u:1235:- default/default/d/f; chmod 664 default/default/d/f");
  const auto as = [&](const char* uid, const std::string& command) {
    return shell(std::string("setpriv --reuid=") + uid + " --regid=1234 --clear-groups sh -c " + quoted(command),
                 kvfs.mount_point())
        .exit_code;
  };
  EXPECT_EQ(as("1234", "mkdir default/.kvfs/tx/a && echo y > default/.kvfs/tx/a/default/d/f"), 0);
  EXPECT_NE(as("1235", "mkdir default/.kvfs/tx/b && cat default/.kvfs/tx/b/default/d/f"), 0);
}

TEST_F(AclsOfAStoreTest, AreStagedByTransactions) {
  if (::geteuid() != 0) GTEST_SKIP() << "becomes other users: needs root";
  const std::string local = output_of("mktemp -d");
  const auto shown = [](const std::string& in) {
    return output_of("find s | sort | getfacl -n -; find s | sort | xargs getfattr -hd -m '^trusted'", in);
  };
  output_of(
      "umask 022; mkdir s; setfacl -d -m u:1234:rwx,g:5678:rx s; touch s/f s/g; setfacl -m u:77:rw s/f;"
      "setfacl -b s/g; chmod 600 s/g; setfattr -n trusted.x -v 1 s/f; mkdir s/e; setfattr -n trusted.y -v 2 s/e;"
      "touch s/e/h",
      local);
  sh("mkdir default/.kvfs/tx/c; cp -a " + local + "/s default/.kvfs/tx/c/default/");
  EXPECT_EQ(shown(kvfs.mount_point() + "/default/.kvfs/tx/c/default"), shown(local));
  EXPECT_EQ(sh("ls default/default"), "d");
  sh("mv default/.kvfs/tx/c default/.kvfs/commit/");
  EXPECT_EQ(shown(kvfs.at("")), shown(local));
  output_of("rm -r " + local);
}

class WithoutAclsTest : public ::testing::Test {
 protected:
  KvfsProcess kvfs;
};

TEST_F(WithoutAclsTest, TheyAreRefusedAndTheUmaskHolds) {
  output_of("mkdir -p " + kvfs.at(""));
  const auto refused = shell("touch f; setfacl -m u:1234:r f", kvfs.at(""));
  EXPECT_NE(refused.err.find("Operation not supported"), std::string::npos) << refused.err;
  EXPECT_EQ(output_of("umask 027; touch g; mkdir d; stat -c %a g d", kvfs.at("")), "640\n750");
}

}  // namespace
}  // namespace kvfs::test
