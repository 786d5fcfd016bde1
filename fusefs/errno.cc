#include "fusefs/errno.h"

#include <cerrno>

namespace kvfs {

int to_errno(Errc code) {
  switch (code) {
    case Errc::not_found:
      return ENOENT;
    case Errc::exists:
      return EEXIST;
    case Errc::not_directory:
      return ENOTDIR;
    case Errc::is_directory:
      return EISDIR;
    case Errc::not_empty:
      return ENOTEMPTY;
    case Errc::invalid:
      return EINVAL;
    case Errc::name_too_long:
      return ENAMETOOLONG;
    case Errc::key_too_long:
      return ENAMETOOLONG;
    case Errc::value_too_large:
      return EFBIG;
    case Errc::precondition_failed:
      return ESTALE;
    case Errc::precondition_required:
      return EPERM;
    case Errc::stale:
      return ESTALE;
    case Errc::not_permitted:
      return EPERM;
    case Errc::access_denied:
      return EACCES;
    case Errc::no_space:
      return ENOSPC;
    case Errc::quota_exceeded:
      return EDQUOT;
    case Errc::read_only:
      return EROFS;
    case Errc::cross_tenant:
      return EXDEV;
    case Errc::loop:
      return EINVAL;  // what rename(2) says of a directory moved below itself
    case Errc::too_many_links:
      return EMLINK;
    case Errc::wrong_type:
      return EINVAL;
    case Errc::out_of_range:
      return ENXIO;  // what lseek(2) says past the end
    case Errc::busy:
      return EBUSY;
    case Errc::limit_reached:
      return ENOBUFS;
    case Errc::timeout:
      return ETIMEDOUT;
    case Errc::corrupt:
      return EIO;
    case Errc::io:
      return EIO;
    case Errc::unsupported:
      return EOPNOTSUPP;
    case Errc::no_attribute:
      return ENODATA;
  }
  return EIO;
}

}  // namespace kvfs
