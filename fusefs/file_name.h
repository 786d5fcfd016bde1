// Key components and the file names that stand for them: a bijection (docs/semantics.md, "The mount").
#pragma once

#include <string>
#include <string_view>

#include "store/result.h"

namespace kvfs {

/// The file, inside a directory, that is the value of the directory's own key. Stands for no component.
inline constexpr std::string_view kOwnValueName = "%:value";
/// Escaped components begin with this.
inline constexpr std::string_view kEscapePrefix = "%:";

/// The name under which `component` appears. The component itself, unless it is empty, ".", "..", holds NUL or begins
/// with "%:": these are "%:" and the percent-encoding of the component (all but A-Z a-z 0-9 - . _ ~).
std::string to_file_name(std::string_view component);

/// The component that `file_name` stands for; a view into `file_name` or, where it had to be decoded, into `buffer`.
/// Errors: invalid (begins with "%:" and is not what to_file_name() makes; "%:value" is one of these).
Result<std::string_view> to_component(std::string_view file_name, std::string& buffer);

}  // namespace kvfs
