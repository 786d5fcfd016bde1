// Files of this folder that are part of the executable; made from them by embed.py at build time.
#pragma once

#include <string_view>

namespace kvfs::http {

std::string_view openapi_document();  // openapi.json
std::string_view console_page();      // console.html

}  // namespace kvfs::http
