#include "httpbridge/http_date.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace kvfs::http {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"Thu", "Fri", "Sat", "Sun",
                                                   "Mon", "Tue", "Wed"};  // 1970-01-01 first
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kSecondsMin = -62135596800;  // year 1
constexpr int64_t kSecondsMax = 253402300799;  // end of year 9999

struct Civil {
  int64_t year;
  unsigned month;  // 1..12
  unsigned day;    // 1..31
};

// The civil calendar from days since 1970, by eras of 400 years that begin on March 1.
Civil civil_from_days(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned march_month = (5 * day_of_year + 2) / 153;
  const unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {static_cast<int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * march_month + 2) / 5 + 1};
}

int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + static_cast<int64_t>(year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year) -
         719468;
}

void append_padded(std::string& out, int64_t number, int digits) {
  char text[20];
  for (int i = digits - 1; i >= 0; --i, number /= 10) text[i] = static_cast<char>('0' + number % 10);
  out.append(text, static_cast<size_t>(digits));
}

void append_clock(std::string& out, int64_t second_of_day) {
  append_padded(out, second_of_day / 3600, 2);
  out.push_back(':');
  append_padded(out, second_of_day / 60 % 60, 2);
  out.push_back(':');
  append_padded(out, second_of_day % 60, 2);
}

int64_t floor_div(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

bool parse_digits(std::string_view text, size_t at, size_t count, int64_t& out) {
  const char* const end = text.data() + at + count;
  const auto [stop, error] = std::from_chars(text.data() + at, end, out);
  return error == std::errc() && stop == end && text[at] != '-';
}

/// `clock`: "08:49:37".
std::optional<int64_t> seconds_of(std::string_view day_text, std::string_view month_text, int64_t year,
                                  std::string_view clock) {
  const auto month = std::find(kMonths.begin(), kMonths.end(), month_text);
  int64_t day = 0, hour = 0, minute = 0, second = 0;
  if (month == kMonths.end() || clock[2] != ':' || clock[5] != ':' ||
      !parse_digits(day_text, 0, day_text.size(), day) || !parse_digits(clock, 0, 2, hour) ||
      !parse_digits(clock, 3, 2, minute) || !parse_digits(clock, 6, 2, second))
    return std::nullopt;
  if (day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto month_number = static_cast<unsigned>(month - kMonths.begin()) + 1;
  return days_from_civil(year, month_number, static_cast<unsigned>(day)) * 86400 + hour * 3600 + minute * 60 + second;
}

}  // namespace

std::string format_http_date(int64_t unix_seconds) {
  unix_seconds = std::clamp(unix_seconds, kSecondsMin, kSecondsMax);
  const int64_t days = floor_div(unix_seconds, 86400);
  const Civil date = civil_from_days(days);
  std::string out;
  out.reserve(29);
  out.append(kDays[static_cast<size_t>(((days % 7) + 7) % 7)]).append(", ");
  append_padded(out, date.day, 2);
  out.append(" ").append(kMonths[date.month - 1]).append(" ");
  append_padded(out, date.year, 4);
  out.push_back(' ');
  append_clock(out, unix_seconds - days * 86400);
  out.append(" GMT");
  return out;
}

std::optional<int64_t> parse_http_date(std::string_view text, int64_t unix_seconds_now) {
  if (text.size() == 29 && text.substr(3, 2) == ", " && text[7] == ' ' && text[11] == ' ' && text[16] == ' ' &&
      text.substr(25) == " GMT") {
    int64_t year = 0;
    if (!parse_digits(text, 12, 4, year)) return std::nullopt;
    return seconds_of(text.substr(5, 2), text.substr(8, 3), year, text.substr(17, 8));
  }
  if (text.size() == 24 && text[3] == ' ' && text[7] == ' ' && text[10] == ' ' && text[19] == ' ') {
    int64_t year = 0;
    if (!parse_digits(text, 20, 4, year)) return std::nullopt;
    return seconds_of(text.substr(text[8] == ' ' ? 9 : 8, text[8] == ' ' ? 1 : 2), text.substr(4, 3), year,
                      text.substr(11, 8));
  }
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  text.remove_prefix(comma);
  if (text.size() != 24 || text[1] != ' ' || text[4] != '-' || text[8] != '-' || text[11] != ' ' ||
      text.substr(20) != " GMT")
    return std::nullopt;
  int64_t year = 0;
  if (!parse_digits(text, 9, 2, year)) return std::nullopt;
  const int64_t this_year = civil_from_days(floor_div(unix_seconds_now, 86400)).year;
  year += this_year / 100 * 100;
  if (year > this_year + 50) year -= 100;
  return seconds_of(text.substr(2, 2), text.substr(5, 3), year, text.substr(12, 8));
}

void append_rfc3339(std::string& out, int64_t unix_ns) {
  const int64_t seconds = std::clamp(floor_div(unix_ns, 1'000'000'000), kSecondsMin, kSecondsMax);
  const int64_t days = floor_div(seconds, 86400);
  const Civil date = civil_from_days(days);
  append_padded(out, date.year, 4);
  out.push_back('-');
  append_padded(out, date.month, 2);
  out.push_back('-');
  append_padded(out, date.day, 2);
  out.push_back('T');
  append_clock(out, seconds - days * 86400);
  out.push_back('.');
  append_padded(out, (unix_ns - floor_div(unix_ns, 1'000'000'000) * 1'000'000'000) / 1'000'000, 3);
  out.push_back('Z');
}

}  // namespace kvfs::http
