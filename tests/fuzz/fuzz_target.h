// What a fuzz target gives to libFuzzer, and to the seeded run of the unit suite (fuzz_run.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Any bytes; must return 0, and abort where something does not hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/// Well-formed inputs to begin with.
std::vector<std::string> fuzz_corpus();
