#!/usr/bin/env python3
"""faults.py BUILD [--full] [--job NAME] [--call NAME]: fails each system call of each command
once, kills the command at those that are durable, and fails some allocations. After every
fault the exit status and the message are right, real Nix finds the store sound, nothing is
left behind, and the same command passes and makes what it makes without a fault. The last
line is "N passed, N failed"."""

import argparse
import collections
import contextlib
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import jobs
import order
import points
from world import World, remove, rows_of, tree_of

TIMEOUT = 120


class Failure(Exception):
    pass


class Runner:
    def __init__(self, build, directory):
        self.build = os.path.abspath(build)
        self.dir = directory
        self.world = World(self.build, directory)
        self.have_nix = bool(shutil.which("nix-store"))
        self.verified, self.lock = set(), threading.Lock()
        self.places = 0

    def place(self, kind):
        with self.lock:
            self.places += 1
            place = f"{self.dir}/p{self.places}"
        os.mkdir(place)
        job = kind(self.world, place)
        job.prepare()
        return job

    def remove(self, job):
        remove(job.place)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{job.place}.log")

    def environment(self, job, **fault):
        home = f"{job.place}/home"
        return {"PATH": os.environ["PATH"], "HOME": home, "NIX_CONF_DIR": f"{home}/none",
                "XDG_CONFIG_DIRS": f"{home}/none",
                "NIX_CONFIG": "experimental-features = nix-command", **fault}

    def run(self, job, calls=None, number=0, how="EIO", mark=None):
        fault = {}
        if calls:
            fault = {"FAULT_CALLS": calls, "FAULT_AT": str(number), "FAULT_HOW": how,
                     "FAULT_BELOW": job.place, "FAULT_LOG": f"{job.place}.log",
                     "LD_PRELOAD": f"{self.build}/faults.so"}
        if mark:
            fault["FAULT_MARK"] = mark
        return subprocess.run([f"{self.build}/nixferry", *job.argv()], text=True, errors="replace",
                              env=self.environment(job, **fault), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)

    def log(self, job):
        try:
            with open(f"{job.place}.log") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    # ---- of the store ----

    def verify(self, job):
        """Real Nix, on a copy: the next run is to find what this one left."""
        root = job.store()
        if not root or not self.have_nix or not os.path.exists(f"{root}/nix/var/nix/db/schema"):
            return
        copy = f"{job.place}.copy"
        subprocess.run(["cp", "-a", root, copy], check=True)
        try:
            state = repr((sorted(tree_of(f"{root}/nix/store").items()), rows_of(copy)))
            if state in self.verified:
                return
            done = subprocess.run(["nix-store", "--store", copy, "--verify", "--check-contents"],
                                  env=self.environment(job), text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            if done.returncode or "error" in done.stdout:
                raise Failure(f"nix-store --verify: {done.stdout}")
            with self.lock:
                self.verified.add(state)
        finally:
            remove(copy)


def check_message(done, call, path, error):
    cause = points.cause_of(error)
    if cause not in done.stdout and not ("/db/" in path and "database '" in done.stdout):
        raise Failure(f"no cause ({cause}) in the message")
    if "'" not in done.stdout and call not in points.FILELESS:
        raise Failure("no object in the message")


def check_status(done, call, path, error):
    if done.returncode == 0:
        return
    if points.is_survived(error):
        raise Failure(f"{error} was not survived: status {done.returncode}")
    allowed = points.statuses(call, path, error)
    if done.returncode not in allowed:
        raise Failure(f"status {done.returncode} instead of {sorted(allowed)}")
    if done.returncode > 0 and call != "malloc" and error != "kill":
        check_message(done, call, path, error)


def check_leftovers(job, done, path, left):
    """What the fault itself kept the command from removing may be there."""
    left = [name for name in left if f"{job.place}/{name}" != path]
    if left and "cannot remove" not in done.stdout:
        raise Failure(f"left behind: {left}")


def check_result(job, wanted):
    result = job.result()
    if result != wanted:
        raise Failure(f"the result is {result} instead of {wanted}")


def try_point(runner, kind, wanted, call, number, error):
    """None if all is well, or what is wrong."""
    job = runner.place(kind)
    done = None
    try:
        done = runner.run(job, call, number, error)
        met = [line for line in runner.log(job) if line.startswith("!")]
        if not met:
            return None
        path = met[0].split(" ", 1)[1]
        check_status(done, call, path, error)
        runner.verify(job)
        is_dead = done.returncode < 0 or error == "kill"
        if not is_dead and not call.startswith("unlink"):
            check_leftovers(job, done, path, job.leftovers())
            if done.returncode == 0 and "cannot remove" not in done.stdout:
                check_result(job, wanted)
        job.wait()
        again = runner.run(job)
        if again.returncode:
            raise Failure(f"the same command again: status {again.returncode}: {again.stdout}")
        check_result(job, wanted)
        check_leftovers(job, again, path, jobs.temporary_below(job.place))
        return None
    except (Failure, subprocess.TimeoutExpired) as e:
        said = done.stdout.strip() if done else ""
        at = met[0] if done and met else call
        return f"{e}\n      at: {at}\n      said: {said}"
    finally:
        runner.remove(job)


def examine(runner, kind, full):
    """Of runs without a fault: the result, the points, and what is wrong with the order."""
    job = runner.place(kind)
    done = runner.run(job, ",".join(points.ERRORS))
    if done.returncode:
        raise SystemExit(f"{kind.name} does not pass without a fault: {done.stdout}")
    calls = [line.split(" ", 1)[0] for line in runner.log(job)]
    wanted = job.result()
    runner.remove(job)
    job = runner.place(kind)
    runner.run(job, "malloc")
    todo = points.list_points(collections.Counter(calls), len(calls), len(runner.log(job)), full)
    runner.remove(job)
    wrong = []
    for path in runner.world.paths if job.store() else []:
        job = runner.place(kind)
        runner.run(job, "all", mark=path)
        wrong.append(order.fault_of(runner.log(job), path))
        runner.remove(job)
    return wanted, todo, wrong


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, what, wrong):
        self.passed += not wrong
        self.failed += bool(wrong)
        if wrong:
            print(f"FAILED: {what}: {wrong}", flush=True)


def run_job(runner, kind, args, report):
    wanted, todo, orders = examine(runner, kind, args.full)
    for wrong in orders:
        report.add(f"{kind.name}: the order of what is durable", wrong)
    todo = [point for point in todo if not args.call or point[0] == args.call]
    with concurrent.futures.ThreadPoolExecutor(args.workers) as pool:
        results = pool.map(lambda p: (p, try_point(runner, kind, wanted, *p)), todo)
        for point, wrong in results:
            report.add(f"{kind.name}: {point[0]} {point[1]} {point[2]}", wrong)
    print(f"{kind.name}: {len(todo)} faults in {len({p[0] for p in todo})} calls", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--full", action="store_true", help="each error at each call")
    parser.add_argument("--job", help="this command alone")
    parser.add_argument("--call", help="this call alone")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    # Where there is no disk to wait for.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = tempfile.mkdtemp(prefix="faults.", dir=os.environ.get("TMPDIR", memory))
    runner = Runner(args.build, directory)
    report = Report()
    try:
        runner.world.serve()
        for kind in jobs.ALL:
            if args.job in (None, kind.name):
                run_job(runner, kind, args, report)
    finally:
        runner.world.close()
        remove(directory)
    print(f"{report.passed} passed, {report.failed} failed")
    return report.failed != 0


sys.exit(main())
