// Hostile bytes as requests of the Redis protocol: the same commands and the same error wherever they are split.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "respbridge/parser.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using kvfs::resp::Parser;

struct Parsed {
  std::vector<std::vector<std::string>> commands;
  std::string error;
  bool operator==(const Parsed&) const = default;
};

Parsed parse(std::string_view input, size_t split) {
  Parser parser({.arguments_max = 64, .bulk_bytes_max = 256, .inline_bytes_max = 128});
  Parsed out;
  std::string buffer;
  for (const std::string_view piece : {input.substr(0, split), input.substr(split)}) {
    buffer.append(piece);
    size_t at = 0;
    while (true) {
      const Parser::Status status = parser.parse(std::string_view(buffer).substr(at));
      if (status == Parser::Status::incomplete) break;
      if (status == Parser::Status::error) {
        out.error = parser.error();
        return out;
      }
      out.commands.emplace_back(parser.arguments().begin(), parser.arguments().end());
      at += parser.consumed();
    }
    parser.forget();
    buffer.erase(0, at);
  }
  return out;
}

}  // namespace

std::vector<std::string> fuzz_corpus() {
  return {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
          "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\nPING\r\n",
          "SET \"a\\x41\" 'b c'\r\n*0\r\n*-1\r\n\r\n",
          "*1\r\n$-1\r\n",
          "*1\r\nPING\r\n",
          ""};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(input, size);
  const size_t splits = std::min<size_t>(size, 64);
  for (size_t split = 0; split < splits; ++split)
    if (!(parse(input, split) == whole)) std::abort();
  return 0;
}
