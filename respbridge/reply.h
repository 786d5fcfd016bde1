// Replies of the Redis protocol, versions 2 and 3, written at the end of one output buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kvfs::resp {

/// What version 2 has no form for is written in the form that Redis gives it there: maps as flat arrays, sets and
/// pushes as arrays, doubles and big numbers as strings, booleans as integers.
class Reply {
 public:
  Reply(std::string& out, int protocol) : out_(out), protocol_(protocol) {}

  int protocol() const { return protocol_; }
  std::string& buffer() { return out_; }

  void ok() { out_.append("+OK\r\n"); }
  void status(std::string_view text);
  /// `text` begins with its code ("ERR ...", "WRONGTYPE ..."). Line ends in it become spaces, but for those at its end.
  void error(std::string_view text);
  void integer(int64_t value);
  void bulk(std::string_view bytes);
  /// Makes room for a bulk string of `length` bytes; returns where they go. Valid until the buffer is written to again.
  /// Ends the string itself.
  char* bulk_space(size_t length);
  void null();        // where a string could be
  void null_array();  // where an array could be
  void array(size_t count);
  void map(size_t pairs);
  void set(size_t count);
  void push(size_t count);
  /// The pairs that follow tell of the reply after them. REQUIRES: version 3.
  void attribute(size_t pairs);
  void number(double value);
  void boolean(bool value);
  void big_number(std::string_view digits);
  void verbatim(std::string_view text);

 private:
  void header(char type, uint64_t count);
  std::string& out_;
  int protocol_;
};

}  // namespace kvfs::resp
