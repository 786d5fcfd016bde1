// Modes, owners and times, and which call moves which.
#include "tests/mounted/conformance_cases.h"

namespace kvfs::test {
namespace {

constexpr ConformanceCase kCases[] = {
    {"chmod_of_every_kind", R"(
      mkdir d 0755
      create f 0644
      mkfifo p 0644
      mknod c c 0600 1 3
      bind s
      chmod d 0111
      chmod f 07777
      chmod p 0444
      chmod c 0660
      chmod s 0700
      stat d
      stat f
      stat p
      stat c
      stat s
      chmod d 01777
      chmod f 0
      stat d
      stat f
      chmod missing 0644
      chmod f/x 0644)"},
    {"chmod_moves_ctime_alone", R"(
      create f 0644
      mkdir d 0755
      mark f
      chmod f 0600
      moved f
      mark f
      chmod f 0600
      moved f
      mark d
      chmod d 0700
      moved d
      mark f
      as 65534 chmod f 0644
      moved f
      fopen 0 f rdonly
      mark f
      fchmod 0 0640
      fmoved 0 f
      fstat 0)"},
    {"chown_of_every_kind", R"(
      mkdir d 0755
      create f 0644
      mkfifo p 0644
      symlink f l
      mknod c c 0600 1 3
      chown d 1 2
      chown f 3 4
      chown p 5 6
      chown c 7 8
      lchown l 9 10
      chown l 11 12
      stat d
      stat f
      stat p
      stat c
      stat l
      chown f -1 20
      stat f
      chown f 21 -1
      stat f
      chown f -1 -1
      stat f
      chown missing 0 0)"},
    {"chown_moves_ctime_alone", R"(
      create f 0644
      mkdir d 0755
      symlink f l
      mark f
      chown f 1 2
      moved f
      mark f
      chown f 1 2
      moved f
      mark d
      chown d 1 2
      moved d
      mark l
      lchown l 1 2
      moved l
      mark f
      as 65534 chown f 3 3
      moved f
      fopen 0 f rdonly
      mark f
      fchown 0 5 5
      fmoved 0 f)"},
    {"chown_to_nobody_in_particular_moves_ctime", R"(
      create f 0644
      mkdir d 0755
      mark f
      chown f -1 -1
      moved f
      mark d
      chown d -1 -1
      moved d)"},
    {"chown_of_nothing_by_another_user_takes_no_set_id_bits", R"(
      create f 06755
      as 65534 chown f -1 -1
      stat f
      create g 02755
      chown g 5 6
      chmod g 02755
      as 65534:6 chown g -1 -1
      stat g
      create h 0755
      as 65534 chown h -1 -1
      stat h)"},
    {"chown_takes_set_id_bits", R"(
      create f 06755
      chown f 1 1
      stat f
      create g 06745
      chown g 1 1
      stat g
      create h 02745
      chown h -1 5
      stat h
      mkdir d 06755
      chown d 1 1
      stat d
      create u 0755
      chown u 65534 65533
      chmod u 06755
      as 65534:65532,65533 chown u -1 65532
      stat u
      chmod u 06755
      as 65534:65532,65533 chown u 65534 65533
      stat u
      chmod u 06555
      as 65534:65532,65533 chown u -1 -1
      stat u
      mkdir e 0755
      chown e 65534 65533
      chmod e 06755
      as 65534:65532,65533 chown e 65534 65532
      stat e
      mkfifo p 06755
      chown p 65534 65533
      stat p
      create k 06711
      chown k -1 -1
      stat k)"},
    {"writes_take_set_id_bits", R"(
      create f 0777
      chown f 65534 65534
      chmod f 06777
      as 65534 write f x
      stat f
      chmod f 06777
      as 65533 write f x
      stat f
      chmod f 06777
      write f x
      stat f
      chmod f 06777
      as 65533 truncate f 0
      stat f
      chmod f 06777
      truncate f 7
      stat f
      chmod f 06777
      as 65533 open f wronly,trunc
      stat f
      chmod f 02767
      as 65533 write f x
      stat f
      chmod f 02777
      as 65533 write f xyz
      stat f
      chmod f 04767
      as 65533 truncate f 1
      stat f
      chmod f 06777
      fopen 0 f rdwr
      as 65533 fwrite 0 0 abc
      fstat 0
      chmod f 06777
      as 65533 fwrite 0 0 abc
      fstat 0
      chmod f 06777
      as 65533 ftruncate 0 100
      fstat 0
      chmod f 06777
      as 65533 fallocate 0 allocate 0 200
      fstat 0
      chmod f 06777
      as 65533 fallocate 0 punch 0 100
      fstat 0)"},
    {"setgid_directories_pass_on_their_group", R"(
      mkdir d 0777
      chown d 0 65532
      chmod d 02777
      create d/f 0644
      mkdir d/e 0755
      mkfifo d/p 0644
      symlink x d/l
      mknod d/c c 0600 1 3
      stat d/f
      stat d/e
      stat d/p
      stat d/l
      stat d/c
      as 65534:65533 create d/u 02755
      as 65534:65533 create d/v 02745
      as 65534:65533 mkdir d/w 0755
      as 65534:65533,65532 create d/x 02755
      stat d/u
      stat d/v
      stat d/w
      stat d/x
      mkdir e 0755
      chown e 0 65532
      create e/f 0644
      stat e/f
      mkdir d/e/below 0700
      stat d/e/below)"},
    {"a_stranger_cannot_set_setgid", R"(
      create f 0755
      chown f 65534 65533
      as 65534:65534 chmod f 02755
      stat f
      as 65534:65534,65533 chmod f 02755
      stat f
      as 65534:65534 chmod f 06755
      stat f
      mkdir d 0755
      chown d 65534 65533
      as 65534:65534 chmod d 02755
      stat d
      as 65534:65534 chmod f 01755
      stat f)"},
    {"times_are_set_to_the_nanosecond", R"(
      create f 0644
      utimens f 1234567890123456789 987654321987654321
      times f
      utimens f omit 5
      times f
      utimens f 7 omit
      times f
      mark f
      utimens f omit omit
      moved f
      mark f
      utimens f now omit
      moved f
      mark f
      utimens f omit now
      moved f
      mark f
      utimens f now now
      moved f
      mark f
      utimens f 1 2
      moved f
      mkdir d 0755
      utimens d 3 4
      times d
      symlink f l
      utimens l 5 6
      times l
      times f
      mkfifo p 0644
      utimens p 7 8
      times p
      utimens missing now now
      utimens f -1000000000 -2000000000
      times f
      utimens f 4294967296000000000 4294967297000000000
      times f)"},
    {"who_may_set_times", R"(
      create f 0644
      chown f 65534 65534
      as 65534 utimens f 1 2
      as 65533 utimens f 1 2
      as 65533 utimens f now now
      chmod f 0666
      as 65533 utimens f now now
      as 65533 utimens f now omit
      as 65533 utimens f omit now
      as 65533 utimens f omit omit
      as 65533 utimens f 1 omit
      as 65533 utimens f 1 2
      as 65534 utimens f now omit
      mark f
      as 65533 utimens f 1 2
      moved f)"},
    {"writes_move_mtime_and_ctime", R"(
      create f 0644
      mark f
      write f hello
      moved f
      mark f
      truncate f 2
      moved f
      mark f
      truncate f 2
      moved f
      mark f
      truncate f 20
      moved f
      mark f
      open f wronly,trunc
      moved f
      mark f
      open f wronly,trunc
      moved f
      fopen 0 f rdwr
      mark f
      fwrite 0 0 abc
      moved f
      mark f
      ftruncate 0 1
      moved f
      mark f
      ftruncate 0 1
      moved f
      mark f
      fallocate 0 allocate 0 100
      moved f
      mark f
      fallocate 0 keep 0 10000
      moved f
      mark f
      fallocate 0 punch 0 10
      moved f
      fclose 0
      mark f
      open f rdwr
      open f creat,rdwr 0644
      access f 4
      stat f
      moved f
      mark f
      as 65534 truncate f 0
      as 65534 open f wronly,trunc
      truncate f/x 0
      moved f)"},
    {"truncation", R"(
      create f 0644
      truncate f 1000000
      stat f
      truncate f 70000
      stat f
      truncate f 10
      stat f
      truncate f 0
      stat f
      truncate f 1099511627776
      stat f
      truncate f -1
      mkdir d 0755
      truncate d 0
      truncate missing 0
      truncate f/x 0
      symlink f l
      truncate l 5
      stat f
      fopen 0 f rdonly
      ftruncate 0 1
      fopen 1 f rdwr
      ftruncate 1 3
      ftruncate 1 -1
      fread 1 0 10
      mkfifo p 0644
      truncate p 0)"},
};

}  // namespace

std::span<const ConformanceCase> cases_of_attributes() { return kCases; }

}  // namespace kvfs::test
