#!/usr/bin/env python3
"""Turns a file into a C++ source that holds its bytes: embed.py INPUT OUTPUT NAME."""
import sys

PIECE = 8000  # some compilers limit the length of one literal

source, target, name = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    text = file.read()
pieces = [text[i:i + PIECE] for i in range(0, len(text), PIECE)]
with open(target, "w", encoding="utf-8") as file:
    file.write('#include "httpbridge/embedded.h"\n\n#include <string>\n\nnamespace kvfs::http {\n\n')
    file.write(f"std::string_view {name}() {{\n  static const std::string bytes = std::string()")
    for piece in pieces:
        file.write(f' +\n      R"KVFS({piece})KVFS"')
    file.write(";\n  return bytes;\n}\n\n}  // namespace kvfs::http\n")
