#include "store/engine/store_parts.h"

#include <filesystem>
#include <string_view>
#include <system_error>

namespace kvfs {
namespace {

namespace fs = std::filesystem;

/// True also where it cannot be told: who opens it is told why.
bool is_present(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) || error;
}

bool holds_any(const std::string& directory, std::string_view extension) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == extension) return true;
  }
  return false;
}

Error missing(const std::string& path) {
  return {Errc::corrupt,
          path + " is missing, though other parts of the store are there: put it back, or restore a backup"};
}

}  // namespace

Result<void> require_base(const std::string& path) {
  const std::string base = path + "/base/data.mdb";
  if (is_present(base)) return {};
  if (holds_any(path + "/journal", ".journal") || holds_any(path + "/chunks", ".chunks")) return missing(base);
  return {};
}

Result<void> require_journal_and_chunks(const std::string& path) {
  for (const char* part : {"/journal", "/chunks"}) {
    if (!is_present(path + part)) return missing(path + part);
  }
  return {};
}

}  // namespace kvfs
