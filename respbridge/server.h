// The Redis door: listeners, threads, and the end of both. Sessions and commands are behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "respbridge/options.h"
#include "store/result.h"

namespace kvfs {
class Store;
}

namespace kvfs::resp {

/// Thread safety: all functions may be called from any thread.
class RespServer {
 public:
  /// What the process around the door lends it; all may be empty.
  struct Hooks {
    std::function<void()> shutdown;  // SHUTDOWN was given (with enable_shutdown): end the process in an orderly way
    std::string version;             // of kvfs, for INFO
  };

  /// Binds all addresses, makes the tenants of the keys, starts the threads; answers when it returns.
  /// `store` must outlive the server. Errors, each saying what to do: invalid (an address, a key, a non-loopback
  /// listener without keys, certificate), busy (port or socket in use), access_denied (privileged port), io.
  static Result<std::unique_ptr<RespServer>> start(Store& store, RespOptions options, Hooks hooks = {});
  ~RespServer();

  /// The bound ports, in the order of RespOptions::listen; 0 for Unix sockets.
  std::vector<uint16_t> ports() const;
  /// The addresses as a person would type them: "redis://127.0.0.1:6379".
  std::vector<std::string> urls() const;

  /// What replaces keys, rates and certificates without touching connections (SIGHUP), and cannot fail: who has
  /// authenticated stays so. Until it is called everything stays as it was. Errors: invalid.
  Result<std::function<void()>> prepare_reload(const RespOptions& options);

  /// Closes listeners, sends the replies of what has been executed, closes connections. Idempotent.
  void stop();

 private:
  class Impl;
  explicit RespServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvfs::resp
