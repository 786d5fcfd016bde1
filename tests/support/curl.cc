#include "tests/support/curl.h"

#include "tests/support/child_process.h"

namespace kvfs::test {

CurlAnswer curl(const std::string& arguments) {
  const ShellResult result = shell("curl -sS -m 60 -w '\\n%{http_code}' " + arguments);
  const size_t newline = result.out.rfind('\n');
  CurlAnswer answer;
  if (newline == std::string::npos) {
    answer.body = result.err;
    return answer;
  }
  answer.body = result.out.substr(0, newline);
  answer.status = std::atoi(result.out.c_str() + newline + 1);
  return answer;
}

}  // namespace kvfs::test
