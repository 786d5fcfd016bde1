// The arguments of commands, as COMMAND DOCS tells them: trees that redis-cli makes its hints from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvfs::resp {

struct SyntaxArgument {
  std::string name;
  std::string_view type;   // Redis's: "key", "integer", "oneof", "block", "pure-token" ...
  std::string token = {};  // the word before it, or that it is
  bool optional = false;
  bool multiple = false;
  std::vector<SyntaxArgument> arguments = {};  // of a oneof or block
};

/// Of a command's or subcommand's name ("client|kill"). Empty: it takes none.
std::string_view syntax_of(std::string_view command);

/// WORDs are tokens, of the one argument behind them, if there is one; other words are arguments, whose type follows a
/// colon where it is not told by the name. [a] is optional, <a b> a block, a | b a choice, which has a name where
/// `name=` stands before the bracket; "..." behind something: it may come more than once (with its token, if behind a
/// bracket).
std::vector<SyntaxArgument> parse_syntax(std::string_view syntax);

}  // namespace kvfs::resp
