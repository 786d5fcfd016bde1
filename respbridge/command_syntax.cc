#include "respbridge/command_syntax.h"

#include <algorithm>
#include <utility>

#include "respbridge/numbers.h"

namespace kvfs::resp {

namespace {

constexpr std::string_view kKeys[] = {"destination", "key", "key1", "key2", "newkey", "source"};

std::string_view type_of(std::string_view name) {
  if (std::find(std::begin(kKeys), std::end(kKeys), name) != std::end(kKeys)) return "key";
  if (name == "pattern") return "pattern";
  return name.starts_with("unix-time") ? "unix-time" : "string";
}

bool is_token(std::string_view word) {
  return std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// A recursive descent over words and brackets. The syntaxes are constants, so that it need not look for errors.
class Parser {
 public:
  explicit Parser(std::string_view syntax) : rest_(syntax) { advance(); }

  std::vector<SyntaxArgument> sequence() {
    std::vector<SyntaxArgument> out;
    while (!word_.empty() && word_ != "]" && word_ != ">" && word_ != "|") {
      out.push_back(item());
      if (word_ != "...") continue;
      out.back().multiple = true;
      advance();
    }
    return out;
  }

 private:
  void advance() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    size_t end = std::min(rest_.find_first_of(" []<>|"), rest_.size());
    if (end == 0) end = std::min<size_t>(1, rest_.size());
    if (end < rest_.size() && rest_[end - 1] == '=') ++end;  // name=[ is one word
    word_ = rest_.substr(0, end);
    rest_.remove_prefix(end);
  }

  SyntaxArgument item() {
    const std::string_view word = std::exchange(word_, {});
    advance();
    if (word.ends_with('[') || word.ends_with('<')) return group(word);
    if (!is_token(word)) return argument(word);
    if (word_.ends_with("=<")) {
      const std::string_view opening = std::exchange(word_, {});
      advance();
      SyntaxArgument out = group(opening);
      out.token = word;
      return out;
    }
    SyntaxArgument out{lower_case(word), "pure-token", std::string(word)};
    std::vector<SyntaxArgument> behind;
    while (!word_.empty() && word_.front() >= 'a' && word_.front() <= 'z' && !word_.ends_with('[')) {
      behind.push_back(argument(word_));
      advance();
      if (word_ != "...") continue;
      behind.back().multiple = true;
      advance();
    }
    if (behind.size() == 1 && !behind[0].multiple) {
      out.name = behind[0].name;
      out.type = behind[0].type;
    } else if (!behind.empty()) {
      out.type = "block";
      out.arguments = std::move(behind);
    }
    return out;
  }

  static SyntaxArgument argument(std::string_view word) {
    const size_t colon = word.find(':');
    const std::string_view name = word.substr(0, colon);
    return {std::string(name), colon == word.npos ? type_of(name) : word.substr(colon + 1)};
  }

  SyntaxArgument group(std::string_view opening) {
    std::vector<SyntaxArgument> choices;
    while (true) {
      choices.push_back(joined(sequence()));
      if (word_ != "|") break;
      advance();
    }
    advance();  // the closing bracket
    SyntaxArgument out{"option", "oneof"};
    if (choices.size() == 1)
      out = std::move(choices[0]);
    else
      out.arguments = std::move(choices);
    if (opening.size() > 1) out.name = opening.substr(0, opening.size() - 2);
    out.optional = opening.back() == '[';
    return out;
  }

  static SyntaxArgument joined(std::vector<SyntaxArgument> sequence) {
    if (sequence.size() == 1) return std::move(sequence[0]);
    SyntaxArgument out{{}, "block"};
    for (const SyntaxArgument& each : sequence) out.name += (out.name.empty() ? "" : "_") + each.name;
    out.arguments = std::move(sequence);
    return out;
  }

  std::string_view rest_;
  std::string_view word_;
};

}  // namespace

std::vector<SyntaxArgument> parse_syntax(std::string_view syntax) { return Parser(syntax).sequence(); }

}  // namespace kvfs::resp
