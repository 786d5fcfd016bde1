// Asks a kvfs that has a store open to do something: the other end of control_server.h.
#pragma once

#include <string>
#include <vector>

#include "store/progress.h"
#include "store/result.h"

namespace kvfs {

struct ControlRequest {
  std::vector<std::string> words;
  std::string tenant;  // empty: everything
};

/// Waits for the answer, however long it takes. `progress` may be empty. Errors: not_found (nobody has the store at
/// `store_path` open), access_denied, io (it ended without an answer); of the command.
Result<std::string> ask_running(const std::string& store_path, const ControlRequest& request,
                                const ProgressFn& progress = {});

}  // namespace kvfs
