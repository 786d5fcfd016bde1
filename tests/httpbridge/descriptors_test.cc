// A process whose file descriptors are all in use: connections wait, and are served once there are some again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/httpbridge/wire.h"
#include "tests/support/wait.h"

namespace kvfs::http {
namespace {

class DescriptorsTest : public testing::Test {
 protected:
  static constexpr rlim_t kFew = 128;

  void SetUp() override {
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    logger_before_ = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_));
    // The undefined-behaviour sanitizer takes a descriptor where it meets a type for the first time (its vptr check).
    spdlog::warn("soon {} descriptors are all there are", kFew);
  }
  void TearDown() override {
    let_go();
    spdlog::set_default_logger(logger_before_);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  void limit_to(rlim_t files) {
    const rlimit limit{files, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  /// All but one.
  void take_all() {
    limit_to(kFew);
    for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(fd);
    ASSERT_FALSE(taken_.empty());
    ::close(taken_.back());
    taken_.pop_back();
  }
  void let_go() {
    for (const int fd : taken_) ::close(fd);
    taken_.clear();
  }
  size_t warnings() {
    const std::lock_guard lock(log_.mutex);
    size_t count = 0;
    const std::string said = log_.text.str();
    for (size_t at = 0; (at = said.find("accept failed", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  /// Nothing in its background opens a file: one that it closed after take_all() would be there for the client.
  static StoreOptions quiet_store() {
    StoreOptions options;
    options.engine.kind = "memory";
    options.eviction.interval_ms = 0;
    options.expiry_interval_ms = 0;
    return options;
  }

  rlimit before_{};

  void expect_served_later(Wire& client) {
    client.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(test::wait_until([&] { return warnings() == 1; }));
    EXPECT_TRUE(client.silent());
    let_go();
    EXPECT_EQ(client.receive().status, 200);
    EXPECT_EQ(warnings(), 1U);
  }

 private:
  struct Log {
    std::mutex mutex;
    std::ostringstream text;
  };
  class Sink : public spdlog::sinks::base_sink<std::mutex> {
   public:
    explicit Sink(Log& log) : log_(log) {}

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const std::lock_guard lock(log_.mutex);
      log_.text << std::string_view(message.payload.data(), message.payload.size()) << '\n';
    }
    void flush_() override {}
    Log& log_;
  };
  Log log_;
  const std::shared_ptr<Sink> sink_ = std::make_shared<Sink>(log_);
  std::shared_ptr<spdlog::logger> logger_before_;
  std::vector<int> taken_;
};

TEST_F(DescriptorsTest, ConnectionsWaitUntilThereAreSomeAgain) {
  HttpOptions options;
  options.threads = 1;
  WireServer server(options, quiet_store());
  take_all();
  Wire client(server.port());
  expect_served_later(client);
}

TEST_F(DescriptorsTest, ConnectionsOfAUnixSocketWaitLikewise) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("kvfs_descriptors_test_" + std::to_string(getpid()) + ".sock");
  HttpOptions options;
  options.threads = 1;
  options.listen = {"unix:" + path};
  WireServer server(options, quiet_store());
  take_all();
  Wire client(path);
  expect_served_later(client);
}

}  // namespace
}  // namespace kvfs::http
