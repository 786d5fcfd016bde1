// Requests made by the command-line client, as the documents of the replaced stores show them.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace kvfs::test {

struct CurlAnswer {
  int status = 0;  // 0: no answer
  std::string body;

  /// Throws where the body is not JSON.
  boost::json::value json() const { return boost::json::parse(body); }
};

/// `arguments` as typed after `curl`, in shell syntax.
CurlAnswer curl(const std::string& arguments);

}  // namespace kvfs::test
