// strftime in UTC with English names, whatever the process's locale and zone.
#include <chrono>

#include <fmt/format.h>

#include "template/operations.hpp"

namespace zenith::models::jinja {
namespace {

constexpr std::string_view kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};
constexpr std::string_view kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

}  // namespace

std::string format_time(std::string_view format, std::int64_t unix_seconds) {
  using namespace std::chrono;
  constexpr std::int64_t kFar = 253'402'300'799;  // the last second of the year 9999
  const sys_seconds now{seconds{std::min(std::max<std::int64_t>(unix_seconds, 0), kFar)}};
  const auto day = floor<days>(now);
  const year_month_day date{day};
  const hh_mm_ss time{now - day};
  const auto year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month()), of_month = static_cast<unsigned>(date.day());
  const auto week_day = weekday{day}.c_encoding();
  const auto of_year = (day - sys_days{date.year() / January / 1}).count() + 1;
  const auto hour = time.hours().count(), minute = time.minutes().count(), second = time.seconds().count();
  const auto hour12 = hour % 12 == 0 ? 12 : hour % 12;

  std::string out;
  const auto put = [&](auto value, int width, bool plain) {
    out += plain ? fmt::format("{}", value) : fmt::format("{:0{}}", value, width);
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out += format[i];
      continue;
    }
    bool plain = false;
    if (format[i + 1] == '-' && i + 2 < format.size()) {
      plain = true;
      ++i;
    }
    const char c = format[++i];
    switch (c) {
      case 'Y': put(year, 4, true); break;
      case 'y': put(year % 100, 2, plain); break;
      case 'm': put(month, 2, plain); break;
      case 'd': put(of_month, 2, plain); break;
      case 'e': out += fmt::format("{:>2}", of_month); break;
      case 'H': put(hour, 2, plain); break;
      case 'I': put(hour12, 2, plain); break;
      case 'M': put(minute, 2, plain); break;
      case 'S': put(second, 2, plain); break;
      case 'j': put(of_year, 3, plain); break;
      case 'f': out += "000000"; break;
      case 'p': out += hour < 12 ? "AM" : "PM"; break;
      case 'B': out += kMonths[month - 1]; break;
      case 'b':
      case 'h': out += kMonths[month - 1].substr(0, 3); break;
      case 'A': out += kDays[week_day]; break;
      case 'a': out += kDays[week_day].substr(0, 3); break;
      case 'w': put(week_day, 1, true); break;
      case 'u': put(week_day == 0 ? 7U : week_day, 1, true); break;
      case 'U': put((of_year + 6 - static_cast<int>(week_day)) / 7, 2, plain); break;
      case 'W': put((of_year + 6 - (static_cast<int>(week_day) + 6) % 7) / 7, 2, plain); break;
      case 's': out += std::to_string(unix_seconds); break;
      case 'F': out += format_time("%Y-%m-%d", unix_seconds); break;
      case 'D':
      case 'x': out += format_time("%m/%d/%y", unix_seconds); break;
      case 'T':
      case 'X': out += format_time("%H:%M:%S", unix_seconds); break;
      case 'R': out += format_time("%H:%M", unix_seconds); break;
      case 'c': out += format_time("%a %b %e %H:%M:%S %Y", unix_seconds); break;
      case 'Z':
      case 'z': break;  // a time without a zone, as in transformers
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case '%': out += '%'; break;
      default:
        out += '%';
        if (plain) out += '-';
        out += c;
    }
  }
  return out;
}

}  // namespace zenith::models::jinja
