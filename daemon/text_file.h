// Small text files that people write: configurations, lists of keys.
#pragma once

#include <string>

#include "store/result.h"

namespace kvfs {

/// All of the file. Errors: not_found, access_denied, io; a directory is one. The detail is "PATH: why".
Result<std::string> read_text_file(const std::string& path);

}  // namespace kvfs
