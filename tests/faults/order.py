"""The order in which an import becomes durable, from a trace of its calls: data, syncfs,
database, GC root."""

import os

CHANGES = ("mkdirat", "symlinkat", "write", "renameat", "renameat2", "fchmod", "utimens")


def read(lines):
    """[(call, path, whether it writes the marked path)]"""
    found = []
    for line in lines:
        marked = line.endswith(" *")
        call, path = (line[:-2] if marked else line).split(" ", 1)
        found.append((call, path, marked))
    return found


def places(trace, calls, path_has, marked=False):
    return [i for i, (call, path, mark) in enumerate(trace)
            if call in calls and path_has in path and (mark or not marked)
            and ".lock" not in path]


def fault_of(lines, store_path):
    """What is wrong with the order for this path, or None. The lines are of a run whose
    FAULT_MARK was that path."""
    trace = read(lines)
    data = places(trace, CHANGES, os.path.basename(store_path))
    syncs = places(trace, ("syncfs",), "/nix/store")
    rows = places(trace, ("pwrite",), "db.sqlite-wal", marked=True)
    commits = places(trace, ("fdatasync",), "db.sqlite-wal")
    roots = places(trace, ("symlinkat", "renameat"), "/profiles/")
    if not (data and syncs and rows and commits and roots):
        return "a step is missing from the trace"
    if not any(data[-1] < s < rows[0] for s in syncs):
        return "there is no syncfs between the data and the database"
    if not any(rows[-1] < c < roots[0] for c in commits):
        return "the database is not on the disk before the GC root"
    return None
