// Whole files and single system calls as expressions; errors are errno values, so that tests can compare them.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvfs::test {

/// The bytes of the file, or nullopt with errno set.
std::optional<std::string> try_read_file(const std::string& path);
/// Throws with the path and the error.
std::string read_file(const std::string& path);
/// open(O_CREAT | O_TRUNC), write, close; 0 or the errno of the first call that failed.
int try_write_file(const std::string& path, std::string_view bytes);
/// Throws with the path and the error.
void write_file(const std::string& path, std::string_view bytes);
void append_file(const std::string& path, std::string_view bytes);
void make_directory(const std::string& path);

/// lstat; throws where there is nothing.
struct stat stat_of(const std::string& path);
/// 0 if lstat finds it, otherwise the errno.
int stat_error(const std::string& path);
bool exists(const std::string& path);

/// Names but "." and "..", in byte order. Throws.
std::vector<std::string> list_directory(const std::string& path);
/// 0 or the errno of listing it. Asks the file system, whatever the kernel has cached.
int list_error(const std::string& path);

/// Nanoseconds since 1970.
int64_t mtime_ns(const struct stat& attributes);

/// Bytes that depend on the seed alone and do not compress.
std::string random_bytes(size_t count, unsigned seed);

}  // namespace kvfs::test
