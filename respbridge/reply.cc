#include "respbridge/reply.h"

#include <charconv>

#include "respbridge/numbers.h"

namespace kvfs::resp {

namespace {

void append_line(std::string& out, char type, int64_t value) {
  char buffer[24];
  buffer[0] = type;
  char* end = std::to_chars(buffer + 1, buffer + sizeof buffer - 2, value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(buffer, static_cast<size_t>(end - buffer));
}

}  // namespace

void Reply::header(char type, uint64_t count) { append_line(out_, type, static_cast<int64_t>(count)); }

void Reply::status(std::string_view text) {
  out_.push_back('+');
  out_.append(text).append("\r\n");
}

void Reply::error(std::string_view text) {
  while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);
  out_.push_back('-');
  for (const char c : text) out_.push_back(c == '\r' || c == '\n' ? ' ' : c);
  out_.append("\r\n");
}

void Reply::integer(int64_t value) { append_line(out_, ':', value); }

void Reply::bulk(std::string_view bytes) {
  header('$', bytes.size());
  out_.append(bytes).append("\r\n");
}

char* Reply::bulk_space(size_t length) {
  header('$', length);
  const size_t begin = out_.size();
  out_.resize(begin + length);
  out_.append("\r\n");
  return out_.data() + begin;
}

void Reply::null() { out_.append(protocol_ >= 3 ? "_\r\n" : "$-1\r\n"); }
void Reply::null_array() { out_.append(protocol_ >= 3 ? "_\r\n" : "*-1\r\n"); }
void Reply::array(size_t count) { header('*', count); }

void Reply::map(size_t pairs) {
  if (protocol_ >= 3)
    header('%', pairs);
  else
    header('*', pairs * 2);
}

void Reply::set(size_t count) { header(protocol_ >= 3 ? '~' : '*', count); }
void Reply::push(size_t count) { header(protocol_ >= 3 ? '>' : '*', count); }

void Reply::attribute(size_t pairs) { header('|', pairs); }

void Reply::number(double value) {
  const std::string text = format_double(value);
  if (protocol_ >= 3)
    out_.append(",").append(text).append("\r\n");
  else
    bulk(text);
}

void Reply::boolean(bool value) {
  if (protocol_ >= 3)
    out_.append(value ? "#t\r\n" : "#f\r\n");
  else
    integer(value ? 1 : 0);
}

void Reply::big_number(std::string_view digits) {
  if (protocol_ >= 3)
    out_.append("(").append(digits).append("\r\n");
  else
    bulk(digits);
}

void Reply::verbatim(std::string_view text) {
  if (protocol_ < 3) return bulk(text);
  header('=', text.size() + 4);
  out_.append("txt:").append(text).append("\r\n");
}

}  // namespace kvfs::resp
