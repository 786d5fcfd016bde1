// Every call that takes a path, with every kind of path.
#include <deque>
#include <string>
#include <vector>

#include "tests/mounted/conformance_cases.h"

namespace kvfs::test {
namespace {

/// Where the path goes: @. In each directory there are a file f, a directory d with a file d/x, and the links ld -> d,
/// dangling -> nowhere, loop -> loop.
constexpr ConformanceCase kCalls[] = {
    {"stat", "stat @"},
    {"open_for_reading", "open @ rdonly"},
    {"open_for_writing", "open @ wronly"},
    {"open_truncating", "open @ rdwr,trunc"},
    {"open_without_following", "open @ rdonly,nofollow"},
    {"open_a_directory", "open @ rdonly,directory"},
    {"open_as_a_path", "open @ path"},
    {"open_a_link_as_a_path", "open @ path,nofollow"},
    {"open_creating", "open @ rdwr,creat 0644"},
    {"create", "create @ 0644"},
    {"create_a_directory_by_open", "open @ rdonly,creat,directory 0755"},
    {"create_without_following", "open @ rdwr,creat,nofollow 0644"},
    {"mkdir", "mkdir @ 0755"},
    {"rmdir", "rmdir @"},
    {"unlink", "unlink @"},
    {"mkfifo", "mkfifo @ 0644"},
    {"mknod", "mknod @ c 0644 1 3"},
    {"bind", "bind @"},
    {"symlink", "symlink target @"},
    {"readlink", "readlink @"},
    {"link_to", "link f @"},
    {"link_from", "link @ other"},
    {"rename_to", "rename f @"},
    {"rename_from", "rename @ other"},
    {"rename_a_directory_to", "rename d @"},
    {"exchange", "exchange f @"},
    {"noreplace", "noreplace f @"},
    {"chmod", "chmod @ 0700"},
    {"chown", "chown @ 1 2"},
    {"lchown", "lchown @ 1 2"},
    {"truncate", "truncate @ 3"},
    {"access", "access @ 4"},
    {"utimens", "utimens @ 1 2"},
    {"list", "list @"},
};

constexpr const char* kPaths[] = {"{0}",           "f",        "f/",        "f/.",        "f/..",
                                  "f/x",           "f/x/y",    "d",         "d/",         "d/.",
                                  "d/..",          "d//",      "d/x",       "d/x/",       "./d/../f",
                                  ".//f",          "ld",       "ld/",       "ld/.",       "ld/x",
                                  "ld/new",        "dangling", "dangling/", "dangling/x", "loop",
                                  "loop/",         "loop/x",   "missing",   "missing/",   "missing/x",
                                  "missing/..",    ".",        "./",        "./.",        "{255}",
                                  "{256}",         "{255}/",   "{256}/x",   "d/{256}",    "f/{256}",
                                  "missing/{256}", "{p4095}",  "{p4096}",   "%",          "%%",
                                  "a%:b",          "-",        "~",         "\xff\xfe",   "\x01"};

std::string script_of(const char* call) {
  std::string script = "umask 022\n";
  int number = 0;
  for (const char* path : kPaths) {
    const std::string directory = "t" + std::to_string(number++);
    std::string with_path = call;
    with_path.replace(with_path.find('@'), 1, path);
    script += "mkdir " + directory + " 0755\nenter " + directory +
              "\ncreate f 0644\nmkdir d 0755\ncreate d/x 0600\nsymlink d ld\nsymlink nowhere dangling\n"
              "symlink loop loop\n" +
              with_path + "\nlist .\nlist d\nstat f\nstat d\nstat other\nenter ..\n";
  }
  return script;
}

}  // namespace

std::span<const ConformanceCase> cases_of_paths() {
  static const auto scripts = [] {
    std::deque<std::string> all;
    for (const ConformanceCase& call : kCalls) all.push_back(script_of(call.script));
    return all;
  }();
  static const auto cases = [] {
    std::vector<ConformanceCase> all;
    for (size_t i = 0; i < scripts.size(); ++i) all.push_back({kCalls[i].name, scripts[i].c_str()});
    return all;
  }();
  return cases;
}

}  // namespace kvfs::test
