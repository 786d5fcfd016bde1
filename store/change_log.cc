#include "store/change_log.h"

#include <array>
#include <cstring>

namespace kvfs {
namespace {

constexpr size_t kTexts = 7;
constexpr size_t kKeptBytesMax = 256 * 1024;

enum Flag : uint8_t {
  created_flag = 1,
  name_in_key_flag = 2,  // the key ends with the name, which therefore does not follow
};

// In memory only. The texts follow.
struct Record {
  uint64_t id;
  DirId dir;
  Inode inode;
  uint64_t size;
  Version version;
  DirId to_dir;
  Inode replaced_inode;
  std::string_view event;
  Origin origin;
  std::array<uint16_t, kTexts> text_bytes;  // keys and names are shorter than that: key.h
  ChangeKind kind;
  ValueType type;
  Kind node;
  uint8_t flags;
};

constexpr size_t kKeyText = 2;
constexpr size_t kNameText = 3;

template <class AnyChange>
auto texts_of(AnyChange& change) {
  return std::array{&change.tenant,        &change.collection, &change.key,    &change.name,
                    &change.to_collection, &change.to_key,     &change.to_name};
}

Record record_at(std::string_view bytes) {
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  return record;
}

template <class AnyChange>
void pack(const AnyChange& change, std::string& out) {
  const bool name_in_key = std::string_view(change.key).ends_with(change.name);
  Record record{change.id,
                change.dir,
                change.inode,
                change.size,
                change.version,
                change.to_dir,
                change.replaced_inode,
                change.event,
                change.origin,
                {},
                change.kind,
                change.type,
                change.node,
                static_cast<uint8_t>((change.created ? created_flag : 0) | (name_in_key ? name_in_key_flag : 0))};
  const auto texts = texts_of(change);
  size_t bytes = sizeof record;
  for (size_t i = 0; i < kTexts; ++i) {
    record.text_bytes[i] = static_cast<uint16_t>(texts[i]->size());
    if (i != kNameText || !name_in_key) bytes += texts[i]->size();
  }
  const size_t begin = out.size();
  if (out.capacity() < begin + bytes) out.reserve(2 * (begin + bytes));
  out.append(reinterpret_cast<const char*>(&record), sizeof record);
  for (size_t i = 0; i < kTexts; ++i)
    if (i != kNameText || !name_in_key) out.append(*texts[i]);
}

}  // namespace

void ChangeLog::add(const Change& change) {
  pack(change, bytes_);
  ends_.push_back(bytes_.size());
}

void ChangeLog::add(const ChangeView& change) {
  pack(change, bytes_);
  ends_.push_back(bytes_.size());
}

void ChangeLog::append(const ChangeLog& other) {
  const size_t begin = bytes_.size();
  bytes_.append(other.bytes_);
  for (const size_t end : other.ends_) ends_.push_back(begin + end);
}

void ChangeLog::pop_back() {
  ends_.pop_back();
  bytes_.resize(ends_.empty() ? 0 : ends_.back());
}

void ChangeLog::clear() {
  if (bytes_.capacity() > kKeptBytesMax) {
    bytes_ = {};
    ends_ = {};
  }
  bytes_.clear();
  ends_.clear();
}

Change ChangeLog::at(size_t i) const { return unpack_change(packed(i)); }

std::vector<Change> ChangeLog::all() const {
  std::vector<Change> out;
  out.reserve(size());
  for (size_t i = 0; i < size(); ++i) out.push_back(at(i));
  return out;
}

uint64_t id_of_packed(std::string_view bytes) { return record_at(bytes).id; }

Change unpack_change(std::string_view bytes) {
  const Record record = record_at(bytes);
  Change change;
  change.id = record.id;
  change.kind = record.kind;
  change.origin = record.origin;
  change.created = (record.flags & created_flag) != 0;
  change.type = record.type;
  change.node = record.node;
  change.dir = record.dir;
  change.inode = record.inode;
  change.size = record.size;
  change.version = record.version;
  change.event = record.event;
  change.to_dir = record.to_dir;
  change.replaced_inode = record.replaced_inode;
  const bool name_in_key = (record.flags & name_in_key_flag) != 0;
  const auto texts = texts_of(change);
  size_t at = sizeof record;
  for (size_t i = 0; i < kTexts; ++i) {
    if (i == kNameText && name_in_key) {
      *texts[i] = texts[kKeyText]->substr(texts[kKeyText]->size() - record.text_bytes[i]);
      continue;
    }
    texts[i]->assign(bytes.substr(at, record.text_bytes[i]));
    at += record.text_bytes[i];
  }
  return change;
}

}  // namespace kvfs
