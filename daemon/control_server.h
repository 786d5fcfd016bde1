// The commands of control.h over a socket in the store's directory, for the command line of whoever may open the store.
// One command for each connection, in lines of JSON:
//   -> {"command":["backup","/srv/copy"],"tenant":"acme"}       tenant: nothing else than its own; may be absent
//   <- {"progress":{"step":"copy","done":10,"total":20,"bytes":4096}}            any number of these
//   <- {"answer":"..."}  or  {"error":"exists","message":"..."}                  and the connection ends
#pragma once

#include <memory>
#include <string>

#include "daemon/control.h"

namespace kvfs {

inline constexpr size_t kControlLineBytesMax = 64 * 1024;
inline constexpr size_t kControlConnectionsMax = 16;    // more are turned away
inline constexpr size_t kControlCommandsAtOnceMax = 4;  // more wait

/// Thread safety: used by one thread; the commands run on threads of its own.
class ControlServer {
 public:
  /// Listens in directory `store_path`; the socket is its owner's alone. A socket that a killed process left is
  /// replaced. REQUIRES: the store is held by this process; `store` and `control` outlive this. Errors: io.
  static Result<std::unique_ptr<ControlServer>> start(Store& store, const Control& control,
                                                      const std::string& store_path);
  /// Tells commands under way to give up, and waits for them.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;

 private:
  class Listener;
  explicit ControlServer(std::unique_ptr<Listener> listener);
  std::unique_ptr<Listener> listener_;
};

}  // namespace kvfs
