#include "respbridge/expiry_time.h"

#include "respbridge/numbers.h"

namespace kvfs::resp {

std::optional<int64_t> expiry_time(Call& call, std::string_view argument, TimeForm form, bool positive) {
  const std::optional<int64_t> number = parse_integer(argument);
  if (!number) {
    call.not_an_integer();
    return std::nullopt;
  }
  int64_t at_ms = *number;
  bool fits = !positive || *number > 0;
  if (form.seconds) fits &= !__builtin_mul_overflow(at_ms, int64_t{1000}, &at_ms);
  if (!form.absolute) fits &= !__builtin_add_overflow(at_ms, static_cast<int64_t>(call.now_ms()), &at_ms);
  if (fits) return at_ms;
  call.reply.error("ERR invalid expire time in '" + std::string(call.spec.name) + "' command");
  return std::nullopt;
}

}  // namespace kvfs::resp
