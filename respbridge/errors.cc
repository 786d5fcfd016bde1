#include "respbridge/errors.h"

namespace kvfs::resp {

std::string error_text(const Error& error) {
  const std::string text = error.message();
  switch (error.code) {
    case Errc::wrong_type:
      return std::string(kWrongType);
    case Errc::no_space:
      return "OOM command not allowed: no space left: " + text;
    case Errc::quota_exceeded:
      return "OOM command not allowed: " + text;
    case Errc::read_only:
      return "READONLY You can't write against a read only store: " + text;
    case Errc::not_permitted:
    case Errc::access_denied:
      return "NOPERM " + text;
    case Errc::not_found:
      return std::string(kNoSuchKey);
    case Errc::busy:
      return "BUSY " + text;
    case Errc::precondition_failed:
    case Errc::precondition_required:
    case Errc::exists:
    case Errc::not_directory:
    case Errc::is_directory:
    case Errc::not_empty:
    case Errc::invalid:
    case Errc::name_too_long:
    case Errc::key_too_long:
    case Errc::value_too_large:
    case Errc::stale:
    case Errc::cross_tenant:
    case Errc::loop:
    case Errc::too_many_links:
    case Errc::out_of_range:
    case Errc::limit_reached:
    case Errc::timeout:
    case Errc::corrupt:
    case Errc::io:
    case Errc::unsupported:
    case Errc::no_attribute:
      return "ERR " + text;
  }
  return "ERR " + text;
}

}  // namespace kvfs::resp
