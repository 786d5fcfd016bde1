// Counters and sets at all three doors.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

KvfsOptions with_resp() {
  KvfsOptions options;
  options.resp = true;
  return options;
}

class TypesDoorTest : public ::testing::Test {
 protected:
  TypesDoorTest() { output_of("mkdir -p " + kvfs.at("")); }
  std::string redis(const std::string& arguments) {
    return output_of("redis-cli -p " + std::to_string(kvfs.resp_port()) + " " + arguments);
  }
  std::string shell(const std::string& command) { return output_of(command); }
  bool make(const std::string& name, const std::string& type) {
    return ::setxattr(kvfs.at(name).c_str(), "user.kvfs.type", type.data(), type.size(), 0) == 0;
  }
  std::string type_of(const std::string& name) {
    char type[16];
    const ssize_t size = ::getxattr(kvfs.at(name).c_str(), "user.kvfs.type", type, sizeof type);
    return size < 0 ? "<none>" : std::string(type, static_cast<size_t>(size));
  }
  KvfsProcess kvfs{with_resp()};
  HttpClient http = kvfs.http();
};

TEST_F(TypesDoorTest, AFileBecomesACounterThatAllDoorsChange) {
  const std::string file = kvfs.at("hits");
  write_file(file, "5");
  ASSERT_TRUE(make("hits", "counter"));
  EXPECT_EQ(type_of("hits"), "counter");
  shell("echo +5 >> " + file);
  EXPECT_EQ(read_file(file), "10\n");
  EXPECT_EQ(redis("GET hits"), "10");
  EXPECT_EQ(redis("TYPE hits"), "string");
  EXPECT_EQ(redis("INCRBY hits 2"), "12");
  EXPECT_EQ(read_file(file), "12\n");
  EXPECT_EQ(shell("stat -c %s " + file), "3");
  const auto answer = http.get("/v1/default/hits?format=json");
  EXPECT_NE(answer.body.find("\"type\":\"counter\",\"value\":12,"), std::string::npos) << answer.body;
  shell("echo 7 > " + file);
  EXPECT_EQ(redis("DECR hits"), "6");
  EXPECT_EQ(read_file(file), "6\n");
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND);
  ASSERT_EQ(::write(descriptor, "many\n", 5), 5);
  EXPECT_EQ(::close(descriptor), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(read_file(file), "6\n");
}

TEST_F(TypesDoorTest, AppendsOfSeveralProgramsToACounterAllCount) {
  write_file(kvfs.at("n"), "0");
  ASSERT_TRUE(make("n", "counter"));
  shell("for i in 1 2 3 4; do (for j in 1 2 3 4 5 6 7 8 9 10; do echo +1 >> " + kvfs.at("n") + "; done) & done; wait");
  EXPECT_EQ(redis("GET n"), "40");
}

TEST_F(TypesDoorTest, ASetIsAFileWithAMemberALine) {
  redis("SADD colours red green");
  const std::string file = kvfs.at("colours");
  EXPECT_EQ(type_of("colours"), "set");
  EXPECT_EQ(read_file(file), "green\nred\n");
  shell("echo blue >> " + file);
  EXPECT_EQ(redis("SCARD colours"), "3");
  EXPECT_EQ(redis("SREM colours red"), "1");
  EXPECT_EQ(read_file(file), "blue\ngreen\n");
  write_file(file, "x\ny\n");
  EXPECT_EQ(redis("SMEMBERS colours"), "x\ny");
  EXPECT_NE(http.get("/v1/default/colours?format=json").body.find("\"size\":2,\"members\":[\"x\",\"y\"]"),
            std::string::npos);
}

TEST_F(TypesDoorTest, ALargeSetIsReadByFileAndByHttpAndSurvivesARestart) {
  shell("for i in $(seq 1 20); do echo SADD big $(seq -s ' ' $((i*1000-999)) $((i*1000))); done | redis-cli -p " +
        std::to_string(kvfs.resp_port()));
  EXPECT_EQ(redis("SCARD big"), "20000");
  EXPECT_EQ(shell("sort -n " + kvfs.at("big") + " | uniq | wc -l"), "20000");
  EXPECT_EQ(read_file(kvfs.at("big")), http.get("/v1/default/big").body);
  shell("echo one-more >> " + kvfs.at("big"));
  EXPECT_EQ(redis("SISMEMBER big one-more"), "1");
  kvfs.kill();
  kvfs.start();
  EXPECT_EQ(redis("SCARD big"), "20001");
  EXPECT_EQ(redis("DEL big"), "1");
  EXPECT_FALSE(exists(kvfs.at("big")));
}

}  // namespace
}  // namespace kvfs::test
