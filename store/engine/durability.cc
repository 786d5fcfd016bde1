#include <charconv>
#include <string>

#include "store/engine/engine.h"

namespace kvfs {
namespace {

constexpr std::string_view kEvery = "every=";
constexpr std::string_view kInterval = "interval=";

Error bad_policy(std::string_view text) {
  return {Errc::invalid, "fsync policy \"" + std::string(text) + "\" is none of default, strict, every=N, interval=MS"};
}

}  // namespace

Result<Durability> parse_durability(std::string_view text) {
  if (text == "default") return Durability{};
  if (text == "strict") return Durability{Durability::Mode::strict, 0};
  Durability durability;
  std::string_view number;
  if (text.starts_with(kEvery)) {
    durability.mode = Durability::Mode::every;
    number = text.substr(kEvery.size());
  } else if (text.starts_with(kInterval)) {
    durability.mode = Durability::Mode::interval;
    number = text.substr(kInterval.size());
  } else {
    return bad_policy(text);
  }
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), durability.n);
  if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size() || durability.n == 0)
    return bad_policy(text);
  return durability;
}

std::string to_string(const Durability& durability) {
  switch (durability.mode) {
    case Durability::Mode::system:
      return "default";
    case Durability::Mode::interval:
      return std::string(kInterval) + std::to_string(durability.n);
    case Durability::Mode::every:
      return std::string(kEvery) + std::to_string(durability.n);
    case Durability::Mode::strict:
      return "strict";
  }
  return "default";
}

}  // namespace kvfs
