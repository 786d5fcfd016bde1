// Prints the documents that are made from the configuration table; run by `ninja config-docs`.
#include <cstdio>
#include <cstring>

#include "daemon/config.h"

int main(int argc, char** argv) {
  const bool ini = argc == 2 && std::strcmp(argv[1], "ini") == 0;
  const bool man = argc == 2 && std::strcmp(argv[1], "man") == 0;
  if (!ini && !man) {
    std::fputs("usage: config-docs ini|man\n", stderr);
    return 2;
  }
  std::fputs((ini ? kvfs::documented_ini() : kvfs::manual_page()).c_str(), stdout);
  return 0;
}
