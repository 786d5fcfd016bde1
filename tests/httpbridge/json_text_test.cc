// JSON as text, at the places where strings end.
#include "httpbridge/json_text.h"

#include <gtest/gtest.h>

namespace kvfs::http {
namespace {

TEST(JsonText, StringsEndAtTheMarkThatIsNotEscaped) {
  const std::pair<const char*, const char*> cases[] = {{R"("")", ""},
                                                       {R"("a")", "a"},
                                                       {R"("\\")", "\\"},
                                                       {R"("\"")", "\""},
                                                       {R"("\\\"")", "\\\""},
                                                       {R"("a\\\\")", "a\\\\"},
                                                       {R"("\"\"x")", "\"\"x"},
                                                       {R"("}],{")", "}],{"},
                                                       {R"("\u0041b")", "Ab"},
                                                       {R"("\\u0041")", "\\u0041"},
                                                       {R"("\ud83d\ude00!")", "\xf0\x9f\x98\x80!"}};
  for (const auto& [raw, text] : cases) {
    EXPECT_EQ(decode_json_string(raw), text) << raw;
    const std::string object = "{\"first\":" + std::string(raw) + ",\"second\":[" + raw + ",1]}";
    ASSERT_TRUE(validate_json(object)) << object;
    JsonMembers members(object);
    ASSERT_TRUE(members.next());
    EXPECT_EQ(members.value(), raw);
    ASSERT_TRUE(members.next());
    EXPECT_EQ(members.name(), "second");
    JsonElements elements(members.value());
    ASSERT_TRUE(elements.next());
    EXPECT_EQ(elements.value(), raw);
    ASSERT_TRUE(elements.next());
    EXPECT_EQ(elements.value(), "1");
    EXPECT_FALSE(members.next());
  }
}

}  // namespace
}  // namespace kvfs::http
