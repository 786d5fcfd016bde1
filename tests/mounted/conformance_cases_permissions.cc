// Who may do what: search and write permission, sticky directories, ownership.
#include "tests/mounted/conformance_cases.h"

namespace kvfs::test {
namespace {

constexpr ConformanceCase kCases[] = {
    {"search_permission_of_every_component", R"(
      mkdir d 0755
      mkdir d/e 0755
      create d/e/f 0666
      symlink f d/e/l
      mkdir d/e/g 0777
      chown d 65534 65534
      chown d/e 65534 65534
      as 65534 stat d/e/f
      chmod d 0644
      as 65534 stat d/e/f
      as 65534 open d/e/f rdonly
      as 65534 create d/e/n 0644
      as 65534 mkdir d/e/n 0755
      as 65534 mkfifo d/e/n 0644
      as 65534 mknod d/e/n f 0644
      as 65534 symlink x d/e/n
      as 65534 link d/e/f d/e/n
      as 65534 rename d/e/f d/e/n
      as 65534 unlink d/e/f
      as 65534 rmdir d/e/g
      as 65534 chmod d/e/f 0600
      as 65534 chown d/e/f 65534 65534
      as 65534 truncate d/e/f 0
      as 65534 readlink d/e/l
      as 65534 utimens d/e/f now now
      as 65534 access d/e/f 0
      as 65534 list d
      chmod d 0111
      as 65534 list d
      as 65534 stat d/e/f
      stat d/e/f
      chmod d 0755
      chmod d/e 0666
      as 65534 stat d/e/f
      as 65534 list d/e
      as 65534 open d/e/f rdonly
      as 65534 unlink d/e/f)"},
    {"write_permission_of_the_directory", R"(
      mkdir d 0755
      mkdir o 0777
      chown d 65534 65534
      chmod d 0555
      create d/f 0666
      mkdir d/g 0777
      create o/f 0666
      as 65534 create d/n 0644
      as 65534 open d/n creat,rdwr 0644
      as 65534 open d/f creat,rdwr 0644
      as 65534 mkdir d/n 0755
      as 65534 mkfifo d/n 0644
      as 65534 mknod d/n f 0644
      as 65534 bind d/n
      as 65534 symlink x d/n
      as 65534 link d/f o/n
      as 65534 link o/f d/n
      as 65534 rename d/f o/n
      as 65534 rename o/f d/n
      as 65534 rename d/f d/n
      as 65534 unlink d/f
      as 65534 rmdir d/g
      as 65534 create d/g/x 0644
      as 65534 mkdir d/f 0755
      as 65534 list d
      chmod d 0300
      as 65534 list d
      as 65534 create d/m 0644
      as 65534 stat d/m
      list d)"},
    {"read_and_write_permission_of_files", R"(
      create f 0644
      chown f 65534 65533
      as 65534 open f rdwr
      as 65533 open f rdonly
      as 65533 open f wronly
      as 65532 open f rdonly
      as 65532 open f wronly
      chmod f 0060
      as 65534 open f rdonly
      as 65533 open f rdwr
      as 65532:65532,65533 open f rdwr
      as 65532 open f rdonly
      chmod f 0007
      as 65534 open f rdonly
      as 65533 open f rdonly
      as 65532 open f rdwr
      chmod f 0222
      as 65534 open f rdonly
      as 65534 open f wronly
      as 65534 open f wronly,trunc
      chmod f 0444
      as 65534 open f wronly,trunc
      as 65534 open f rdonly,trunc
      as 65534 truncate f 0
      as 65534 access f 1
      as 65534 access f 2
      as 65534 access f 4
      access f 1
      access f 2
      chmod f 0
      open f rdwr
      access f 7
      chmod f 0111
      as 65534 access f 1
      access f 1
      fopen 0 f rdonly
      chmod f 0
      as 65533 fread 0 0 1)"},
    {"only_the_owner_changes_modes_and_owners", R"(
      create f 0644
      chown f 65534 65533
      as 65532 chmod f 0600
      as 65533 chmod f 0600
      as 65534 chmod f 0600
      as 65534 chown f 65532 -1
      as 65534 chown f -1 65532
      as 65534:65534,65532 chown f -1 65532
      stat f
      as 65534:65534,65532 chown f 65534 65532
      as 65534:65534,65532 chown f 65533 65532
      as 65533 chown f -1 -1
      as 65533 chown f 65534 -1
      as 65534 chown f 65534 65532
      stat f
      mkdir d 0755
      as 65534 chmod d 0700
      as 65534 chown d 65534 65534
      symlink f l
      as 65534 lchown l 65534 65534
      stat l)"},
    {"sticky_directories", R"(
      mkdir d 0777
      chmod d 01777
      create d/f 0666
      chown d/f 65534 65534
      mkdir d/e 0777
      chown d/e 65534 65534
      symlink x d/l
      lchown d/l 65534 65534
      mkfifo d/p 0666
      chown d/p 65534 65534
      create d/g 0666
      chown d/g 65533 65533
      as 65533 unlink d/f
      as 65533 rmdir d/e
      as 65533 unlink d/l
      as 65533 unlink d/p
      as 65533 rename d/f d/n
      as 65533 rename d/e d/n
      as 65533 rename d/g d/f
      as 65533 exchange d/g d/f
      as 65533 noreplace d/g d/f
      as 65533 noreplace d/g d/h
      as 65533 link d/h d/g
      stat d/f
      as 65534 rename d/f d/n
      as 65534 unlink d/n
      as 65534 rmdir d/e
      as 65534 unlink d/l
      chown d 65533 65533
      as 65533 unlink d/p
      mkdir o 0777
      create o/x 0666
      chown o/x 65533 65533
      create d/y 0666
      chown d/y 65534 65534
      chown d 0 0
      as 65533 rename o/x d/y
      as 65533 rename o/x d/z
      as 65533 rename d/y o/y
      list d
      list o)"},
    {"moving_a_directory_needs_write_permission_of_it", R"(
      mkdir a 0777
      mkdir b 0777
      mkdir a/d 0755
      chown a/d 65534 65534
      mkdir a/e 0755
      as 65534 rename a/e b/e
      as 65534 rename a/e a/e2
      as 65534 rename a/d b/d
      list a
      list b)"},
    {"device_nodes_are_for_root", R"(
      mkdir d 0777
      as 65534 mknod d/c c 0666 1 3
      as 65534 mknod d/b b 0666 7 0
      as 65534 mkfifo d/p 0666
      as 65534 mknod d/f f 0666
      as 65534 bind d/s
      mknod d/c c 0600 1 3
      as 65534 open d/c rdonly
      chmod d/c 0666
      as 65534 open d/c rdonly
      stat d/p
      stat d/s)"},
    {"protected_hard_links_and_owners_of_what_is_made", R"(
      mkdir d 0777
      as 65534:65533 create d/f 0640
      as 65534:65533 mkdir d/e 0750
      as 65534:65533 symlink x d/l
      as 65534:65533 mkfifo d/p 0600
      stat d/f
      stat d/e
      stat d/l
      stat d/p
      as 65532 link d/f d/g
      as 65534 link d/f d/g
      stat d/g)"},
    {"what_root_may", R"(
      mkdir d 0
      create d/f 0
      write d/f x
      list d
      chown d/f 65534 65534
      open d/f rdwr
      unlink d/f
      rmdir d)"},
};

}  // namespace

std::span<const ConformanceCase> cases_of_permissions() { return kCases; }

}  // namespace kvfs::test
