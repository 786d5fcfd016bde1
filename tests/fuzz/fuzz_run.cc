// Runs a fuzz target on some thousand mutations of its corpus, where there is no libFuzzer. KVFS_TEST_SEED repeats a
// run, KVFS_TEST_INPUTS lengthens it.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/fuzz/fuzz_target.h"

namespace {

using Random = std::mt19937_64;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

std::string random_bytes(Random& random, size_t most) {
  std::string bytes(random() % (most + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

void mutate(std::string& input, const std::vector<std::string>& corpus, Random& random) {
  const size_t at = input.empty() ? 0 : random() % input.size();
  switch (random() % 8) {
    case 0:
    case 1:
      if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << random() % 8));
      break;
    case 2:
      if (!input.empty()) input[at] = static_cast<char>(random());
      break;
    case 3:
      input.resize(at);
      break;
    case 4:
      input.insert(at, random_bytes(random, 16));
      break;
    case 5:
      input.erase(at, random() % 16);
      break;
    case 6: {  // numbers that lengths and offsets trip over
      static constexpr uint64_t kNumbers[] = {0, 1, 0x7f, 0x80, 0xffff, 0x7fffffff, 0xffffffff, UINT64_MAX};
      const uint64_t number = kNumbers[random() % 8];
      const size_t bytes = size_t{1} << random() % 4;
      input.replace(at, bytes, reinterpret_cast<const char*>(&number), bytes);
      break;
    }
    default: {
      const std::string& other = corpus[random() % corpus.size()];
      input.resize(at);
      input += other.substr(other.empty() ? 0 : random() % other.size());
      break;
    }
  }
}

}  // namespace

int main() {
  const uint64_t seed = from_environment("KVFS_TEST_SEED", std::random_device{}());
  const uint64_t inputs = from_environment("KVFS_TEST_INPUTS", 4000);
  std::printf("KVFS_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Random random(seed);
  std::vector<std::string> corpus = fuzz_corpus();
  corpus.push_back(random_bytes(random, 64));
  for (uint64_t i = 0; i < inputs; ++i) {
    std::string input = corpus[i % corpus.size()];
    for (uint64_t times = i < corpus.size() ? 0 : 1 + random() % 4; times > 0; --times) mutate(input, corpus, random);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
  return 0;
}
