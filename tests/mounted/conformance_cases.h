// Scripts (system_call_script.h) of what POSIX and Linux say about files, family by family.
#pragma once

#include <ostream>
#include <span>

namespace kvfs::test {

struct ConformanceCase {
  const char* name;
  const char* script;
};

std::span<const ConformanceCase> cases_of_names();
std::span<const ConformanceCase> cases_of_attributes();
std::span<const ConformanceCase> cases_of_permissions();
std::span<const ConformanceCase> cases_of_open_files();
std::span<const ConformanceCase> cases_of_paths();

inline std::ostream& operator<<(std::ostream& out, const ConformanceCase& conformance_case) {
  return out << conformance_case.name;
}

}  // namespace kvfs::test
