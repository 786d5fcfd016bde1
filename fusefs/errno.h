// The one translation from the store's error codes to errno.
#pragma once

#include "store/result.h"

namespace kvfs {

/// A positive errno value.
int to_errno(Errc code);

}  // namespace kvfs
