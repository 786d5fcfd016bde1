// Hostile bytes as a batch: an error that shows nothing, or operations that encode to a batch with the same meaning.
#include <cstdlib>
#include <string>

#include "store/engine/batch.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using namespace kvfs;

// Encodes what it is shown.
struct Encoder : BatchVisitor {
  Batch batch;
  void put(std::string_view key, std::string_view value) override { batch.put(key, value); }
  void erase(std::string_view key) override { batch.erase(key); }
  void release_chunk(const ChunkRef& ref) override { batch.release_chunk(ref); }
  void note(std::string_view bytes) override { batch.note(bytes); }
};

}  // namespace

std::vector<std::string> fuzz_corpus() {
  Batch batch;
  batch.put("key", "value");
  batch.put("k", std::string(200, 'v'));
  batch.erase("gone");
  batch.release_chunk({1, 2, 3, 4});
  batch.note("note");
  Batch large;
  large.put(std::string(kRowKeyBytesMax, 'k'), std::string(70'000, 'v'));
  return {std::string(batch.payload()), std::string(large.payload()), ""};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Encoder first;
  if (!decode_batch(bytes, first)) {
    if (!first.batch.empty()) std::abort();
    return 0;
  }
  Encoder second;
  if (!decode_batch(first.batch.payload(), second)) std::abort();
  if (first.batch.payload() != second.batch.payload()) std::abort();
  return 0;
}
