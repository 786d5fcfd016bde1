// Which paths lead into a file system, found out without asking that file system anything: so that a request of the
// daemon's own mount may ask, while nobody else may be there to answer.
#pragma once

#include <sys/types.h>

#include <string>

namespace kvfs {

/// Of what is mounted or lies at the path; 0: not found out.
dev_t device_of(const std::string& path);

/// Whether following the absolute path, symbolic links included, leads to the device. What does not exist yet is made
/// where the last part that does exist leads.
bool leads_to_device(const std::string& path, dev_t device);

}  // namespace kvfs
