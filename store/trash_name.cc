#include "store/trash_name.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

namespace kvfs {

namespace {

constexpr unsigned kCounterBits = 16;  // of a version; what is above is milliseconds
constexpr size_t kDayAndTimeBytes = std::string_view("20261121T162005").size();

std::string stamp_of(Version id) {
  const uint64_t ms = id >> kCounterBits;
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  return fmt::format("{:%Y%m%dT%H%M%S}.{:03}Z-{}", fmt::gmtime(seconds), ms % 1000,
                     id & ((uint64_t{1} << kCounterBits) - 1));
}

/// The number at the beginning of `text`, which loses it.
std::optional<uint64_t> take_number(std::string_view& text, size_t digits_max) {
  uint64_t number = 0;
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > digits_max) return std::nullopt;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

}  // namespace

std::string trash_name(const Trashed& removed) {
  std::string name = stamp_of(removed.id) + ".";
  std::string path = std::string(removed.collection) + "/" + std::string(removed.key);
  // A file name has neither of these bytes. The name is for people: user.kvfs.path tells it exactly.
  std::replace_if(
      path.begin(), path.end(), [](char c) { return c == '/' || c == '\0'; }, '%');
  const size_t room = kComponentBytesMax - name.size();
  if (path.size() > room) {
    constexpr std::string_view kCut = "~";
    size_t from = path.size() - (room - kCut.size());
    while (from < path.size() && (static_cast<unsigned char>(path[from]) & 0xc0) == 0x80) ++from;  // within a character
    path.replace(0, from, kCut);
  }
  return name + path;
}

std::optional<Version> parse_trash_name(std::string_view name) {
  if (name.size() < kDayAndTimeBytes) return std::nullopt;
  std::tm day{};
  const std::string day_and_time(name.substr(0, kDayAndTimeBytes));
  const char* const end = strptime(day_and_time.c_str(), "%Y%m%dT%H%M%S", &day);
  if (end == nullptr || *end != '\0') return std::nullopt;
  std::string_view rest = name.substr(kDayAndTimeBytes);
  if (!take(rest, ".")) return std::nullopt;
  const auto ms = take_number(rest, 3);
  if (!ms || !take(rest, "Z-")) return std::nullopt;
  const auto counter = take_number(rest, 5);
  if (!counter || !rest.starts_with('.')) return std::nullopt;
  const auto seconds = static_cast<uint64_t>(timegm(&day));
  const Version id = (seconds * 1000 + *ms) << kCounterBits | *counter;
  return name.starts_with(stamp_of(id) + ".") ? std::optional(id) : std::nullopt;
}

std::string seconds_text_ms(uint64_t ms) { return fmt::format("{}.{:03}", ms / 1000, ms % 1000); }

}  // namespace kvfs
