// What is mounted, and making sure that nothing stays mounted: not after a failure, not after an abort.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace kvfs::test {

/// Mount points at or below `directory`, from the kernel's table.
std::vector<std::string> mounts_below(const std::string& directory);
bool is_mounted(const std::string& path);

/// Whether what is mounted at `path` answers that its daemon is gone.
bool has_lost_its_daemon(const std::string& path);

/// Detaches whatever is mounted at `path`, however many times, without asking its daemon.
void detach(const std::string& path);

/// While registered, a signal that ends this process (a time limit, an abort) first kills `pid` and detaches `path`.
/// At most 16 at a time. Thread safety: none.
void register_for_cleanup(const std::string& path, pid_t pid);
void unregister_for_cleanup(const std::string& path);
/// Called once by main().
void install_cleanup_on_signals();

}  // namespace kvfs::test
