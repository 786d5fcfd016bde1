#include "store/text.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

TEST(TextTest, TellsUtf8FromOtherBytes) {
  for (const char* text :
       {"", "plain", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* bytes :
       {"\xff", "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_FALSE(is_utf8(bytes)) << printable(bytes);
}

TEST(TextTest, PrintsTextAsItIsAndBytesEscaped) {
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(printable("a\nb\\\x7f"), "a\\x0ab\\x5c\\x7f");
  EXPECT_EQ(printable("\xff"
                      "a"),
            "\\xffa");
}

TEST(TextTest, Base64ReadsBackWhatItWrote) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(*decode_base64(encode_base64(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

TEST(TextTest, Base64RefusesWhatIsMalformed) {
  for (const char* text : {"A", "AB=", "A===", "AB=C", "AB==AAAA", "A B=", "----", "===="})
    EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace kvfs
