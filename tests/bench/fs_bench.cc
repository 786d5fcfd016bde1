// fs_bench: file operations per second in several directories, side by side: the rounds are interleaved, the medians
// are printed with their ratios to the first directory, and, where a daemon's pid is given, its CPU time per operation.
// usage: fs_bench [-n FILES] [-r ROUNDS] [-t THREADS] [-o PHASE,...] LABEL=DIRECTORY[@PID[+PID]] ...
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kValueBytes = 100;
constexpr size_t kLargeFileMegabytes = 64;
constexpr size_t kMegabyte = size_t{1} << 20;

struct Target {
  std::string label;
  std::string directory;
  std::string pid;  // of its daemons, PID+PID; empty: unknown
};

struct Settings {
  int files = 2'000;
  int rounds = 5;
  int threads = 1;
  std::string only;  // empty: all phases
  std::vector<Target> targets;
};

[[noreturn]] void fail(const std::string& what) {
  fprintf(stderr, "fs_bench: %s: %s\n", what.c_str(), strerror(errno));
  exit(1);
}

void require(bool succeeded, const std::string& what) {
  if (!succeeded) fail(what);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// User and system time of the processes (PID+PID) so far.
double cpu_seconds(const std::string& pids) {
  if (pids.empty()) return 0;
  const size_t plus = pids.find('+');
  const std::string pid = pids.substr(0, plus);
  const double others = plus == std::string::npos ? 0 : cpu_seconds(pids.substr(plus + 1));
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return others + (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void drop_kernel_caches() {
  ::sync();
  std::ofstream("/proc/sys/vm/drop_caches") << "3\n";
}

void write_value(const std::string& path, int flags) {
  static const std::string value(kValueBytes, 'v');
  const int fd = ::open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, 0644);
  require(fd >= 0, path);
  require(::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size()), path);
  require(::close(fd) == 0, path);
}

void read_value(const std::string& path) {
  char buffer[4096];
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(fd >= 0, path);
  require(::read(fd, buffer, sizeof buffer) >= 0, path);
  ::close(fd);
}

int count_entries(const std::string& directory) {
  DIR* dir = ::opendir(directory.c_str());
  require(dir != nullptr, directory);
  int count = 0;
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

void write_and_sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  require(fd >= 0 && ::write(fd, "value", 5) == 5 && ::fsync(fd) == 0 && ::close(fd) == 0, path);
}

void transfer_large(const std::string& path, bool writing) {
  std::string buffer(kMegabyte, 'x');
  const int fd = ::open(path.c_str(), (writing ? O_CREAT | O_TRUNC | O_WRONLY : O_RDONLY) | O_CLOEXEC, 0644);
  require(fd >= 0, path);
  for (size_t i = 0; i < kLargeFileMegabytes; ++i) {
    const ssize_t n = writing ? ::write(fd, buffer.data(), buffer.size()) : ::read(fd, buffer.data(), buffer.size());
    require(n == static_cast<ssize_t>(buffer.size()), path);
  }
  require(::close(fd) == 0, path);
}

/// One kind of operation; `run` does the i-th in a thread's own directory and returns how many units it was.
struct Phase {
  const char* name;
  const char* unit;
  bool cold;              // kernel caches are dropped before
  double times_per_file;  // operations: this many for each file of the setting, at least one
  std::function<int(const std::string& directory, int i)> run;
};

std::string file_name(const std::string& directory, int i) { return directory + "/file" + std::to_string(i); }

const std::vector<Phase>& phases() {
  static const std::vector<Phase> all = {
      {"create", "op", false, 1, [](auto& d, int i) { return write_value(file_name(d, i), O_CREAT | O_EXCL), 1; }},
      {"stat", "op", false, 5,
       [](auto& d, int i) {
         struct stat s {};
         require(::stat(file_name(d, i).c_str(), &s) == 0, d);
         return 1;
       }},
      {"read", "op", false, 2, [](auto& d, int i) { return read_value(file_name(d, i)), 1; }},
      {"list", "entry", false, 0.01, [](auto& d, int) { return count_entries(d); }},
      {"stat, cold", "op", true, 1,
       [](auto& d, int i) {
         struct stat s {};
         require(::stat(file_name(d, i).c_str(), &s) == 0, d);
         return 1;
       }},
      {"read, cold", "op", true, 1, [](auto& d, int i) { return read_value(file_name(d, i)), 1; }},
      {"list, cold", "entry", true, 0, [](auto& d, int) { return count_entries(d); }},
      {"overwrite", "op", false, 1, [](auto& d, int i) { return write_value(file_name(d, i), O_TRUNC), 1; }},
      {"append", "op", false, 1, [](auto& d, int i) { return write_value(file_name(d, i), O_APPEND), 1; }},
      {"temp+rename", "op", false, 0.5,
       [](auto& d, int i) {
         write_value(d + "/temporary", O_CREAT | O_EXCL);
         require(::rename((d + "/temporary").c_str(), file_name(d, i).c_str()) == 0, d);
         return 1;
       }},
      {"write+fsync", "op", false, 0.05, [](auto& d, int i) { return write_and_sync(file_name(d, i)), 1; }},
      {"mkdir", "op", false, 0.5,
       [](auto& d, int i) {
         require(::mkdir((d + "/dir" + std::to_string(i)).c_str(), 0755) == 0, d);
         return 1;
       }},
      {"rmdir", "op", false, 0.5,
       [](auto& d, int i) {
         require(::rmdir((d + "/dir" + std::to_string(i)).c_str()) == 0, d);
         return 1;
       }},
      {"unlink", "op", false, 1,
       [](auto& d, int i) {
         require(::unlink(file_name(d, i).c_str()) == 0, d);
         return 1;
       }},
      {"write large", "MiB", false, 0,
       [](auto& d, int) { return transfer_large(d + "/large", true), static_cast<int>(kLargeFileMegabytes); }},
      {"read large, cold", "MiB", true, 0,
       [](auto& d, int) { return transfer_large(d + "/large", false), static_cast<int>(kLargeFileMegabytes); }},
  };
  return all;
}

struct Result {
  double per_second = 0;
  double daemon_us = 0;  // CPU time per unit
};

Result run_phase(const Phase& phase, const Settings& settings, const Target& target, const std::string& base) {
  const int count = std::max(1, static_cast<int>(settings.files * phase.times_per_file));
  if (phase.cold) drop_kernel_caches();
  std::atomic<long> units{0};
  std::vector<std::thread> threads;
  const double cpu_before = cpu_seconds(target.pid);
  const double begin = seconds_now();
  for (int t = 0; t < settings.threads; ++t) {
    threads.emplace_back([&, t] {
      const std::string directory = base + "/thread" + std::to_string(t);
      long mine = 0;
      for (int i = 0; i < count; ++i) mine += phase.run(directory, i % settings.files);
      units += mine;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double elapsed = seconds_now() - begin;
  const auto total = static_cast<double>(units.load());
  return {total / elapsed, (cpu_seconds(target.pid) - cpu_before) * 1e6 / total};
}

using Results = std::map<std::string, std::map<std::string, std::vector<Result>>>;  // phase -> label -> rounds

bool wanted(const Settings& settings, const std::string& phase) {
  return settings.only.empty() || ("," + settings.only + ",").find("," + phase + ",") != std::string::npos;
}

void run_round(const Settings& settings, const Target& target, Results& results) {
  const std::string base = target.directory + "/fs_bench";
  require(::mkdir(base.c_str(), 0755) == 0, base);
  for (int t = 0; t < settings.threads; ++t) {
    const std::string directory = base + "/thread" + std::to_string(t);
    require(::mkdir(directory.c_str(), 0755) == 0, directory);
  }
  const std::vector<std::string> needed = {"create", "write large", "mkdir", "rmdir", "unlink"};
  for (const Phase& phase : phases()) {
    const bool is_needed = std::find(needed.begin(), needed.end(), phase.name) != needed.end();
    if (!wanted(settings, phase.name) && !is_needed) continue;
    results[phase.name][target.label].push_back(run_phase(phase, settings, target, base));
  }
  for (int t = 0; t < settings.threads; ++t) {
    const std::string directory = base + "/thread" + std::to_string(t);
    ::unlink((directory + "/large").c_str());
    require(::rmdir(directory.c_str()) == 0, directory);
  }
  require(::rmdir(base.c_str()) == 0, base);
}

double median(const std::vector<Result>& rounds, double Result::*member) {
  std::vector<double> values;
  for (const Result& round : rounds) values.push_back(round.*member);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const Settings& settings, Results& results) {
  printf("| operation | unit |");
  for (const Target& target : settings.targets)
    printf(" %s /s | x |%s", target.label.c_str(), target.pid.empty() ? "" : " CPU us |");
  printf("\n|---|---|");
  for (const Target& target : settings.targets) printf("---:|---:|%s", target.pid.empty() ? "" : "---:|");
  printf("\n");
  for (const Phase& phase : phases()) {
    if (!wanted(settings, phase.name) || results[phase.name].empty()) continue;
    auto& of_phase = results[phase.name];
    const double first = median(of_phase[settings.targets.front().label], &Result::per_second);
    printf("| %s | %s |", phase.name, phase.unit);
    for (const Target& target : settings.targets) {
      const double rate = median(of_phase[target.label], &Result::per_second);
      printf(" %.0f | %.2f |", rate, rate / first);
      if (!target.pid.empty()) printf(" %.1f |", median(of_phase[target.label], &Result::daemon_us));
    }
    printf("\n");
  }
}

Settings parse(int argc, char** argv) {
  Settings settings;
  int option = 0;
  while ((option = ::getopt(argc, argv, "n:r:t:o:")) != -1) {
    if (option == 'n') settings.files = std::max(1, atoi(optarg));
    if (option == 'r') settings.rounds = std::max(1, atoi(optarg));
    if (option == 't') settings.threads = std::max(1, atoi(optarg));
    if (option == 'o') settings.only = optarg;
    if (option == '?') exit(2);
  }
  for (int i = optind; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const size_t at = word.rfind('@');
    Target target{word.substr(0, equals), word.substr(equals + 1, at == std::string::npos ? at : at - equals - 1), ""};
    if (at != std::string::npos) target.pid = word.substr(at + 1);
    settings.targets.push_back(target);
  }
  if (settings.targets.empty()) {
    fprintf(stderr, "usage: fs_bench [-n FILES] [-r ROUNDS] [-t THREADS] [-o PHASE,...] LABEL=DIRECTORY[@PID] ...\n");
    exit(2);
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  Results results;
  for (int round = 0; round < settings.rounds; ++round) {
    for (const Target& target : settings.targets) run_round(settings, target, results);
  }
  print(settings, results);
  return 0;
}
