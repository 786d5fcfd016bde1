// Hostile bytes as a connection's requests: each is refused or answered with a proper status, and nothing is thrown.
#include <cstdlib>
#include <string>

#include "httpbridge/request_parser.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/httpbridge/door.h"

namespace {

using namespace kvfs::http;

/// Answers the requests in `bytes` one after the other, as a session does; aborts where an answer is improper.
void converse(Door& door, std::string_view bytes) {
  for (int requests = 0; requests < 20 && !bytes.empty(); ++requests) {
    size_t used = 0;
    const Answer answer = door.feed(bytes, used);
    if (answer.status == 0) return;  // not complete
    if (answer.status < 200 || answer.status > 599) std::abort();
    if (answer.head.find(std::string_view("\r\n\r\n")) != std::string::npos) std::abort();
    if (used == 0) return;
    bytes.remove_prefix(used);
  }
}

}  // namespace

std::vector<std::string> fuzz_corpus() {
  return {
      "PUT /v1/c/k?ttl=5 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nIf-None-Match: *\r\n\r\nhelloGET /v1/c/k "
      "HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\n\r\n",
      "PUT /v1/c/a%2Fb HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: "
      "y\r\n\r\n",
      "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "49\r\n\r\n{\"key\":\"k\",\"value\":{\"a\":[1,2]},\"partialUpdate\":1}",
      "POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "73\r\n\r\n[{\"op\":\"put\",\"key\":\"k\",\"value\":\"AP8=\",\"encoding\":\"base64\",\"if_match\":\"1\"}]",
      "PATCH /v1/c/k HTTP/1.1\r\nHost: x\r\nContent-Type: application/json-patch+json\r\nContent-Length: "
      "43\r\n\r\n[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/-\"}]",
      "GET /v1/c?prefix=a&delimiter=%2F&limit=3&values=1&cursor=YWJj HTTP/1.1\r\nHost: x\r\nAccept: "
      "application/x-ndjson\r\n\r\n",
      "GET /bulk/range?start_key=a&end_key=z HTTP/1.0\r\nX-API-Key: k\r\nAuthorization: Basic YTpi\r\n\r\n",
      "POST /batch HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "37\r\n\r\n{\"items\":[{\"key\":\"a\",\"value\":\"\\ud83d\"}]}",
      "OPTIONS * HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\nPOST /v1/c/n?incr=9223372036854775807 "
      "HTTP/1.1\r\nHost: x\r\n\r\n"};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Door* door = nullptr;
  static int uses = 0;
  if (door == nullptr || ++uses % 500 == 0) {  // a fresh store now and then keeps runs short
    delete door;
    HttpOptions options;
    options.cors_origins = {"http://a"};
    door = new Door(options);
  }
  converse(*door, {reinterpret_cast<const char*>(data), size});
  return 0;
}
