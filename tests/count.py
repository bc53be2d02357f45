#!/usr/bin/env python3
"""count.py BUILD_FOLDER: counts every test of every program that `meson test` ran, not every program.

Prints what failed and why the rest was skipped; the last line is `N passed, N failed[, N skipped]`.
A program that did not run, crashes, times out, prints no TAP or fewer tests than it planned counts as failed."""
import json
import os
import re
import sys

PLAN = re.compile(r"^\s*1\.\.(\d+)")
LINE = re.compile(r"^\s*(not )?ok\b\s*(\d*)\s*(?:- )?(.*)$")
SKIP = re.compile(r"#\s*skip\b\s*(.*)$", re.IGNORECASE)


def tap(text):
    """(number planned, [(outcome, name, what was printed just before)]) of one program's output."""
    planned, tests, before = 0, [], []
    for line in text.splitlines():
        plan, test = PLAN.match(line), LINE.match(line)
        if plan:
            planned += int(plan.group(1))
        elif test:
            skip = SKIP.search(test.group(3))
            outcome = "skipped" if skip else "failed" if test.group(1) else "passed"
            name = test.group(3) if not skip else (test.group(3)[: skip.start()].strip() or skip.group(1))
            tests.append((outcome, name.strip(), before))
            before = []
        elif tests and tests[-1][0] == "failed" and ": error:" in line:
            tests[-1][2].append(line.strip().lstrip("#").strip())  # cmocka says why after the verdict
        elif line.strip() and not line.startswith(("TAP version", "# Running", "# ok", "# not ok")):
            before.append(line.strip().lstrip("#").strip())
    return planned, tests


def read(build):
    """What ran, and the names of what should have run: all but the suite soak, which is asked for by name."""
    with open(os.path.join(build, "meson-logs", "testlog.json"), encoding="utf-8", errors="replace") as log:
        ran = [json.loads(line) for line in log if line.strip()]
    with open(os.path.join(build, "meson-info", "intro-tests.json"), encoding="utf-8") as tests:
        wanted = [test["name"] for test in json.load(tests) if not any(s.endswith("soak") for s in test["suite"])]
    return ran, wanted


def count(build):
    programs, wanted = read(build)
    total, notes = {"passed": 0, "failed": 0, "skipped": 0}, []
    for name in sorted(set(wanted) - {program["name"].split(" / ")[-1] for program in programs}):
        total["failed"] += 1
        notes.append(f"failed   {name}: did not run")
    for program in programs:
        name = program["name"].split(" / ")[-1]
        planned, tests = tap(program.get("stdout") or "")
        for outcome, test, before in tests:
            total[outcome] += 1
            if outcome == "failed":
                notes.append(f"failed   {name}: {test}" + "".join("\n             " + b for b in before[-6:]))
            elif outcome == "skipped":
                notes.append(f"skipped  {name}: {test}" + (f" ({before[-1]})" if before else ""))
        lost = max(planned - len(tests), 0)
        failed = any(outcome == "failed" for outcome, _, _ in tests)
        end = "".join("\n             " + line for line in (program.get("stderr") or "").strip().splitlines()[-6:])
        if not tests or lost or (program["returncode"] != 0 and not failed):
            total["failed"] += max(lost, 1)
            notes.append(f"failed   {name}: ended with {program['result']}, code {program['returncode']}, after "
                         f"{len(tests)} of {planned} tests{end}")
        elif failed and end:
            notes.append(f"         {name} wrote:{end}")
    return total, notes


def main():
    try:
        total, notes = count(sys.argv[1])
    except OSError as error:
        total, notes = {"passed": 0, "failed": 1, "skipped": 0}, [f"failed   no test ran: {error}"]
    if total["passed"] + total["failed"] == 0:
        total["failed"], notes = 1, notes + ["failed   no test ran"]
    for note in notes:
        print(note)
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
