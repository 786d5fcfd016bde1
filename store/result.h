// The result type of every expected outcome, and the one list of error codes.
// Doors map Errc to errno, HTTP status and RESP errors; nothing here knows of them.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace kvfs {

enum class Errc {
  not_found,              // no such key, entry, tenant, collection or snapshot
  exists,                 // the name is taken and the caller wanted it free
  not_directory,          // a path component is not a directory
  is_directory,           // a directory where a value is needed
  not_empty,              // the directory has entries
  invalid,                // malformed key, name, argument or option
  name_too_long,          // a component longer than kComponentBytesMax
  key_too_long,           // a key longer than kKeyBytesMax
  value_too_large,        // a value beyond the limit named in the detail
  precondition_failed,    // if_match / if_absent did not hold
  precondition_required,  // the collection takes no change without a condition
  stale,                  // the inode or handle no longer exists
  not_permitted,          // forbidden by a rule, whoever asks (EPERM)
  access_denied,          // forbidden for this caller (EACCES)
  no_space,               // disk or max_size reached
  quota_exceeded,         // the tenant's quota reached
  read_only,              // the store does not take writes now; the detail says why
  cross_tenant,           // would span tenants (EXDEV)
  loop,                   // a directory moved below itself
  too_many_links,         // link count limit
  wrong_type,             // operation against a value of another type
  out_of_range,           // number overflow, bad offset
  busy,                   // held by somebody else; the detail says by whom
  limit_reached,          // a named limit, in the detail
  timeout,                // took longer than its limit
  corrupt,                // damaged data; the detail names where
  io,                     // the operating system reported an error
  unsupported,            // not offered by this engine or type
  no_attribute,           // no such extended attribute
};

/// A stable lower-case name such as "not_found".
std::string_view to_string(Errc code);

/// What was refused and why. `detail` is for people and may be empty for frequent outcomes (not_found).
struct Error {
  Errc code;
  std::string detail;

  /// The detail, or the code's name where there is none.
  std::string message() const;
};

inline bool operator==(const Error& a, const Error& b) { return a.code == b.code; }

/// Thrown where an outcome is truly exceptional: damaged data, an I/O error while reading.
/// Each door catches it once per request.
class StoreException : public std::runtime_error {
 public:
  explicit StoreException(Error error) : std::runtime_error(error.message()), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

/// Found by argument-dependent lookup when value() is called on a failed Result.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

/// A value or an Error. `if (!r) return r.error();` propagates.
template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
  Result(Errc code, std::string detail = {}) : boost::system::result<T, Error>(Error{code, std::move(detail)}) {}
};

}  // namespace kvfs
