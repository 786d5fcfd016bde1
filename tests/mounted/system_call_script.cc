#include "tests/mounted/system_call_script.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/falloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/files.h"

namespace kvfs::test {
namespace {

using Words = std::vector<std::string>;

std::string expand(const std::string& word) {
  const size_t open = word.find('{');
  const size_t close = word.find('}');
  if (open == std::string::npos || close == std::string::npos) return word;
  std::string inner = word.substr(open + 1, close - open - 1);
  std::string text;
  if (inner[0] == 'p') {
    const size_t length = std::stoul(inner.substr(1));
    while (text.size() + 2 <= length) text += "./";
    if (text.size() < length) text += '.';
  } else {
    text.assign(std::stoul(inner), 'x');
  }
  return word.substr(0, open) + text + word.substr(close + 1);
}

int flags_of(const std::string& names) {
  static const std::map<std::string, int> known = {
      {"rdonly", O_RDONLY},     {"wronly", O_WRONLY},     {"rdwr", O_RDWR},     {"creat", O_CREAT},
      {"excl", O_EXCL},         {"trunc", O_TRUNC},       {"append", O_APPEND}, {"directory", O_DIRECTORY},
      {"nofollow", O_NOFOLLOW}, {"nonblock", O_NONBLOCK}, {"sync", O_SYNC},     {"direct", O_DIRECT},
      {"path", O_PATH},         {"tmpfile", O_TMPFILE}};
  int flags = O_CLOEXEC;
  std::istringstream parts(names);
  for (std::string part; std::getline(parts, part, ',');) flags |= known.at(part);
  return flags;
}

long number(const std::string& word) { return std::stol(word, nullptr, 0); }
mode_t mode_of(const std::string& word) { return static_cast<mode_t>(std::stoul(word, nullptr, 8)); }
uid_t id_of(const std::string& word) { return static_cast<uid_t>(std::stol(word)); }

timespec time_of(const std::string& word) {
  if (word == "now") return {0, UTIME_NOW};
  if (word == "omit") return {0, UTIME_OMIT};
  const long ns = std::stol(word);
  return {ns / 1'000'000'000, ns % 1'000'000'000};
}

std::string described(const struct stat& st) {
  static const std::map<mode_t, const char*> types = {{S_IFREG, "file"}, {S_IFDIR, "directory"}, {S_IFLNK, "symlink"},
                                                      {S_IFIFO, "fifo"}, {S_IFSOCK, "socket"},   {S_IFCHR, "char"},
                                                      {S_IFBLK, "block"}};
  char text[160];
  std::snprintf(text, sizeof text, "%s,%04o,%lu,%u,%u", types.at(st.st_mode & S_IFMT), st.st_mode & 07777,
                static_cast<unsigned long>(st.st_nlink), st.st_uid, st.st_gid);
  std::string all = text;
  if (!S_ISDIR(st.st_mode)) all += "," + std::to_string(st.st_size);
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
    all += "," + std::to_string(major(st.st_rdev)) + ":" + std::to_string(minor(st.st_rdev));
  return all;
}

std::string difference(const struct stat& before, const struct stat& now) {
  const auto same = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  std::string letters;
  if (!same(before.st_atim, now.st_atim)) letters += 'a';
  if (!same(before.st_mtim, now.st_mtim)) letters += 'm';
  if (!same(before.st_ctim, now.st_ctim)) letters += 'c';
  return letters.empty() ? "none" : letters;
}

/// Waits until times that are taken from now on differ from those taken before: file systems take them from a clock
/// that moves only some hundred times a second, and from the exact one where somebody looked (Linux 6.13, multigrain
/// timestamps), so that the coarse clock has to pass the exact one.
void let_the_clock_move() {
  timespec before{};
  clock_gettime(CLOCK_REALTIME, &before);
  const auto is_later = [&](const timespec& now) {
    return now.tv_sec != before.tv_sec ? now.tv_sec > before.tv_sec : now.tv_nsec > before.tv_nsec;
  };
  for (timespec now{}; !is_later(now);) clock_gettime(CLOCK_REALTIME_COARSE, &now);
}

/// Becomes another user for a while; this thread alone.
class Identity {
 public:
  explicit Identity(const std::string& who) {
    if (who.empty()) return;
    changed_ = true;
    const size_t colon = who.find(':');
    const uid_t uid = id_of(who);
    std::vector<gid_t> groups;
    if (colon != std::string::npos) {
      std::istringstream parts(who.substr(colon + 1));
      for (std::string part; std::getline(parts, part, ',');) groups.push_back(id_of(part));
    } else {
      groups.push_back(uid);
    }
    if (syscall(SYS_setgroups, groups.size(), groups.data()) != 0 || syscall(SYS_setresgid, -1, groups[0], -1) != 0 ||
        syscall(SYS_setresuid, -1, uid, -1) != 0)
      throw std::runtime_error("cannot become " + who);
  }
  ~Identity() {
    if (!changed_) return;
    syscall(SYS_setresuid, -1, 0, -1);
    syscall(SYS_setresgid, -1, 0, -1);
    syscall(SYS_setgroups, 0, nullptr);
  }
  Identity(const Identity&) = delete;

 private:
  bool changed_ = false;
};

class Interpreter {
 public:
  ~Interpreter() {
    for (const int fd : fds_)
      if (fd >= 0) ::close(fd);
    ::umask(umask_);
  }

  std::string run(const Words& words) {
    const auto call = calls().find(words[0]);
    if (call == calls().end()) throw std::runtime_error("unknown call: " + words[0]);
    answer_.clear();
    errno = 0;
    const long result = call->second(*this, words);
    if (!answer_.empty()) return answer_;
    return result >= 0 ? "0" : strerrorname_np(errno);
  }

 private:
  using Call = std::function<long(Interpreter&, const Words&)>;
  static const std::map<std::string, Call>& calls();
  static std::map<std::string, Call> name_calls();
  static std::map<std::string, Call> attribute_calls();
  static std::map<std::string, Call> descriptor_calls();

  int& fd(const std::string& word) { return fds_.at(std::stoul(word)); }
  long tell(std::string text) {
    answer_ = std::move(text);
    return 0;
  }
  long tell_if(long done, const std::function<std::string()>& say) { return done == 0 ? tell(say()) : done; }

  const mode_t umask_ = ::umask(0);
  std::array<int, 10> fds_{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  std::map<std::string, struct stat> marks_;
  std::string answer_;
};

long bind_socket(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::strcpy(address.sun_path, path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const int done = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::close(fd);
  errno = error;
  return done;
}

long make_node(const Words& w) {
  static const std::map<char, mode_t> types = {
      {'f', S_IFREG}, {'c', S_IFCHR}, {'b', S_IFBLK}, {'s', S_IFSOCK}, {'p', S_IFIFO}};
  const dev_t device = w.size() > 5 ? makedev(id_of(w[4]), id_of(w[5])) : 0;
  return ::mknod(w[1].c_str(), types.at(w[2][0]) | mode_of(w[3]), device);
}

long open_and_close(const Words& w) {
  const int fd = ::open(w[1].c_str(), flags_of(w[2]), w.size() > 3 ? mode_of(w[3]) : 0);
  if (fd < 0) return fd;
  return ::close(fd);
}

std::map<std::string, Interpreter::Call> Interpreter::name_calls() {
  using I = Interpreter;
  return {
      {"enter", [](I&, const Words& w) { return ::chdir(w[1].c_str()); }},
      {"mkdir", [](I&, const Words& w) { return ::mkdir(w[1].c_str(), mode_of(w[2])); }},
      {"rmdir", [](I&, const Words& w) { return ::rmdir(w[1].c_str()); }},
      {"unlink", [](I&, const Words& w) { return ::unlink(w[1].c_str()); }},
      {"create",
       [](I&, const Words& w) {
         return open_and_close({"open", w[1], "creat,excl,rdwr", w[2]});
       }},
      {"open", [](I&, const Words& w) { return open_and_close(w); }},
      {"mkfifo", [](I&, const Words& w) { return ::mkfifo(w[1].c_str(), mode_of(w[2])); }},
      {"mknod", [](I&, const Words& w) { return make_node(w); }},
      {"bind", [](I&, const Words& w) { return bind_socket(w[1].c_str()); }},
      {"symlink", [](I&, const Words& w) { return ::symlink(w[1].c_str(), w[2].c_str()); }},
      {"link", [](I&, const Words& w) { return ::link(w[1].c_str(), w[2].c_str()); }},
      {"rename", [](I&, const Words& w) { return ::rename(w[1].c_str(), w[2].c_str()); }},
      {"exchange",
       [](I&, const Words& w) { return ::renameat2(AT_FDCWD, w[1].c_str(), AT_FDCWD, w[2].c_str(), RENAME_EXCHANGE); }},
      {"noreplace",
       [](I&, const Words& w) {
         return ::renameat2(AT_FDCWD, w[1].c_str(), AT_FDCWD, w[2].c_str(), RENAME_NOREPLACE);
       }},
      {"whiteout",
       [](I&, const Words& w) { return ::renameat2(AT_FDCWD, w[1].c_str(), AT_FDCWD, w[2].c_str(), RENAME_WHITEOUT); }},
      {"readlink",
       [](I& i, const Words& w) -> long {
         char target[8192];
         const ssize_t n = ::readlink(w[1].c_str(), target, sizeof target);
         return n < 0 ? n : i.tell(std::string(target, static_cast<size_t>(n)));
       }},
      {"list",
       [](I& i, const Words& w) -> long {
         if (list_error(w[1]) != 0) {
           errno = list_error(w[1]);
           return -1;
         }
         std::string names = "names:";
         for (const std::string& name : list_directory(w[1])) names += " " + name;
         return i.tell(names);
       }},
  };
}

std::map<std::string, Interpreter::Call> Interpreter::attribute_calls() {
  using I = Interpreter;
  return {
      {"chmod", [](I&, const Words& w) { return ::chmod(w[1].c_str(), mode_of(w[2])); }},
      {"chown", [](I&, const Words& w) { return ::chown(w[1].c_str(), id_of(w[2]), id_of(w[3])); }},
      {"lchown", [](I&, const Words& w) { return ::lchown(w[1].c_str(), id_of(w[2]), id_of(w[3])); }},
      {"truncate", [](I&, const Words& w) { return ::truncate(w[1].c_str(), number(w[2])); }},
      {"access",
       [](I&, const Words& w) {
         return ::faccessat(AT_FDCWD, w[1].c_str(), static_cast<int>(number(w[2])), AT_EACCESS);
       }},
      {"umask", [](I&, const Words& w) -> long { return ::umask(mode_of(w[1])), 0; }},
      {"utimens",
       [](I&, const Words& w) {
         const timespec times[2] = {time_of(w[2]), time_of(w[3])};
         return ::utimensat(AT_FDCWD, w[1].c_str(), times, AT_SYMLINK_NOFOLLOW);
       }},
      {"write",
       [](I&, const Words& w) -> long {
         const int fd = ::open(w[1].c_str(), O_WRONLY | O_CLOEXEC);
         if (fd < 0) return fd;
         const ssize_t done = ::write(fd, w[2].data(), w[2].size());
         const int error = errno;
         ::close(fd);
         errno = error;
         return done;
       }},
      {"stat",
       [](I& i, const Words& w) -> long {
         struct stat st {};
         const long done = ::lstat(w[1].c_str(), &st);
         return i.tell_if(done, [&] { return described(st); });
       }},
      {"times",
       [](I& i, const Words& w) -> long {
         struct stat st {};
         const long done = ::lstat(w[1].c_str(), &st);
         return i.tell_if(done, [&] {
           return std::to_string(st.st_atim.tv_sec) + "." + std::to_string(st.st_atim.tv_nsec) + " " +
                  std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec);
         });
       }},
      {"mark",
       [](I& i, const Words& w) -> long {
         const long done = ::lstat(w[1].c_str(), &i.marks_[w[1]]);
         let_the_clock_move();
         return done;
       }},
      {"moved",
       [](I& i, const Words& w) -> long {
         struct stat st {};
         const long done = ::lstat(w[1].c_str(), &st);
         return i.tell_if(done, [&] { return difference(i.marks_.at(w.size() > 2 ? w[2] : w[1]), st); });
       }},
  };
}

std::map<std::string, Interpreter::Call> Interpreter::descriptor_calls() {
  using I = Interpreter;
  return {
      {"fopen",
       [](I& i, const Words& w) -> long {
         return i.fd(w[1]) = ::open(w[2].c_str(), flags_of(w[3]), w.size() > 4 ? mode_of(w[4]) : 0);
       }},
      {"fclose", [](I& i, const Words& w) { return ::close(std::exchange(i.fd(w[1]), -1)); }},
      {"fwrite",
       [](I& i, const Words& w) -> long { return ::pwrite(i.fd(w[1]), w[3].data(), w[3].size(), number(w[2])); }},
      {"fread",
       [](I& i, const Words& w) -> long {
         std::string bytes(static_cast<size_t>(number(w[3])), '\0');
         const ssize_t n = ::pread(i.fd(w[1]), bytes.data(), bytes.size(), number(w[2]));
         if (n < 0) return n;
         bytes.resize(static_cast<size_t>(n));
         std::replace(bytes.begin(), bytes.end(), '\0', '_');
         return i.tell("'" + bytes + "'");
       }},
      {"fstat",
       [](I& i, const Words& w) -> long {
         struct stat st {};
         const long done = ::fstat(i.fd(w[1]), &st);
         return i.tell_if(done, [&] { return described(st); });
       }},
      {"fmoved",
       [](I& i, const Words& w) -> long {
         struct stat st {};
         const long done = ::fstat(i.fd(w[1]), &st);
         return i.tell_if(done, [&] { return difference(i.marks_.at(w[2]), st); });
       }},
      {"ftruncate", [](I& i, const Words& w) { return ::ftruncate(i.fd(w[1]), number(w[2])); }},
      {"fchmod", [](I& i, const Words& w) { return ::fchmod(i.fd(w[1]), mode_of(w[2])); }},
      {"fchown", [](I& i, const Words& w) { return ::fchown(i.fd(w[1]), id_of(w[2]), id_of(w[3])); }},
      {"fsync", [](I& i, const Words& w) { return ::fsync(i.fd(w[1])); }},
      {"flink",
       [](I& i, const Words& w) {
         const std::string open_file = "/proc/self/fd/" + std::to_string(i.fd(w[1]));
         return ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, w[2].c_str(), AT_SYMLINK_FOLLOW);
       }},
      {"freadlink",
       [](I& i, const Words& w) -> long {
         char target[4096];
         const ssize_t n = ::readlinkat(i.fd(w[1]), "", target, sizeof target);
         return n < 0 ? n : i.tell(std::string(target, static_cast<size_t>(n)));
       }},
      {"fsetxattr",
       [](I& i, const Words& w) { return ::fsetxattr(i.fd(w[1]), w[2].c_str(), w[3].data(), w[3].size(), 0); }},
      {"fgetxattr",
       [](I& i, const Words& w) -> long {
         char value[256];
         const ssize_t n = ::fgetxattr(i.fd(w[1]), w[2].c_str(), value, sizeof value);
         return n < 0 ? n : i.tell(std::string(value, static_cast<size_t>(n)));
       }},
      {"fremovexattr", [](I& i, const Words& w) { return ::fremovexattr(i.fd(w[1]), w[2].c_str()); }},
      {"fallocate",
       [](I& i, const Words& w) {
         static const std::map<std::string, int> modes = {{"allocate", 0},
                                                          {"keep", FALLOC_FL_KEEP_SIZE},
                                                          {"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
                                                          {"zero", FALLOC_FL_ZERO_RANGE},
                                                          {"zero_keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
                                                          {"collapse", FALLOC_FL_COLLAPSE_RANGE},
                                                          {"insert", FALLOC_FL_INSERT_RANGE}};
         return ::fallocate(i.fd(w[1]), modes.at(w[2]), number(w[3]), number(w[4]));
       }},
      {"fseek",
       [](I& i, const Words& w) -> long {
         const off_t at = ::lseek(i.fd(w[1]), number(w[3]), w[2] == "data" ? SEEK_DATA : SEEK_HOLE);
         return at < 0 ? at : i.tell(std::to_string(at));
       }},
      {"futimens",
       [](I& i, const Words& w) {
         const timespec times[2] = {time_of(w[2]), time_of(w[3])};
         return ::futimens(i.fd(w[1]), times);
       }},
  };
}

const std::map<std::string, Interpreter::Call>& Interpreter::calls() {
  static const std::map<std::string, Call> all = [] {
    auto calls = name_calls();
    calls.merge(attribute_calls());
    calls.merge(descriptor_calls());
    return calls;
  }();
  return all;
}

}  // namespace

std::vector<std::string> run_script(std::string_view script, const std::string& directory) {
  char before[4096];
  if (::getcwd(before, sizeof before) == nullptr || ::chdir(directory.c_str()) != 0)
    throw std::runtime_error("cannot enter " + directory);
  Interpreter interpreter;
  std::vector<std::string> transcript;
  std::istringstream lines{std::string(script)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream text(line);
    Words words;
    for (std::string word; text >> word;) words.push_back(expand(word));
    if (words.empty() || words[0][0] == '#') continue;
    line.erase(0, line.find_first_not_of(' '));
    std::string who;
    if (words[0] == "as") {
      who = words.at(1);
      words.erase(words.begin(), words.begin() + 2);
    }
    const Identity identity(who);
    transcript.push_back(line + " -> " + interpreter.run(words));
  }
  if (::chdir(before) != 0) throw std::runtime_error("cannot go back");
  return transcript;
}

}  // namespace kvfs::test
