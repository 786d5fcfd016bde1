// libFuzzer target: hostile bytes as rows. Decoding them is an error or a value that encodes again, never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/entry.h"
#include "store/key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kvfs;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const Result<Entry> entry = decode_entry(bytes)) {
    const std::string again = encode_entry(*entry);
    if (!decode_entry(again)) std::abort();
    (void)Xattrs::decode(entry->xattrs);
  }
  if (const Result<ChunkRef> ref = decode_chunk_row(bytes))
    if (encode_chunk_row(*ref) != bytes) std::abort();
  if (const Result<Xattrs::Map> map = Xattrs::decode(bytes))
    for (const auto& [name, value] : *map)
      if (!Xattrs::find(bytes, name)) std::abort();
  if (const Result<Slot> slot = parse_dirent_row(bytes))
    if (dirent_row(*slot) != bytes) std::abort();
  if (const Result<ExpiryRow> row = parse_expiry_row(bytes))
    if (expiry_row(row->tenant, row->expires_ms, row->slot) != bytes) std::abort();
  (void)decode_settings(bytes);
  (void)check_key(bytes);
  (void)check_name(bytes, "tenant");
  return 0;
}
