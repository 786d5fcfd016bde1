#include "net/accept_pause.h"

#include <spdlog/spdlog.h>

#include <boost/system/errc.hpp>

namespace kvfs {
namespace {

constexpr std::chrono::minutes kWarnEach{1};

}  // namespace

void AcceptPause::warn(std::string_view address, const boost::system::error_code& why) {
  const auto now = std::chrono::steady_clock::now();
  if (now < silent_until_) return;
  silent_until_ = now + kWarnEach;
  const bool out_of_descriptors =
      why == boost::system::errc::too_many_files_open || why == boost::system::errc::too_many_files_open_in_system;
  spdlog::warn("{}: connections wait, accept failed: {}{}", address, why.message(),
               out_of_descriptors
                   ? "; raise the limit of open files (ulimit -n, LimitNOFILE=) or lower the doors' limits "
                     "of connections"
                   : "");
}

}  // namespace kvfs
