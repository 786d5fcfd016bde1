#include "store/key.h"

#include <fmt/format.h>

#include <cassert>
#include <cstring>

#include "store/byte_order.h"

namespace kvfs {

namespace {

std::string row(Table table, size_t reserve) {
  std::string out;
  out.reserve(1 + reserve);
  out.push_back(static_cast<char>(table));
  return out;
}

std::string row_of(Table table, uint64_t id) {
  std::string out = row(table, 8);
  append_be64(out, id);
  return out;
}

}  // namespace

Result<void> check_key(std::string_view key) {
  if (key.size() > kKeyBytesMax)
    return {Errc::key_too_long, fmt::format("the key has {} bytes; at most {} are allowed", key.size(), kKeyBytesMax)};
  return check_tree_key(key);
}

Result<void> check_tree_key(std::string_view key) {
  constexpr size_t kBytesMax = kDirectoryPathBytesMax + kComponentBytesMax;
  if (key.empty()) return {Errc::invalid, "the key is empty"};
  if (key.size() > kBytesMax)
    return {Errc::key_too_long, fmt::format("the key has {} bytes; at most {} are possible", key.size(), kBytesMax)};
  KeyComponents components(key);
  std::string_view component;
  bool more = true;
  while (more) {
    more = components.next_directory(component);
    if (!more) component = components.last();
    if (component.size() > kComponentBytesMax)
      return {Errc::name_too_long, fmt::format("a component of the key has {} bytes; at most {} are allowed",
                                               component.size(), kComponentBytesMax)};
  }
  return {};
}

Result<void> check_name(std::string_view name, std::string_view what) {
  if (name.empty()) return {Errc::invalid, fmt::format("the {} name is empty", what)};
  if (name.size() > kTenantNameBytesMax)
    return {Errc::name_too_long,
            fmt::format("the {} name has {} bytes; at most {} are allowed", what, name.size(), kTenantNameBytesMax)};
  if (name.find('/') != name.npos || name.find('\0') != name.npos)
    return {Errc::invalid, fmt::format("the {} name must not hold '/' or NUL", what)};
  if (name == "." || name == ".." || name == ".kvfs")
    return {Errc::invalid, fmt::format("'{}' is reserved and cannot be a {} name", name, what)};
  if (name.starts_with("%:")) return {Errc::invalid, fmt::format("a {} name must not begin with '%:'", what)};
  return {};
}

bool KeyComponents::next_directory(std::string_view& component) {
  const size_t slash = rest_.find('/');
  if (slash == rest_.npos) return false;
  component = rest_.substr(0, slash);
  rest_.remove_prefix(slash + 1);
  return true;
}

std::string dirent_row(const Slot& slot) {
  std::string out = row(Table::dirent, 9 + slot.name.size());
  append_be64(out, slot.dir);
  out.append(slot.name);
  if (slot.directory) out.push_back('/');
  return out;
}

DirentRow::DirentRow(const Slot& slot) : size_(1 + sizeof(DirId) + slot.name.size() + (slot.directory ? 1 : 0)) {
  assert(slot.name.size() <= kComponentBytesMax);
  bytes_[0] = static_cast<char>(Table::dirent);
  const DirId dir = __builtin_bswap64(slot.dir);
  std::memcpy(bytes_ + 1, &dir, sizeof dir);
  if (!slot.name.empty()) std::memcpy(bytes_ + 1 + sizeof dir, slot.name.data(), slot.name.size());
  if (slot.directory) bytes_[size_ - 1] = '/';
}

std::string dirent_prefix(DirId dir) { return row_of(Table::dirent, dir); }
std::string parent_row(DirId dir) { return row_of(Table::parent, dir); }
std::string chunk_prefix(Inode inode) { return row_of(Table::chunk, inode); }
std::string inode_row(Inode inode) { return row_of(Table::inode, inode); }
std::string orphan_row(Inode inode) { return row_of(Table::orphan, inode); }
std::string element_prefix(uint64_t owner) { return row_of(Table::element, owner); }
std::string garbage_row(uint64_t owner) { return row_of(Table::garbage, owner); }

std::string member_row(uint64_t owner, uint64_t hash) {
  std::string out = row(Table::element, 17);
  append_be64(out, owner);
  out.push_back(kMemberElement);
  append_be64(out, hash);
  return out;
}

MemberRow::MemberRow(uint64_t owner, uint64_t hash) {
  bytes_[0] = static_cast<char>(Table::element);
  const uint64_t numbers[] = {__builtin_bswap64(owner), __builtin_bswap64(hash)};
  std::memcpy(bytes_ + 1, &numbers[0], 8);
  bytes_[9] = kMemberElement;
  std::memcpy(bytes_ + 10, &numbers[1], 8);
}

std::string settings_row(DirId dir) { return row_of(Table::settings, dir); }

std::string chunk_row(Inode inode, uint32_t chunk) {
  std::string out = row(Table::chunk, 12);
  append_be64(out, inode);
  append_be32(out, chunk);
  return out;
}

std::string expiry_row(DirId tenant, uint64_t expires_ms, const Slot& slot) {
  std::string out = row(Table::expiry, 24 + slot.name.size());
  append_be64(out, tenant);
  append_be64(out, expires_ms);
  append_be64(out, slot.dir);
  out.append(slot.name);
  return out;
}

std::string meta_row(std::string_view name) {
  std::string out = row(Table::meta, name.size());
  out.append(name);
  return out;
}

Result<Slot> parse_dirent_row(std::string_view bytes) {
  if (bytes.size() < 9 || bytes[0] != static_cast<char>(Table::dirent))
    return {Errc::corrupt, "malformed key of a directory entry row"};
  Slot slot;
  slot.dir = load_be64(bytes.data() + 1);
  slot.name = bytes.substr(9);
  if (slot.name.ends_with('/')) {
    slot.directory = true;
    slot.name.remove_suffix(1);
  }
  if (slot.name.find('/') != slot.name.npos || slot.name.size() > kComponentBytesMax)
    return {Errc::corrupt, "malformed name in a directory entry row"};
  return slot;
}

Result<ExpiryRow> parse_expiry_row(std::string_view bytes) {
  if (bytes.size() < 25 || bytes[0] != static_cast<char>(Table::expiry))
    return {Errc::corrupt, "malformed key of an expiry row"};
  ExpiryRow out;
  out.tenant = load_be64(bytes.data() + 1);
  out.expires_ms = load_be64(bytes.data() + 9);
  out.slot.dir = load_be64(bytes.data() + 17);
  out.slot.name = bytes.substr(25);
  return out;
}

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    if (static_cast<unsigned char>(end.back()) != 0xff) {
      end.back() = static_cast<char>(end.back() + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

}  // namespace kvfs
