// What a store's directory must hold: a part that is gone is not made anew, which would make the others worthless.
#pragma once

#include <string>

#include "store/result.h"

namespace kvfs {

/// Before the base is opened, which makes one. Errors: corrupt (there is none, but a journal or chunks).
Result<void> require_base(const std::string& path);

/// Of a store whose base holds something: an opening of it has once come to its end. Errors: corrupt (names what is
/// missing).
Result<void> require_journal_and_chunks(const std::string& path);

}  // namespace kvfs
