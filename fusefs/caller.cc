#include "fusefs/caller.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <string>

namespace kvfs {

bool is_in_group(const Caller& caller, gid_t group) {
  if (caller.gid == group) return true;
  if (caller.pid == 0) return false;
  std::ifstream status("/proc/" + std::to_string(caller.pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("Groups:")) continue;
    std::istringstream groups(line.substr(7));
    for (gid_t one = 0; groups >> one;)
      if (one == group) return true;
    return false;
  }
  return false;
}

uint32_t privileges_taken_by_chown(uint32_t mode, gid_t group, const Caller& caller) {
  uint32_t taken = mode & S_ISUID;
  if ((mode & S_ISGID) != 0 && ((mode & S_IXGRP) != 0 || (caller.uid != 0 && !is_in_group(caller, group))))
    taken |= S_ISGID;
  return taken;
}

uint32_t privileges_taken_by_writing(uint32_t mode, gid_t group, const Caller& caller) {
  return caller.uid == 0 ? 0 : privileges_taken_by_chown(mode, group, caller);
}

}  // namespace kvfs
