// The Redis door alone over a store in memory (or in a directory), for tests by real clients. Prints the port, serves
// until its standard input ends.
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>

#include "respbridge/server.h"
#include "store/store.h"

int main(int argc, char** argv) {
  kvfs::StoreOptions store_options;
  store_options.engine.kind = "memory";
  kvfs::resp::RespOptions options;
  options.listen = {"127.0.0.1:0"};
  options.enable_debug = true;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--listen") {
      options.listen.push_back(value);
    } else if (name == "--path") {
      store_options.engine.kind = "lmdb";
      store_options.engine.path = value;
    } else if (name == "--key") {
      options.keys.push_back({"app", value, "", "acme", false, true});
    } else if (name == "--certificate") {
      options.tls.certificate_file = value;
    } else if (name == "--certificate-key") {
      options.tls.key_file = value;
    } else if (name == "--push-bytes-max") {
      options.push_bytes_max = std::stoull(value);
    } else if (name == "--connections-max") {
      options.connections_max = std::stoull(value);
    } else if (name == "--write-timeout-ms") {
      options.write_timeout_ms = static_cast<uint32_t>(std::stoul(value));
    } else if (name == "--arguments-max") {
      options.arguments_max = std::stoull(value);
    } else if (name == "--bulk-bytes-max") {
      options.bulk_bytes_max = std::stoull(value);
    } else if (name == "--inline-bytes-max") {
      options.inline_bytes_max = std::stoull(value);
    } else if (name == "--query-buffer-bytes-max") {
      options.query_buffer_bytes_max = std::stoull(value);
    } else {
      std::cerr << "unknown option " << name << "\n";
      return 2;
    }
  }
  auto store = kvfs::Store::open(store_options);
  if (!store) {
    std::cerr << store.error().message() << "\n";
    return 1;
  }
  auto server = kvfs::resp::RespServer::start(**store, options);
  if (!server) {
    std::cerr << server.error().message() << "\n";
    return 1;
  }
  for (const uint16_t port : (*server)->ports()) std::printf("%u ", port);
  std::printf("\n");
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  (*server)->stop();
  return 0;
}
