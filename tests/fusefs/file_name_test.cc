#include "fusefs/file_name.h"

#include <gtest/gtest.h>

#include <random>

namespace kvfs {
namespace {

struct Case {
  std::string component;
  std::string file_name;
};

TEST(FileName, EscapesOnlyWhatAFileSystemCannotName) {
  const Case cases[] = {
      {"plain", "plain"},
      {"user:1001", "user:1001"},
      {"100%", "100%"},
      {"a%:b", "a%:b"},
      {".hidden", ".hidden"},
      {"...", "..."},
      {"", "%:"},
      {".", "%:."},
      {"..", "%:.."},
      {std::string("a\0b", 3), "%:a%00b"},
      {"%:value", "%:%25%3Avalue"},
      {"%:", "%:%25%3A"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(to_file_name(c.component), c.file_name);
    std::string buffer;
    const auto back = to_component(c.file_name, buffer);
    ASSERT_TRUE(back) << c.file_name;
    EXPECT_EQ(*back, c.component);
  }
}

TEST(FileName, RefusesNamesThatNoComponentHas) {
  for (const char* name :
       {"%:value", "%:x", "%:%", "%:%0", "%:%zz", "%:%00%", "%:%2E", "%:%2e%2E", "%:a%00%61", "%:a%00/"}) {
    std::string buffer;
    const auto component = to_component(name, buffer);
    ASSERT_FALSE(component) << name;
    EXPECT_EQ(component.error().code, Errc::invalid);
  }
}

TEST(FileName, IsABijectionForRandomComponents) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string alphabet = std::string("%:.0aAfF2E", 10) + std::string(1, '\0') + "\xff\x80 ";
  for (int i = 0; i < 20'000; i++) {
    std::string component(random() % 8, ' ');
    for (char& c : component) c = alphabet[random() % alphabet.size()];
    const std::string name = to_file_name(component);
    EXPECT_FALSE(name.empty() || name == "." || name == ".." || name == kOwnValueName);
    EXPECT_EQ(name.find('\0'), std::string::npos);
    std::string buffer;
    const auto back = to_component(name, buffer);
    ASSERT_TRUE(back) << name;
    EXPECT_EQ(*back, component);
  }
}

TEST(FileName, EveryAcceptedNameIsTheNameOfItsComponent) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string alphabet = "%%%:.0025EFAa";
  for (int i = 0; i < 20'000; i++) {
    std::string name = "%:";
    for (size_t n = random() % 8; n > 0; n--) name += alphabet[random() % alphabet.size()];
    std::string buffer;
    const auto component = to_component(name, buffer);
    if (component) {
      EXPECT_EQ(to_file_name(*component), name);
    }
  }
}

}  // namespace
}  // namespace kvfs
