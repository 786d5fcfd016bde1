#include "respbridge/parser.h"

#include <gtest/gtest.h>

#include <random>

namespace kvfs::resp {
namespace {

using Command = std::vector<std::string>;

struct Parsed {
  std::vector<Command> commands;
  std::string error;
  size_t left = 0;  // bytes not consumed
  bool operator==(const Parsed&) const = default;
};

/// Feeds `input` in pieces that end at the given offsets, moving the buffer each time.
Parsed parse(std::string_view input, const std::vector<size_t>& cuts = {}, ParserLimits limits = {}) {
  Parser parser(limits);
  Parsed out;
  std::string buffer;
  size_t fed = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : input.size();
    buffer = buffer + std::string(input.substr(fed, end - fed));  // a new allocation: views must not be kept
    fed = end;
    size_t at = 0;
    while (true) {
      const Parser::Status status = parser.parse(std::string_view(buffer).substr(at));
      if (status == Parser::Status::error) {
        out.error = parser.error();
        return out;
      }
      if (status == Parser::Status::incomplete) break;
      if (!parser.arguments().empty()) out.commands.emplace_back(parser.arguments().begin(), parser.arguments().end());
      at += parser.consumed();
    }
    parser.forget();
    buffer.erase(0, at);
  }
  out.left = buffer.size();
  return out;
}

TEST(ParserTest, TakesArraysOfBulkStrings) {
  EXPECT_EQ(parse("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n").commands,
            (std::vector<Command>{{"GET", "a"}, {"PING"}}));
  EXPECT_EQ(parse("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\0x\r\n" + std::string()).commands.size(), 0u);
  EXPECT_EQ(parse(std::string_view("*2\r\n$1\r\nx\r\n$4\r\n\r\n\0y\r\n", 21)).commands,
            (std::vector<Command>{{"x", std::string("\r\n\0y", 4)}}));
}

TEST(ParserTest, PassesOverBlankLinesAndEmptyArrays) {
  EXPECT_EQ(parse("\r\n\n*0\r\n*-1\r\n  \r\nPING\r\n").commands, (std::vector<Command>{{"PING"}}));
}

TEST(ParserTest, SplitsInlineCommandsAsAShellDoes) {
  const auto one = [](std::string_view line) { return parse(std::string(line) + "\r\n"); };
  EXPECT_EQ(one("  SET  a b ").commands, (std::vector<Command>{{"SET", "a", "b"}}));
  EXPECT_EQ(one(R"(SET "a b" "\x41\n\"\\")").commands, (std::vector<Command>{{"SET", "a b", "A\n\"\\"}}));
  EXPECT_EQ(one(R"(SET 'it\'s "' '')").commands, (std::vector<Command>{{"SET", "it's \"", ""}}));
  EXPECT_EQ(one(R"(SET x"y z")").commands, (std::vector<Command>{{"SET", "xy z"}}));
  EXPECT_EQ(one("SET \"a").error, "unbalanced quotes in request");
  EXPECT_EQ(one("SET \"a\"b").error, "unbalanced quotes in request");
  EXPECT_EQ(one("SET 'a'b").error, "unbalanced quotes in request");
}

TEST(ParserTest, RefusesWhatTheProtocolForbids) {
  EXPECT_EQ(parse("*x\r\n").error, "invalid multibulk length");
  EXPECT_EQ(parse("*99999999999999999999\r\n").error, "invalid multibulk length");
  EXPECT_EQ(parse("*1\r\nPING\r\n").error, "expected '$', got 'P'");
  EXPECT_EQ(parse("*1\r\n$-1\r\n").error, "invalid bulk length");
  EXPECT_EQ(parse("*1\r\n$01\r\nx\r\n").error, "invalid bulk length");
  EXPECT_EQ(parse("*1\r\n$999999999999\r\n").error, "invalid bulk length");
}

TEST(ParserTest, RefusesWhatIsBeyondItsLimits) {
  const ParserLimits limits{.arguments_max = 3, .bulk_bytes_max = 5, .inline_bytes_max = 16};
  EXPECT_EQ(parse("*4\r\n", {}, limits).error, "invalid multibulk length");
  EXPECT_EQ(parse("*1\r\n$6\r\n", {}, limits).error, "invalid bulk length");
  EXPECT_EQ(parse("*1\r\n$5\r\nabcde\r\n", {}, limits).commands.size(), 1u);
  EXPECT_EQ(parse(std::string(17, 'a'), {}, limits).error, "too big inline request");
  EXPECT_EQ(parse(std::string(17, 'a') + "\n", {}, limits).error, "too big inline request");
  EXPECT_EQ(parse("*" + std::string(17, '1'), {}, limits).error, "too big mbulk count string");
  EXPECT_EQ(parse("*1\r\n$" + std::string(17, '1'), {}, limits).error, "too big bulk count string");
}

TEST(ParserTest, AClientThatHasNotAuthenticatedMaySendLittle) {
  Parser parser({});
  parser.restrict(true);
  EXPECT_EQ(parser.parse("*11\r\n"), Parser::Status::error);
  EXPECT_EQ(parser.error(), "unauthenticated multibulk length");
  Parser other({});
  other.restrict(true);
  EXPECT_EQ(other.parse("*1\r\n$16385\r\n"), Parser::Status::error);
  EXPECT_EQ(other.error(), "unauthenticated bulk length");
}

TEST(ParserTest, SaysHowManyBytesAreStillToCome) {
  Parser parser({});
  EXPECT_EQ(parser.parse("*2\r\n$3\r\nGET\r\n$100\r\nabc"), Parser::Status::incomplete);
  EXPECT_EQ(parser.announced(), 99u);
}

TEST(ParserTest, GivesTheSameCommandsWhereverTheInputIsSplit) {
  const std::string input =
      "*3\r\n$3\r\nSET\r\n$5\r\nk\r\n*1\r\n$6\r\nv\r\n$3\r\r\nPING\r\nSET \"a\\x20b\" 'c "
      "d'\r\n\r\n*0\r\n*1\r\n$0\r\n\r\n"
      "*2\r\n$4\r\nECHO\r\n$12\r\nhello\r\nworld\r\nQUIT\n";
  const Parsed whole = parse(input);
  ASSERT_EQ(whole.commands.size(), 6u);
  ASSERT_EQ(whole.left, 0u);
  for (size_t i = 0; i <= input.size(); ++i) {
    EXPECT_EQ(parse(input, {i}), whole) << "split at " << i;
    for (size_t j = i; j <= input.size(); ++j) ASSERT_EQ(parse(input, {i, j}), whole) << i << " and " << j;
  }
  std::vector<size_t> every;
  for (size_t i = 1; i < input.size(); ++i) every.push_back(i);
  EXPECT_EQ(parse(input, every), whole);
}

TEST(ParserTest, RandomBytesAreAnsweredTheSameWhereverTheyAreSplit) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string_view alphabet = "*$0123\r\n\r\n\"'\\x -aG";
  const ParserLimits limits{.arguments_max = 20, .bulk_bytes_max = 30, .inline_bytes_max = 40};
  for (int round = 0; round < 5000; ++round) {
    std::string input;
    for (size_t n = random() % 60; n > 0; --n) input.push_back(alphabet[random() % alphabet.size()]);
    const Parsed whole = parse(input, {}, limits);
    std::vector<size_t> cuts;
    for (size_t i = 1; i < input.size(); ++i)
      if (random() % 3 == 0) cuts.push_back(i);
    const Parsed split = parse(input, cuts, limits);
    ASSERT_EQ(split.commands, whole.commands) << testing::PrintToString(input);
    ASSERT_EQ(split.error, whole.error) << testing::PrintToString(input);
  }
}

}  // namespace
}  // namespace kvfs::resp
