// The engine under a load that lasts, with more rows than memtables hold. Keys have 16 bytes, values 100.
//   engine_load upserts [--keys=N] [--seconds=S] [--threads=T]   sustained random updates: rates, stalls, memory
//   engine_load restart [--keys=N]                               opening after kill -9 with a full journal
//   engine_load scale   [--keys=N] [--operations=N]              cost of an operation at N/10, N/5, N/2 and N keys
// Data goes to a directory below TMPDIR, removed at the end.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "store/engine/engine.h"

namespace kvfs {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  uint64_t keys = 10'000'000;
  uint64_t seconds = 60;
  uint64_t threads = 1;
  uint64_t operations = 200'000;
};

struct Key {
  explicit Key(uint64_t number) { std::snprintf(bytes, sizeof bytes, "%016" PRIx64, number * 0x9e3779b97f4a7c15); }
  operator std::string_view() const { return {bytes, 16}; }
  char bytes[17];
};

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

double cpu_seconds() {
  struct rusage use {};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

/// Of /proc/self/status, in MiB. RssAnon is memory; VmRSS has the mapped pages of the base as well, which the system
/// takes back as it likes.
uint64_t memory_mib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::strtoull(line.c_str() + field.size() + 1, nullptr, 10) / 1024;
  return 0;
}

uint64_t stat_of(const Engine& engine, std::string_view name) {
  for (const auto& [each, value] : engine.stats())
    if (each == name) return value;
  return 0;
}

/// Latencies in microseconds, by powers of the fourth root of two.
class Histogram {
 public:
  void add(uint64_t us) {
    longest_ = std::max(longest_, us);
    counts_[bucket(us)] += 1;
    total_ += 1;
  }
  void add(const Histogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    longest_ = std::max(longest_, other.longest_);
  }
  uint64_t total() const { return total_; }
  uint64_t longest_us() const { return longest_; }
  uint64_t part_us(double part) const {
    uint64_t left = static_cast<uint64_t>(part * static_cast<double>(total_));
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return lower_bound_us(i);
      left -= counts_[i];
    }
    return longest_;
  }

 private:
  static constexpr unsigned kFine = 4;
  static size_t bucket(uint64_t us) {
    if (us < kFine) return us;
    const auto power = static_cast<unsigned>(std::bit_width(us)) - 1;
    return (power - 1) * kFine + ((us >> (power - 2)) & (kFine - 1));
  }
  static uint64_t lower_bound_us(size_t bucket) {
    if (bucket < kFine) return bucket;
    const auto power = static_cast<unsigned>(bucket / kFine) + 1;
    return (kFine + bucket % kFine) << (power - 2);
  }
  std::array<uint64_t, 64 * kFine> counts_{};
  uint64_t total_ = 0;
  uint64_t longest_ = 0;
};

/// What the disk does meanwhile: a block written and synced every so often by nobody else's leave.
class DiskProbe {
 public:
  explicit DiskProbe(const std::filesystem::path& file) : thread_([this, file] { run(file); }) {}
  Histogram stop() {
    stopping_ = true;
    thread_.join();
    return histogram_;
  }

 private:
  void run(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    check(fd >= 0, "probe");
    const std::string block(4096, 'p');
    while (!stopping_) {
      const auto begun = Clock::now();
      check(::pwrite(fd, block.data(), block.size(), 0) > 0 && ::fdatasync(fd) == 0, "probe");
      histogram_.add(static_cast<uint64_t>(seconds_since(begun) * 1e6));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ::close(fd);
  }
  std::atomic<bool> stopping_{false};
  Histogram histogram_;
  std::thread thread_;
};

class Load {
 public:
  Load(const Options& options, std::filesystem::path directory) : options_(options), directory_(std::move(directory)) {}

  void upserts() {
    open();
    fill(0, options_.keys);
    check(engine_->checkpoint().has_value(), "checkpoint");
    std::printf("%" PRIu64 " keys loaded; %" PRIu64 " seconds of random updates by %" PRIu64 " threads\n",
                options_.keys, options_.seconds, options_.threads);
    DiskProbe probe(directory_ / "probe");
    const auto begun = Clock::now();
    const auto end = begun + std::chrono::seconds(options_.seconds);
    std::vector<Histogram> of_threads(options_.threads);
    std::vector<std::thread> threads;
    std::atomic<uint64_t> memory_max{0};
    for (uint64_t t = 0; t < options_.threads; ++t)
      threads.emplace_back([&, t] {
        std::mt19937_64 random(t);
        while (Clock::now() < end) {
          const auto before = Clock::now();
          put(random() % options_.keys);
          of_threads[t].add(static_cast<uint64_t>(seconds_since(before) * 1e6));
          if (t == 0 && of_threads[t].total() % 16'384 == 0)
            memory_max = std::max(memory_max.load(), memory_mib("RssAnon"));
        }
      });
    for (std::thread& thread : threads) thread.join();
    const double took = seconds_since(begun);
    const Histogram disk = probe.stop();
    Histogram all;
    for (const Histogram& each : of_threads) all.add(each);
    std::printf("updates/s %.0f\n", static_cast<double>(all.total()) / took);
    print("update", all);
    print("the disk's own write and sync", disk);
    std::printf("memory, highest, MiB %" PRIu64 "; with mapped pages of the base %" PRIu64 "\n", memory_max.load(),
                memory_mib("VmHWM"));
    for (const char* name : {"checkpoints", "checkpoint_max_ms", "writer_stalls", "writer_stall_ms", "base_bytes",
                             "base_free_bytes", "journal_disk_bytes"})
      std::printf("%s %" PRIu64 "\n", name, stat_of(*engine_, name));
  }

  void restart() {
    open();
    fill(0, options_.keys);
    check(engine_->checkpoint().has_value(), "checkpoint");
    engine_.reset();
    const pid_t child = ::fork();
    if (child == 0) {
      open();
      std::mt19937_64 random(1);
      // As much as stands in the journal at the most: the memtable just before it would be frozen.
      const uint64_t rows = engine_options().memtable_entries_max - 1;
      while (stat_of(*engine_, "memtable_entries") < rows) put(random() % options_.keys);
      std::printf("killed with %" PRIu64 " rows, %" PRIu64 " bytes in the journal\n",
                  stat_of(*engine_, "memtable_entries"), stat_of(*engine_, "journal_bytes"));
      std::fflush(stdout);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    check(WIFSIGNALED(status), "the child ended by itself");
    const auto begun = Clock::now();
    open();
    std::printf("open again after %.3f s\n", seconds_since(begun));
    std::printf("rows replayed %" PRIu64 "\n", stat_of(*engine_, "memtable_entries"));
  }

  void scale() {
    open();
    std::printf("%10s %12s %12s %12s %12s   us of CPU an operation (of the wall clock)\n", "keys", "get", "put",
                "scan of 100", "checkpoint");
    uint64_t filled = 0;
    for (const uint64_t part : {10, 5, 2, 1}) {
      const uint64_t keys = options_.keys / part;
      fill(filled, keys);
      filled = keys;
      check(engine_->checkpoint().has_value(), "checkpoint");
      std::mt19937_64 random(part);
      std::printf("%10" PRIu64, keys);
      print_cost(options_.operations,
                 [&] { check(engine_->snapshot()->get(Key(random() % keys)).has_value(), "get"); });
      const uint64_t puts = std::min<uint64_t>(options_.operations, engine_options().memtable_entries_max / 2);
      print_cost(puts, [&] { put(random() % keys); });
      print_cost(options_.operations / 100, [&] { scan(random() % keys, 100); });
      print_cost(
          1, [&] { check(engine_->checkpoint().has_value(), "checkpoint"); }, puts);
      std::printf("\n");
      std::fflush(stdout);
    }
  }

 private:
  EngineOptions engine_options() const {
    EngineOptions options;
    options.path = directory_ / "store";
    return options;
  }
  void open() {
    engine_.reset();
    engine_ = open_engine(engine_options()).value();
  }

  void fill(uint64_t from, uint64_t to) {
    const std::string value(100, 'v');
    for (uint64_t key = from; key < to;) {
      const auto done = engine_->transact([&](Transaction& txn) {
        for (int i = 0; i < 1000 && key < to; ++i, ++key) txn.put(Key(key), value);
        return Result<void>();
      });
      check(done.has_value(), "fill");
    }
  }
  void put(uint64_t key) {
    static const std::string value(100, 'w');
    const auto done = engine_->transact([&](Transaction& txn) {
      txn.put(Key(key), value);
      return Result<void>();
    });
    check(done.has_value(), "put");
  }
  void scan(uint64_t key, int rows) const {
    const auto snapshot = engine_->snapshot();
    const auto cursor = snapshot->cursor();
    for (cursor->seek(Key(key)); cursor->valid() && rows > 0; cursor->next()) --rows;
  }

  template <class Operation>
  static void print_cost(uint64_t count, Operation&& operation, uint64_t rows_each = 1) {
    const double cpu = cpu_seconds();
    const auto begun = Clock::now();
    for (uint64_t i = 0; i < count; ++i) operation();
    const auto operations = static_cast<double>(count * rows_each);
    std::printf(" %5.2f (%4.1f)", (cpu_seconds() - cpu) * 1e6 / operations, seconds_since(begun) * 1e6 / operations);
  }

  static void print(const char* what, const Histogram& histogram) {
    std::printf("%s, us: median %" PRIu64 ", 99%% %" PRIu64 ", 99.9%% %" PRIu64 ", 99.99%% %" PRIu64
                ", longest %" PRIu64 "\n",
                what, histogram.part_us(0.5), histogram.part_us(0.99), histogram.part_us(0.999),
                histogram.part_us(0.9999), histogram.longest_us());
  }

  const Options options_;
  const std::filesystem::path directory_;
  std::unique_ptr<Engine> engine_;
};

/// False: not an option, or not a number.
bool parse(const char* argument, const char* name, uint64_t& value) {
  const size_t length = std::strlen(name);
  if (std::strncmp(argument, name, length) != 0) return false;
  char* end = nullptr;
  value = std::strtoull(argument + length, &end, 10);
  return end != argument + length && *end == '\0' && value != 0;
}

int run(int argc, char** argv) {
  Options options;
  bool understood = argc >= 2;
  for (int i = 2; i < argc; ++i)
    understood = understood &&
                 (parse(argv[i], "--keys=", options.keys) || parse(argv[i], "--seconds=", options.seconds) ||
                  parse(argv[i], "--threads=", options.threads) || parse(argv[i], "--operations=", options.operations));
  const std::string mode = argc >= 2 ? argv[1] : "";
  if (!understood || (mode != "upserts" && mode != "restart" && mode != "scale")) {
    std::fprintf(stderr,
                 "usage: engine_load upserts|restart|scale [--keys=N] [--seconds=S] [--threads=T] "
                 "[--operations=N]\n");
    return 2;
  }
  std::string pattern = std::filesystem::temp_directory_path() / "engine_load_XXXXXX";
  check(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  int code = 0;
  try {
    Load load(options, pattern);
    if (mode == "upserts") load.upserts();
    if (mode == "restart") load.restart();
    if (mode == "scale") load.scale();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "engine_load: %s\n", error.what());
    code = 1;
  }
  std::filesystem::remove_all(pattern);
  return code;
}

}  // namespace
}  // namespace kvfs

int main(int argc, char** argv) { return kvfs::run(argc, argv); }
