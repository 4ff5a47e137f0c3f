"""Which errors each call can meet, and what is asked of a command that meets one."""

import errno
import os
import signal

DISK = ("EIO", "ENOSPC", "EDQUOT")
OPEN = DISK + ("EMFILE",)

# A signal interrupts no call on a file of a local disk except those that wait; EINTR is for these.
ERRORS = {
    "open": OPEN,
    "openat": OPEN,
    "mkdirat": DISK,
    "write": DISK + ("EINTR", "short"),
    "pwrite": DISK + ("EINTR", "short"),
    "read": ("EIO", "EINTR"),
    "pread": ("EIO", "EINTR"),
    "fsync": DISK,
    "fdatasync": DISK,
    "syncfs": DISK,
    "sync_file_range": DISK,
    "rename": DISK,
    "renameat": DISK,
    "renameat2": DISK,
    "linkat": DISK,
    "unlink": ("EIO", "ENOSPC"),
    "unlinkat": ("EIO", "ENOSPC"),
    "symlinkat": DISK,
    "fchmod": ("EIO", "ENOSPC"),
    "fchmodat": ("EIO", "ENOSPC"),
    "fchown": ("EIO", "EDQUOT"),
    "utimens": ("EIO", "ENOSPC"),
    "ftruncate": ("EIO", "ENOSPC"),
    "fallocate": DISK,
    "fstat": ("EIO",),
    "fstatat": ("EIO",),
    "statfs": ("EIO",),
    "flock": ("EIO", "EINTR"),
    "fcntl": ("EIO",),
    "mmap": ("ENOMEM",),
    "getrandom": ("EIO", "EINTR"),
    "pthread_create": ("EAGAIN",),
}
# Those that have to do with no file. Without them a command may abort, as without memory.
FILELESS = ("mmap", "getrandom", "pthread_create", "malloc")
KILLED = 137
# What others can see, or a power cut cannot undo any more.
DURABLE = ("fsync", "fdatasync", "syncfs", "rename", "renameat", "renameat2", "linkat", "unlink",
           "unlinkat", "symlinkat", "ftruncate")

# Of so many points the short form takes one.
SHORT_STEP = 5
# Allocations that fail, and moments at which a command is killed.
SAMPLES = {False: 4, True: 60}


def list_points(counts, calls, allocations, full):
    """[(calls, number, error)]: COUNTS says how often each call came in a run that passed, of
    CALLS and ALLOCATIONS there were so many."""
    found = []
    for call in sorted(counts):
        for number in range(1, counts[call] + 1):
            errors = ERRORS[call]
            # Each call gets each of its errors in turn.
            chosen = errors if full else (errors[number % len(errors)],)
            found += [(call, number, error) for error in chosen]
            if call in DURABLE:
                found.append((call, number, "kill"))
    if not full:
        found = found[::SHORT_STEP]
    samples = SAMPLES[full]
    found += [("malloc", 1 + i * allocations // samples, "ENOMEM") for i in range(samples)]
    found += [("all", 1 + i * calls // samples, "kill") for i in range(samples)]
    return found


def statuses(call, path, error):
    """With which a command may end, if it cannot do without what failed."""
    if error == "kill":
        return {KILLED}
    found = {7 if error in ("ENOSPC", "EDQUOT") else 1}
    if "/db/" in path and call in ("read", "pread"):
        found.add(5)  # SQLite calls a file malformed that cannot be read
    if "/db/" in path and call == "open":
        found.add(1)  # SQLite then tries to open it for reading, and reports how that failed
    if call in FILELESS:
        found.add(-signal.SIGABRT)
    if call == "malloc":
        found.add(-signal.SIGSEGV)  # a library that does not check
    return found


def is_survived(error):
    return error in ("EINTR", "short")


def cause_of(error):
    return os.strerror(getattr(errno, error))
