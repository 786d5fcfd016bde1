#include "store/result.h"

#include <boost/assert/source_location.hpp>

namespace kvfs {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::not_found:
      return "not_found";
    case Errc::exists:
      return "exists";
    case Errc::not_directory:
      return "not_directory";
    case Errc::is_directory:
      return "is_directory";
    case Errc::not_empty:
      return "not_empty";
    case Errc::invalid:
      return "invalid";
    case Errc::name_too_long:
      return "name_too_long";
    case Errc::key_too_long:
      return "key_too_long";
    case Errc::value_too_large:
      return "value_too_large";
    case Errc::precondition_failed:
      return "precondition_failed";
    case Errc::precondition_required:
      return "precondition_required";
    case Errc::stale:
      return "stale";
    case Errc::not_permitted:
      return "not_permitted";
    case Errc::access_denied:
      return "access_denied";
    case Errc::no_space:
      return "no_space";
    case Errc::quota_exceeded:
      return "quota_exceeded";
    case Errc::read_only:
      return "read_only";
    case Errc::cross_tenant:
      return "cross_tenant";
    case Errc::loop:
      return "loop";
    case Errc::too_many_links:
      return "too_many_links";
    case Errc::wrong_type:
      return "wrong_type";
    case Errc::out_of_range:
      return "out_of_range";
    case Errc::busy:
      return "busy";
    case Errc::limit_reached:
      return "limit_reached";
    case Errc::timeout:
      return "timeout";
    case Errc::corrupt:
      return "corrupt";
    case Errc::io:
      return "io";
    case Errc::unsupported:
      return "unsupported";
    case Errc::no_attribute:
      return "no_attribute";
  }
  return "unknown";
}

std::string Error::message() const { return detail.empty() ? std::string(to_string(code)) : detail; }

void throw_exception_from_error(const Error& error, const boost::source_location&) { throw StoreException(error); }

}  // namespace kvfs
