#!/usr/bin/env python3
"""Checks what a compiler does not: that the layers hold, that each rule names its test, and the form of files.

usage: tidy.py ROOT. Prints FILE:LINE: what is wrong for each finding; exit status 1 if there is any.
"""
import pathlib
import re
import subprocess
import sys

# A folder may include what stands beside it (and itself); nothing else of the project.
LAYERS = {
    "store": [],
    "net": ["store"],
    "fusefs": ["store"],
    "httpbridge": ["store", "net"],
    "respbridge": ["store", "net"],
    "daemon": ["store", "net", "fusefs", "httpbridge", "respbridge"],
    "tests": ["store", "net", "fusefs", "httpbridge", "respbridge", "daemon"],
}
# Inside the store: the engine knows rows as bytes only, so it may include nothing above it but these.
ENGINE_MAY_INCLUDE = re.compile(r"store/(engine/.*|result\.h|lmdb\.h|byte_order\.h|patience\.h|text\.h|fault_guard\.h)")

# A pattern, where it may occur, and why.
ONLY_IN = [
    (re.compile(r"\bmdb_\w+\s*\(|<lmdb\.h>"), re.compile(r"store/lmdb\.(h|cc)|tests/.*"),
     "LMDB is called by store/lmdb.* alone"),
    (re.compile(r"\bfuse_reply_\w+\s*\("), re.compile(r"fusefs/ops\.cc|tests/bench/memfs\.cc"),
     "requests are answered by fusefs/ops.cc alone"),
    (re.compile(r"boost/(asio|beast)|\basio::"),
     re.compile(r"(net|httpbridge|respbridge|tests)/.*|daemon/control_(server|client)\.cc"),
     "networking belongs to net/, the doors and the control socket"),
    (re.compile(r"<fuse"), re.compile(r"(fusefs|tests)/.*"), "libfuse belongs to fusefs"),
    (re.compile(r"<ini\.h>"), re.compile(r"daemon/ini_file\.cc"), "INI files are read by daemon/ini_file.cc alone"),
]

LINE_LENGTH_MAX = 120
FILE_LINES_MAX = 600
UNFINISHED = re.compile(r"\b(TODO|FIXME|HACK)\b")
CODE = {".cc", ".h"}
TEXT = CODE | {".py", ".sh", ".md", ".build", ".ini", ".txt", ""}
TEST = re.compile(r"\b(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+),\s*(\w+)\s*\)")
RULE_TEST = re.compile(r"\[(\w+\.\w+)\]")

findings = []


def report(path, line, message):
    findings.append(f"{path}:{line}: {message}")


def tracked_files(root):
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:  # not a clone
        names = [str(path.relative_to(root)) for path in root.rglob("*")
                 if path.is_file() and not path.relative_to(root).parts[0].startswith(("build", "."))]
    return [pathlib.PurePath(name) for name in sorted(set(names)) if (root / name).is_file()]


def check_form(path, lines):
    for number, line in enumerate(lines, 1):
        if path.suffix in CODE | {".py"} and len(line) > LINE_LENGTH_MAX:
            report(path, number, f"longer than {LINE_LENGTH_MAX} characters")
        if line != line.rstrip():
            report(path, number, "space at the end of the line")
        if UNFINISHED.search(line) and path.name != "tidy.py":
            report(path, number, "unfinished: " + line.strip())


def check_code(path, lines):
    top = path.parts[0]
    name = path.as_posix()
    if path.suffix == ".h" and "#pragma once" not in lines:
        report(path, 1, "a header without #pragma once")
    if path.suffix == ".h" and not lines[0].startswith("//"):
        report(path, 1, "a header begins with a comment that says its job")
    if len(lines) > FILE_LINES_MAX:
        report(path, 1, f"{len(lines)} lines: more than {FILE_LINES_MAX}, which is more than one job")
    for number, line in enumerate(lines, 1):
        included = re.match(r'\s*#include "([^"]+)"', line)
        if included:
            target = included.group(1)
            if top in LAYERS and target.split("/")[0] not in LAYERS[top] + [top]:
                report(path, number, f"{top} may not include {target}")
            if name.startswith("store/engine/") and not ENGINE_MAY_INCLUDE.fullmatch(target):
                report(path, number, f"the engine may not include {target}")
        code = line.split("//")[0]
        for pattern, allowed, why in ONLY_IN:
            if pattern.search(code) and not allowed.fullmatch(name):
                report(path, number, why)


def check_built(path, builds):
    """A source that no meson.build names is not compiled, so nobody would notice what is wrong with it."""
    if not re.search(rf"\b{re.escape(path.stem)}\b", builds):
        report(path, 1, "no meson.build names it")


def check_rules(root, tests):
    path = pathlib.PurePath("docs/semantics.md")
    rule, rule_line = "", 0

    def end_rule():
        names = RULE_TEST.findall(rule)
        if rule and not names:
            report(path, rule_line, "the rule names no test")
        for name in names:
            if name not in tests:
                report(path, rule_line, f"there is no test {name}")

    for number, line in enumerate((root / path).read_text().splitlines() + [""], 1):
        if line.startswith("* ") or not line.strip() or line.startswith("#"):
            end_rule()
            rule, rule_line = (line, number) if line.startswith("* ") else ("", 0)
        elif rule:
            rule += " " + line.strip()
    end_rule()


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    tests = set()
    files = tracked_files(root)
    builds = "".join((root / path).read_text() for path in files if path.name == "meson.build")
    for path in files:
        if path.suffix not in TEXT:
            continue
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        if not lines:
            continue
        check_form(path, lines)
        if not text.endswith("\n"):
            report(path, len(lines), "no newline at the end")
        if path.suffix in CODE:
            check_code(path, lines)
            tests.update(f"{suite}.{name}" for suite, name in TEST.findall(text))
        if path.suffix == ".cc":
            check_built(path, builds)
    check_rules(root, tests)
    print("\n".join(findings))
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
