// A change as one JSON object: what every feed that clients read says.
#pragma once

#include <string>

#include "store/changes.h"

namespace kvfs {

/// {"kind":...,"collection":...,"key":...,"version":...,"id":...}; bytes that are not UTF-8 as NAME_base64. With
/// `with_tenant`, "tenant" comes first: for those who see several.
void append_change_json(std::string& out, const Change& change, bool with_tenant);

}  // namespace kvfs
