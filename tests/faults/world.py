"""What the commands under test work on: a small closure, a cache that serves it, a pool and a
bundle that have it; and what a run has made of them."""

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import time

KEY_NAME = "lab-1"
DAY = 86400


def run_tool(build, *args):
    return subprocess.run([f"{build}/{args[0]}", *args[1:]], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.strip()


def make_old(path):
    os.utime(path, (time.time() - 30 * DAY,) * 2)


class World:
    """Below DIR: cache/, b.bundle and full-pool/ are made once; each place has copies."""

    def __init__(self, build, directory):
        self.build, self.dir = build, directory
        self.sec, self.pub = f"{directory}/lab.sec", f"{directory}/lab.pub"
        run_tool(build, "mkcache", "keygen", KEY_NAME, self.sec, self.pub)
        self.key = open(self.pub).read().strip()
        self._make_tree(f"{directory}/tree")
        self.lower = self._add("lower")
        self.top = self._add("top", "--ref", self.lower)
        other = self._add("other")
        self.paths = sorted([self.lower, self.top])
        fetch = ["nixferry", "prefetch", "--substituter", f"file://{directory}/cache",
                 "--pool", f"{directory}/full-pool", *self.trust()]
        run_tool(build, *fetch, self.top, "-o", f"{directory}/b.bundle", "--sign-key", self.sec)
        shutil.copytree(f"{directory}/full-pool", f"{directory}/old-pool")
        run_tool(build, *fetch[:5], f"{directory}/old-pool", *fetch[6:], other)
        self._make_old(f"{directory}/old-pool")
        self.server = None

    def trust(self):
        return ["--no-local-store", "--trusted-public-key", self.key]

    @staticmethod
    def _make_tree(tree):
        os.makedirs(f"{tree}/bin/below")
        os.mkdir(f"{tree}/empty")
        for name, text in (("file", "lower\n"), ("bin/run", "#!/bin/sh\n"), ("bin/below/x", "")):
            with open(f"{tree}/{name}", "w") as f:
                f.write(text)
        with open(f"{tree}/noise", "wb") as f:
            f.write(hashlib.shake_256(b"noise").digest(150000))
        os.chmod(f"{tree}/bin/run", 0o755)
        os.symlink("bin/run", f"{tree}/link")

    def _add(self, name, *more):
        with open(f"{self.dir}/tree/name", "w") as f:
            f.write(name)
        return run_tool(self.build, "mkcache", "add", "--cache", f"{self.dir}/cache", "--sign",
                        self.sec, "--input-addressed", "--name", name, "--tree",
                        f"{self.dir}/tree", *more)

    @staticmethod
    def _make_old(pool):
        for name in ("u-old.part", "u-old.state", "1.0.tmp"):
            with open(f"{pool}/tmp/{name}", "w") as f:
                f.write("old")
            make_old(f"{pool}/tmp/{name}")

    def serve(self):
        port_file = f"{self.dir}/port"
        self.server = subprocess.Popen([f"{self.build}/cached", "--with-parent", "--root",
                                        f"{self.dir}/cache", "--port-file", port_file])
        while not os.path.exists(port_file) or not os.path.getsize(port_file):
            time.sleep(0.02)
        with open(port_file) as f:
            self.url = f"http://127.0.0.1:{f.read().strip()}"

    def close(self):
        if self.server:
            self.server.kill()
            self.server.wait()


def remove(directory):
    if os.geteuid() != 0:
        subprocess.run(["chmod", "-R", "u+w", directory], check=False)
    shutil.rmtree(directory, ignore_errors=True)


def file_digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def describe(path, with_time):
    st = os.lstat(path)
    if stat.S_ISLNK(st.st_mode):
        what = "-> " + os.readlink(path)
    elif stat.S_ISREG(st.st_mode):
        what = file_digest(path)
    else:
        what = "/"
    return f"{stat.S_IMODE(st.st_mode):o} {what}" + (f" {st.st_mtime}" if with_time else "")


def tree_of(top, with_time=False, skip=()):
    """{name: what it is} of all below TOP."""
    found = {}
    for directory, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(directory, name)
            below = os.path.relpath(path, top)
            if not below.startswith(skip or "\0"):
                found[below] = describe(path, with_time)
    return found


def rows_of(root):
    """What the database of a store says, as text; "" where there is none."""
    db = f"{root}/nix/var/nix/db/db.sqlite"
    if not os.path.exists(db):
        return ""
    con = sqlite3.connect(db)
    try:
        if con.execute("pragma integrity_check").fetchall() != [("ok",)]:
            return "the database is damaged"
        if not con.execute("select 1 from sqlite_master where name = 'Refs'").fetchall():
            return ""
        paths = con.execute("select path, hash, deriver, narSize, sigs, ca from ValidPaths"
                            " order by path").fetchall()
        refs = con.execute("select a.path, b.path from Refs join ValidPaths a on referrer = a.id"
                           " join ValidPaths b on reference = b.id order by 1, 2").fetchall()
        return repr((paths, refs)) if paths else ""
    finally:
        con.close()
