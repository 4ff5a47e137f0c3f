"""coverage.py OBJECTS [files]: line and branch coverage of bundle/ and prefetch/, by room, from what
the programs of FLAVOR=coverage left beside their objects; with "files", of each source file that
they reached."""

import json
import pathlib
import subprocess
import sys
from collections import Counter, defaultdict


def reports(objects):
    """What gcov says of each object; one that never ran counts too."""
    notes = sorted(str(p.resolve()) for p in objects.rglob("*.gcno"))
    for at in range(0, len(notes), 50):
        out = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout", *notes[at : at + 50]],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ).stdout
        yield from (json.loads(line) for line in out.splitlines() if line)


def add_up(objects):
    """The count of each line and branch: a header's are those of all that include it."""
    lines, branches = defaultdict(Counter), defaultdict(Counter)
    for report in reports(objects):
        for file in report["files"]:
            name = file["file"]
            if not name.startswith(("bundle/", "prefetch/", "include/")):
                continue
            for line in file["lines"]:
                number = line["line_number"]
                lines[name][number] += line["count"]
                for i, branch in enumerate(line["branches"]):
                    branches[name][number, i] += branch["count"]
    return lines, branches


def percent(counts):
    hit = sum(n > 0 for n in counts)
    return f"{hit:6} of {len(counts):6}  {100 * hit / len(counts):5.1f} %" if counts else ""


def by_room(lines):
    rooms = defaultdict(list)
    for name in sorted(lines):
        rooms[name.rsplit("/", 1)[0]].append(name)
    return rooms


def by_file(lines):
    return {name: [name] for name in sorted(lines) if name.endswith(".c") and any(lines[name].values())}


def main():
    lines, branches = add_up(pathlib.Path(sys.argv[1]))
    groups = by_file(lines) if sys.argv[2:] == ["files"] else by_room(lines)
    groups["all"] = sorted(lines)
    print(f"{'':32} {'lines':>24} {'branches':>25}")
    for group, names in groups.items():
        of = [[n for name in names for n in what[name].values()] for what in (lines, branches)]
        print(f"{group:32} {percent(of[0])} {percent(of[1])}")


main()
