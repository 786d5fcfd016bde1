#!/usr/bin/env python3
"""Prints 'PASSED FAILED' of a JUnit file: each GoogleTest case counts, a program that dies counts as one failure."""
import sys
import xml.etree.ElementTree as ElementTree


def main(path: str) -> int:
    passed = failed = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        cases = list(suite.iter("testcase"))
        bad = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
        skipped = sum(1 for case in cases if case.find("skipped") is not None)
        # meson reports a program that crashed in the suite's counters only
        bad = max(bad, int(suite.get("failures", 0)) + int(suite.get("errors", 0)))
        failed += bad
        passed += max(0, len(cases) - bad - skipped)
    print(passed, failed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
