// Making, linking, renaming and removing names.
#include "tests/mounted/conformance_cases.h"

namespace kvfs::test {
namespace {

constexpr ConformanceCase kCases[] = {
    {"making_every_kind", R"(
      umask 022
      mkdir d 0755
      mkdir d2 01777
      mkdir d3 02775
      create f 0644
      create g 04755
      create h 02751
      create s 01644
      mkfifo p 0644
      mkfifo p2 0666
      mknod c c 0600 1 3
      mknod b b 0600 7 100
      mknod r f 0640
      mknod q p 0640
      mknod k s 0640
      bind sock
      symlink d/f l
      stat d
      stat d2
      stat d3
      stat f
      stat g
      stat h
      stat s
      stat p
      stat p2
      stat c
      stat b
      stat r
      stat q
      stat k
      stat sock
      stat l
      stat .
      list .
      mkdir f 0755
      mkdir l 0755
      mkfifo f 0644
      mkfifo d 0644
      mknod p f 0644
      symlink x c
      symlink x d
      bind f
      create d 0644
      create l 0644
      create sock 0644
      link f d
      link f l
      link f p)"},
    {"umask_applies", R"(
      umask 077
      mkdir d 0777
      create f 0777
      mkfifo p 0666
      mknod n f 0666
      umask 0777
      mkdir e 0777
      create g 0666
      stat d
      stat f
      stat p
      stat n
      stat e
      stat g)"},
    {"directory_times_move_with_names", R"(
      mkdir d 0755
      mark d
      create d/f 0644
      moved d
      mark d
      mkdir d/e 0755
      moved d
      mark d
      mkfifo d/p 0644
      moved d
      mark d
      symlink x d/l
      moved d
      mark d
      link d/f d/g
      moved d
      mark d
      mark d/f
      rename d/f d/h
      moved d
      mark d
      unlink d/g
      moved d
      mark d
      rmdir d/e
      moved d
      mark d
      bind d/s
      moved d
      mark d
      mknod d/c c 0600 1 3
      moved d
      mark d
      create d/c 0644
      mkdir d/p 0755
      unlink d/nothing
      rmdir d/l
      link d/nothing d/x
      rename d/nothing d/x
      moved d
      mkdir e 0755
      mark d
      mark e
      rename d/h e/h
      moved d
      moved e)"},
    {"file_times_move_with_links", R"(
      create f 0644
      mark f
      link f g
      moved f
      mark f
      unlink g
      moved f
      mark f
      rename f h
      moved h f
      mark h
      open h rdonly
      open h wronly
      moved h
      symlink x l
      mark l
      rename l m
      moved m l
      mkdir d 0755
      mark d
      rename d e
      moved e d
      mkfifo p 0644
      mark p
      rename p q
      moved q p
      mark h
      rename h h
      link h i
      mark h
      rename h i
      stat h
      moved h)"},
    {"link_counts", R"(
      create f 0644
      link f a
      link a b
      stat f
      stat b
      unlink f
      stat a
      rename a b
      stat a
      stat b
      unlink a
      stat b
      unlink b
      stat b
      mkdir d 0755
      mkdir d/x 0755
      mkdir d/y 0755
      stat d
      rmdir d/x
      stat d
      mkdir e 0755
      rename d/y e/y
      stat d
      stat e
      exchange d e
      stat d
      stat e
      create file 0644
      exchange d/y file
      stat d
      stat file
      mkfifo p 0644
      link p q
      stat q
      symlink t l
      link l k
      stat k
      mknod c c 0600 1 3
      link c cc
      stat cc
      link d dd
      link nothing x
      link f/x y
      link d/missing/x y)"},
    {"a_file_outlives_the_directories_of_its_other_names", R"(
      mkdir a 0755
      mkdir b 0755
      mkdir c 0755
      create a/f 0644
      link a/f b/f
      fopen 0 b/f rdwr
      link a/f c/f
      unlink b/f
      unlink c/f
      rmdir b
      rmdir c
      link a/f g
      fwrite 0 0 hello
      fchmod 0 0600
      fsync 0
      flink 0 h
      fclose 0
      stat a/f
      unlink a/f
      rmdir a
      link g i
      chmod i 0640
      stat h)"},
    {"rename_every_kind_over_every_kind", R"(
      mkdir d 0755
      mkdir e 0755
      mkdir full 0755
      create full/x 0644
      create f 0644
      create g 0644
      mkfifo p 0644
      symlink f l
      mknod c c 0600 1 3
      rename f d
      rename d f
      rename p d
      rename l d
      rename d l
      rename d p
      rename d full
      rename full d
      stat d
      list d
      rename e d
      rename d e
      list .
      rename f p
      stat p
      rename p l
      stat l
      rename c l
      stat l
      rename g l
      stat l
      rename nothing x
      rename nothing l
      rename g/x y
      rename l/x y
      rename e e/sub
      rename e e/x/sub
      mkdir e/y 0755
      rename e e/y/z
      rename e/y e
      rename . x
      rename e/. x
      rename e/.. x
      rename e x/.
      rename l e/
      rename l new/
      rename e new/
      stat new)"},
    {"rename_flags", R"(
      create a 0644
      create b 0600
      mkdir d 0755
      create d/x 0644
      noreplace a b
      noreplace a d
      noreplace a c
      stat c
      exchange c b
      stat c
      stat b
      exchange c d
      stat c
      stat d
      list c
      exchange c missing
      exchange missing c
      exchange c c/x
      exchange c/x c
      noreplace c c
      noreplace c c/y
      exchange b b
      symlink t l
      exchange l b
      stat b
      readlink b)"},
    {"rename_leaves_whiteouts", R"(
      create a 0644
      create b 0600
      mkdir d 0755
      create d/x 0644
      mkdir e 0755
      whiteout a n
      stat a
      stat n
      whiteout n b
      stat n
      stat b
      whiteout d e
      stat d
      list e
      whiteout e/x e/y
      list e
      stat e/x
      unlink e/x
      whiteout missing m
      whiteout b e
      whiteout e b
      whiteout e e/z
      link b again
      whiteout b again
      stat b
      unlink d
      unlink a
      list .
      create a 0644
      stat a)"},
    {"rename_moves_times_of_both_directories_and_ctime", R"(
      mkdir a 0755
      mkdir b 0755
      create a/f 0644
      create b/g 0644
      mark a
      mark b
      mark a/f
      rename a/f b/g
      moved a
      moved b
      moved b/g a/f
      mkdir a/d 0755
      mark a/d
      mark a
      mark b
      rename a/d b/d
      moved b/d a/d
      moved a
      moved b
      mark a
      mark b
      noreplace b/g b/d
      rename b/d b/g
      rename b/g b/d
      moved a
      moved b
      link b/g b/other
      mark b/other
      create a/n 0644
      rename a/n b/g
      stat b/other
      moved b/other)"},
    {"names_of_255_bytes_and_longer", R"(
      create {255} 0644
      stat {255}
      unlink {255}
      create {256} 0644
      mkdir {255} 0755
      create {255}/{255} 0644
      unlink {255}/{255}
      rmdir {255}
      mkdir {256} 0755
      mkfifo {255} 0644
      rename {255} y{254}
      rename y{254} y{255}
      link y{254} {255}
      unlink {255}
      unlink {256}
      rmdir {256}
      link y{254} {256}
      symlink {255} l
      readlink l
      unlink l
      symlink x {256}
      symlink x {255}
      unlink {255}
      stat {256}
      chmod {256} 0644
      chown {256} 0 0
      truncate {256} 0
      open {256} rdonly
      open {256} creat,rdwr 0644
      mknod {256} f 0644
      bind {106}
      utimens {256} now now
      access {256} 0)"},
    {"paths_of_4095_bytes_and_longer", R"(
      create {p4094}f 0644
      stat {p4094}f
      mkdir {p4094}d 0755
      rename {p4094}d {p4094}e
      link {p4094}f {p4094}g
      unlink {p4094}g
      symlink x {p4094}l
      readlink {p4094}l
      chmod {p4094}f 0600
      truncate {p4094}f 3
      open {p4094}f rdonly
      rmdir {p4094}e
      create {p4096}f 0644
      mkdir {p4096}d 0755
      stat {p4096}f
      rename f {p4096}e
      rename {p4096}f e
      link f {p4096}g
      unlink {p4096}f
      rmdir {p4096}f
      symlink {p4095} long
      symlink {p4096} longer
      readlink long
      symlink x {p4096}l
      chmod {p4096}f 0600
      chown {p4096}f 0 0
      truncate {p4096}f 3
      open {p4096}f rdonly
      mkfifo {p4096}p 0644
      mknod {p4096}p f 0644
      utimens {p4096}f now now
      unlink {p4094}f)"},
    {"symlink_loops", R"(
      symlink b a
      symlink a b
      symlink self self
      stat a
      open a rdonly
      open a creat,rdwr 0644
      create a/x 0644
      mkdir a/x 0755
      rmdir a/x
      unlink a/x
      chmod a 0644
      chmod a/x 0644
      chown a 0 0
      lchown a 1 1
      stat a
      truncate a 0
      rename a/x y
      create f 0644
      rename f a/x
      link f a/x
      link a/x y
      symlink t a/x
      mkfifo a/x 0644
      mknod a/x f 0644
      readlink a/x
      readlink self
      access self 0
      open self rdonly,nofollow
      unlink self
      unlink a
      unlink b
      list .)"},
    {"components_that_are_no_directories", R"(
      create f 0644
      mkdir f/x 0755
      create f/x 0644
      open f/x rdonly
      unlink f/x
      rmdir f/x
      rmdir f
      rename f/x y
      rename f f/x
      link f f/x
      link f/x y
      symlink t f/x
      readlink f/x
      chmod f/x 0644
      chown f/x 0 0
      truncate f/x 0
      mkfifo f/x 0644
      mknod f/x f 0644
      utimens f/x now now
      stat f/x
      access f/x 0
      open f directory,rdonly
      open f/ rdonly
      stat f/
      unlink f/
      mkdir g/ 0755
      stat g/
      create g/h/i 0644
      create x/ 0644
      rmdir g/)"},
    {"removing", R"(
      mkdir d 0755
      create d/f 0644
      rmdir d
      unlink d
      unlink d/f
      rmdir d
      rmdir d
      unlink d
      mkdir d 0755
      rmdir d/.
      rmdir d/..
      rmdir .
      unlink .
      mkdir d/e 0755
      rmdir d
      rmdir d/e/..
      symlink d l
      rmdir l
      unlink l
      mkfifo p 0644
      unlink p
      mknod c c 0600 1 3
      unlink c
      bind s
      unlink s
      symlink nothing l
      unlink l
      list .
      list d
      unlink {1}
      rmdir missing/x)"},
    {"symlinks", R"(
      symlink f l
      stat l
      readlink l
      open l rdonly
      open l creat,rdwr 0644
      stat f
      open l creat,excl,rdwr 0644
      open l rdonly,nofollow
      chmod l 0600
      stat f
      stat l
      chown l 1 2
      stat f
      lchown l 3 4
      stat l
      symlink {1000} long
      readlink long
      stat long
      readlink f
      readlink .
      mkdir d 0755
      symlink d dl
      create dl/x 0644
      list d
      list dl
      rmdir dl
      mkdir l 0755
      symlink missing dangling
      mkdir dangling 0755
      create dangling 0644
      open dangling creat,rdwr 0644
      stat missing
      utimens l 1000000001 2000000002
      times l
      stat l
      link l hard
      stat hard
      readlink hard
      truncate l 10
      stat f)"},
};

}  // namespace

std::span<const ConformanceCase> cases_of_names() { return kCases; }

}  // namespace kvfs::test
