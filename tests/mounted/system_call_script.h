// Scripts of system calls, one a line, and what each of them answered: the same script on two file systems gives the
// same transcript, or one of them is not like the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvfs::test {

/// Runs the script in `directory` and returns a line for each call, `call -> answer`: 0, the name of an errno, or what
/// was asked for. Must be run as root.
///
/// Lines are words; empty ones and those that begin with `#` are passed over. A call may be preceded by
/// `as UID[:GID[,GROUP...]]`. In names, `{N}` stands for N times the letter x, and `{pN}` for a path to the present
/// directory of exactly N bytes ("././..."). Calls:
///   enter P, mkdir P MODE, rmdir P, unlink P, create P MODE (exclusive), open P FLAGS [MODE], mkfifo P MODE,
///   mknod P f|c|b|s|p MODE [MAJOR MINOR], bind P, symlink TARGET P, readlink P, link A B, rename A B,
///   exchange A B, noreplace A B, whiteout A B, chmod P MODE, chown P UID GID, lchown P UID GID, truncate P SIZE,
///   access P MODE,
///   utimens P A M (nanoseconds since 1970, now or omit), write P TEXT, list P, umask MODE,
///   stat P (type, mode, links, owner, group, size), mark P (remembers its times), moved P (which of the times a, m, c
///   are others than at mark);
///   and for descriptors 0-9: fopen N P FLAGS [MODE], fclose N, fwrite N OFFSET TEXT, fread N OFFSET COUNT, fstat N,
///   fmoved N PATH_OF_MARK, ftruncate N SIZE, fchmod N MODE, fchown N UID GID, flink N P, fallocate N MODE OFFSET
///   LENGTH, fseek N data|hole OFFSET, futimens N A M, freadlink N,
///   fsetxattr N NAME VALUE, fgetxattr N NAME, fremovexattr N NAME.
std::vector<std::string> run_script(std::string_view script, const std::string& directory);

}  // namespace kvfs::test
