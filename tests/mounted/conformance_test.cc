// The mount answers system calls as a local file system does: the same scripts run on both, and the transcripts are
// compared. The local one is in /dev/shm or, where that is none, in the temporary directory; KVFS_TEST_REFERENCE names
// another directory.
#include <gtest/gtest.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/mounted/conformance_cases.h"
#include "tests/mounted/system_call_script.h"
#include "tests/support/files.h"
#include "tests/support/kvfs_process.h"

namespace kvfs::test {
namespace {

std::string reference_directory() {
  if (const char* named = std::getenv("KVFS_TEST_REFERENCE")) return named;
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path().string();
}

class ConformanceTest : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  static void SetUpTestSuite() {
    kvfs = std::make_unique<KvfsProcess>();
    output_of("mkdir -p " + kvfs->at(""));
    std::string pattern = reference_directory() + "/kvfs-reference-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    reference = pattern;
    ASSERT_EQ(::chmod(pattern.c_str(), 0755), 0);
  }
  static void TearDownTestSuite() {
    kvfs.reset();
    std::filesystem::remove_all(reference);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "becomes other users: needs root";
  }

  /// Runs the script in a new directory.
  static std::vector<std::string> transcript_in(const std::string& parent, const ConformanceCase& c) {
    const std::string directory = parent + "/" + c.name;
    make_directory(directory);
    return run_script(c.script, directory);
  }

  static std::unique_ptr<KvfsProcess> kvfs;
  static std::string reference;
};

std::unique_ptr<KvfsProcess> ConformanceTest::kvfs;
std::string ConformanceTest::reference;

TEST_P(ConformanceTest, AnswersAsALocalFileSystemDoes) {
  const std::vector<std::string> expected = transcript_in(reference, GetParam());
  const std::vector<std::string> actual = transcript_in(kvfs->at(""), GetParam());
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(actual[i], expected[i]) << "in call " << i + 1 << " of " << GetParam().name;
}

std::string name_of(const ::testing::TestParamInfo<ConformanceCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Names, ConformanceTest, ::testing::ValuesIn(cases_of_names()), name_of);
INSTANTIATE_TEST_SUITE_P(Attributes, ConformanceTest, ::testing::ValuesIn(cases_of_attributes()), name_of);
INSTANTIATE_TEST_SUITE_P(Permissions, ConformanceTest, ::testing::ValuesIn(cases_of_permissions()), name_of);
INSTANTIATE_TEST_SUITE_P(Paths, ConformanceTest, ::testing::ValuesIn(cases_of_paths()), name_of);
INSTANTIATE_TEST_SUITE_P(OpenFiles, ConformanceTest, ::testing::ValuesIn(cases_of_open_files()), name_of);

}  // namespace
}  // namespace kvfs::test
