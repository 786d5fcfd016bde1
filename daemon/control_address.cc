#include "daemon/control_address.h"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

namespace kvfs {

ControlAddress::ControlAddress(const std::string& store_path) : path_(store_path + "/" + kControlSocket) {
  if (path_.size() < sizeof(sockaddr_un::sun_path)) return;
  directory_ = ::open(store_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  path_ = "/proc/self/fd/" + std::to_string(directory_) + "/" + kControlSocket;
}

ControlAddress::~ControlAddress() {
  if (directory_ >= 0) ::close(directory_);
}

}  // namespace kvfs
