// open(2) and its flags, and what descriptors do.
#include "tests/mounted/conformance_cases.h"

namespace kvfs::test {
namespace {

constexpr ConformanceCase kCases[] = {
    {"open_flags", R"(
      umask 022
      open f creat,rdwr 0666
      stat f
      open f creat,excl,rdwr 0666
      open f creat,rdwr 0
      stat f
      open missing rdonly
      open missing wronly
      open f directory,rdonly
      mkdir d 0755
      open d rdonly
      open d wronly
      open d rdwr
      open d creat,rdonly 0644
      open d directory,rdonly
      open d rdonly,trunc
      open d/missing/x creat,rdwr 0644
      symlink f l
      open l nofollow,rdonly
      open l creat,excl,rdwr 0644
      open d/ creat,rdwr 0644
      create n 0444
      stat n
      fopen 0 m creat,excl,rdwr 0
      fwrite 0 0 abc
      fstat 0
      fread 0 0 3
      fopen 1 f append,wronly
      fwrite 1 0 one
      fwrite 1 0 two
      fstat 1
      fopen 2 f rdonly
      fread 2 0 100
      fwrite 2 0 x
      fopen 3 f wronly
      fread 3 0 1
      open f path
      open . directory,rdonly
      open f sync,wronly)"},
    {"creating_with_truncation_and_times", R"(
      mkdir d 0755
      create d/f 0644
      write d/f hello
      mark d
      mark d/f
      open d/f creat,trunc,rdwr 0644
      moved d
      moved d/f
      stat d/f
      mark d/f
      open d/f creat,trunc,rdwr 0644
      moved d/f
      mark d
      open d/g creat,trunc,rdwr 0600
      moved d
      stat d/g)"},
    {"special_files_open_as_such", R"(
      mkfifo p 0644
      open p wronly,nonblock
      open p rdonly,nonblock
      bind s
      open s rdonly
      open s rdwr
      mknod c c 0666 1 3
      fopen 0 c rdwr
      fwrite 0 0 abc
      fread 0 0 10
      mknod z c 0666 1 5
      fopen 1 z rdonly
      fread 1 0 3
      mknod nodev c 0666 250 250
      open nodev rdonly
      fopen 2 p rdonly,nonblock
      fopen 3 p wronly,nonblock
      fstat 2
      truncate p 0
      mark p
      open p rdonly,nonblock
      moved p)"},
    {"an_unlinked_open_file_lives_on", R"(
      fopen 0 f creat,rdwr 0644
      fwrite 0 0 hello
      mark f
      unlink f
      fmoved 0 f
      fstat 0
      fread 0 0 10
      fwrite 0 5 world
      fread 0 0 20
      ftruncate 0 3
      fstat 0
      fchmod 0 0600
      fchown 0 1 2
      fstat 0
      futimens 0 5 6
      fsync 0
      flink 0 g
      stat g
      create f 0644
      stat f
      fread 0 0 10
      fopen 1 f rdwr
      rename g f
      fstat 1
      fwrite 1 0 lost
      fread 1 0 10
      fclose 0
      fclose 1
      list .)"},
    {"a_removed_file_is_there_for_who_has_it_open_by_path_alone", R"(
      fopen 0 f creat,rdwr 0644
      fwrite 0 0 hello
      fopen 1 f path
      unlink f
      fclose 0
      fstat 1
      flink 1 g
      fstat 1
      fclose 1
      list .)"},
    {"removed_directories_take_no_names", R"(
      mkdir d 0755
      fopen 0 d directory,rdonly
      rmdir d
      fstat 0
      mkdir d 0755
      list d
      stat d)"},
    {"a_removed_directory_has_attributes_while_open", R"(
      mkdir d 0755
      fopen 0 d directory,rdonly
      rmdir d
      fchmod 0 0700
      fchown 0 1 2
      futimens 0 5 6
      fstat 0
      fclose 0)"},
    {"a_removed_directory_has_extended_attributes_while_open", R"(
      mkdir d 0755
      fopen 0 d directory,rdonly
      fsetxattr 0 trusted.a one
      rmdir d
      fgetxattr 0 trusted.a
      fgetxattr 0 trusted.b
      fsetxattr 0 trusted.b two
      fgetxattr 0 trusted.b
      fremovexattr 0 trusted.a
      fremovexattr 0 trusted.a
      fgetxattr 0 trusted.a
      fclose 0)"},
    {"a_removed_link_or_file_has_attributes_while_its_path_is_open", R"(
      symlink target l
      create f 0640
      write f hello
      fopen 0 l path,nofollow
      fopen 1 f path
      unlink l
      unlink f
      fstat 0
      freadlink 0
      fstat 1
      fread 1 0 5
      symlink a k
      symlink b m
      fopen 2 m path,nofollow
      rename k m
      fstat 2
      freadlink 2
      readlink m)"},
    {"a_removed_fifo_lives_on_while_open", R"(
      mkfifo p 0644
      fopen 0 p rdwr,nonblock
      unlink p
      fstat 0
      fwrite 0 0 x
      fchmod 0 0600
      fchown 0 1 2
      futimens 0 5 6
      fstat 0
      fclose 0
      list .)"},
    {"a_replaced_fifo_lives_on_while_open", R"(
      mkfifo p 0644
      mkfifo q 0600
      fopen 0 p rdwr,nonblock
      rename q p
      fstat 0
      fchmod 0 0640
      fstat 0
      stat p
      fclose 0
      stat p
      unlink p)"},
    {"a_removed_device_lives_on_while_open", R"(
      mknod n c 0666 1 3
      link n m
      fopen 0 n rdwr
      unlink n
      fstat 0
      unlink m
      fchmod 0 0600
      fstat 0
      fclose 0
      list .)"},
    {"a_replaced_open_file_lives_on", R"(
      create a 0644
      create b 0600
      write a first
      write b second
      fopen 0 b rdwr
      rename a b
      fread 0 0 10
      fstat 0
      stat b
      fwrite 0 6 !
      fread 0 0 10
      fclose 0
      fopen 0 b rdonly
      fread 0 0 10)"},
    {"fallocate_of_every_mode", R"(
      fopen 0 f creat,rdwr 0644
      fallocate 0 allocate 0 100
      fstat 0
      fread 0 0 5
      fallocate 0 keep 0 100000
      fstat 0
      fwrite 0 0 abcdefghij
      fallocate 0 punch 2 3
      fread 0 0 10
      fallocate 0 punch 0 1000000
      fstat 0
      fread 0 0 10
      fwrite 0 0 abcdefghij
      fallocate 0 allocate 200 100
      fstat 0
      fallocate 0 allocate 0 0
      fallocate 0 allocate -1 10
      fallocate 0 allocate 0 -1
      fallocate 0 punch 0 0
      fopen 1 f rdonly
      fallocate 1 allocate 0 10
      fallocate 0 allocate 300000 1
      fstat 0
      fread 0 299990 100
      mkfifo p 0644
      fopen 2 p rdonly,nonblock
      fopen 3 p wronly,nonblock
      fallocate 3 allocate 0 10
      mkdir d 0755
      fopen 4 d rdonly
      fallocate 4 allocate 0 10)"},
    {"data_and_holes", R"(
      fopen 0 f creat,rdwr 0644
      fseek 0 data 0
      fseek 0 hole 0
      fwrite 0 0 abc
      fseek 0 data 0
      fseek 0 hole 0
      fseek 0 data 3
      fseek 0 hole 3
      fseek 0 data -1
      ftruncate 0 1048576
      fwrite 0 524288 abc
      fsync 0
      fseek 0 data 65536
      fseek 0 data 524300
      fseek 0 data 600000
      fseek 0 data 1048576
      fseek 0 hole 1048576
      fseek 0 hole 900000)"},
    {"sparse_growth_reads_as_zeros", R"(
      fopen 0 f creat,rdwr 0644
      fwrite 0 0 abc
      ftruncate 0 10
      fread 0 0 20
      ftruncate 0 2
      ftruncate 0 6
      fread 0 0 20
      fwrite 0 20 z
      fread 0 0 40
      fwrite 0 200000 z
      fread 0 199995 40
      ftruncate 0 150000
      ftruncate 0 200000
      fread 0 199990 40
      fstat 0)"},
    {"descriptors_and_attributes", R"(
      fopen 0 f creat,rdwr 0644
      mark f
      fwrite 0 0 abc
      fmoved 0 f
      moved f
      fclose 0
      moved f
      fopen 0 f rdwr
      mark f
      fclose 0
      moved f
      fopen 0 f rdwr
      fwrite 0 0 x
      futimens 0 1000 2000
      fclose 0
      times f
      fopen 0 f rdwr
      futimens 0 1000 2000
      mark f
      fwrite 0 0 x
      fclose 0
      moved f
      fopen 0 f wronly,trunc
      futimens 0 3000 4000
      fclose 0
      times f)"},
    {"reading_keeps_atime_relative_to_changes", R"(
      create f 0644
      write f hello
      mark f
      fopen 0 f rdonly
      fread 0 0 5
      fclose 0
      moved f
      mark f
      fopen 0 f rdonly
      fread 0 0 5
      fclose 0
      moved f
      utimens f 1000000000 now
      mark f
      fopen 0 f rdonly
      fread 0 0 5
      fclose 0
      moved f
      mkdir d 0755
      mark d
      list d
      moved d
      mark d
      list d
      moved d
      create d/f 0644
      mark d
      list d
      moved d
      symlink f l
      mark l
      readlink l
      moved l)"},
};

}  // namespace

std::span<const ConformanceCase> cases_of_open_files() { return kCases; }

}  // namespace kvfs::test
