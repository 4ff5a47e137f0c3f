#!/usr/bin/env python3
"""power.py BUILD [--cuts N] [--runs N] [--seed N] [FS...]: cuts the power while a machine in QEMU imports
a bundle onto ext4, xfs and btrfs. After each cut the file system is mounted here, real Nix
verifies the store with contents, what was valid before is still there, and the same command
completes. The last line is "N passed, N failed"."""

import argparse
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import disk
import guest

PACKAGES = "qemu-system-x86 busybox-static xfsprogs btrfs-progs e2fsprogs nix-bin"
KERNEL_PACKAGE = "linux-image-cloud-amd64"
IMAGE_BYTES = 320 << 20
PATHS, MAX_SIZE = 40, 1500000
# A machine that is emulated, on one that has other work.
BOOT_SECONDS = 600


class Failure(Exception):
    pass


class Unmountable(Failure):
    pass


def run(*args, **more):
    return subprocess.run(args, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more).stdout.strip()


def skip(reason):
    print(f"skipped: power cuts: {reason}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def check_needs():
    for program in ("qemu-system-x86_64", "busybox", "mkfs.xfs", "mkfs.btrfs", "mkfs.ext4",
                    "nix-store"):
        if not shutil.which(program):
            skip(f"no {program} here: apt-get install {PACKAGES}")
    if os.geteuid() != 0:
        skip("needs root, to mount")


def get_kernel(work):
    """Debian's, unpacked and not installed."""
    needs = run("apt-cache", "depends", KERNEL_PACKAGE).splitlines()
    name = next((line.split()[-1] for line in needs if "Depends: linux-image-" in line), None)
    if not name:
        skip(f"no package {KERNEL_PACKAGE}")
    os.makedirs(f"{work}/kernel")
    done = subprocess.run(["apt-get", "download", "-q", name], cwd=f"{work}/kernel",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode:
        skip(f"{name} cannot be downloaded")
    package = next(n for n in os.listdir(f"{work}/kernel") if n.endswith(".deb"))
    run("dpkg", "-x", f"{work}/kernel/{package}", f"{work}/kernel")
    return guest.find_kernel(f"{work}/kernel")


class Bundles:
    """OLD is in the store before the power is cut; NEW is being imported."""

    def __init__(self, build, work):
        self.build = build
        sec, pub = f"{work}/lab.sec", f"{work}/lab.pub"
        run(f"{build}/mkcache", "keygen", "lab-1", sec, pub)
        self.key = open(pub).read().strip()
        self.old_paths, self.old = self._make(work, "old", 5, 100000)
        self.new_paths, self.new = self._make(work, "new", PATHS, MAX_SIZE)

    def _make(self, work, name, count, max_size):
        cache = f"{work}/cache-{name}"
        paths = run(f"{self.build}/mkcache", "generate", "--cache", cache, "--paths", str(count),
                    "--seed", str(count), "--max-size", str(max_size), "--sign",
                    f"{work}/lab.sec", "--input-addressed").split()
        run(f"{self.build}/nixferry", "prefetch", paths[-1], "--substituter", f"file://{cache}",
            "--pool", f"{work}/pool-{name}", "--no-local-store", "--trusted-public-key", self.key,
            "-o", f"{work}/{name}.bundle", "--sign-key", f"{work}/lab.sec")
        return paths, f"{work}/{name}.bundle"

    def do_import(self, bundle, root):
        done = subprocess.run([f"{self.build}/nixferry-import", "import", bundle, "--store", root,
                               "--profile", "system", "--trusted-public-key", self.key],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Failure(f"import: status {done.returncode}: {done.stdout}")


class Mounted:
    def __init__(self, image, where):
        self.image, self.where = image, where
        # Another mount namespace may still hold the last disk, which has the same UUID.
        kind = run("blkid", "-o", "value", "-s", "TYPE", image)
        self.options = "loop,nouuid" if kind == "xfs" else "loop"

    def __enter__(self):
        os.makedirs(self.where, exist_ok=True)
        try:
            run("mount", "-o", self.options, self.image, self.where)
        except subprocess.CalledProcessError as e:
            raise Unmountable(f"mount: {e.stderr}") from e
        return self.where

    def __exit__(self, *_):
        run("umount", self.where)


def valid_paths(root):
    with contextlib.closing(sqlite3.connect(f"{root}/nix/var/nix/db/db.sqlite")) as db:
        return {row[0] for row in db.execute("select path from ValidPaths")}


def verify(root):
    done = subprocess.run(["nix-store", "--store", root, "--verify", "--check-contents"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or "error" in done.stdout:
        raise Failure(f"nix-store --verify: {done.stdout}")


def check_profile(root, valid):
    profiles = f"{root}/nix/var/nix/profiles"
    generation = os.readlink(f"{profiles}/system")
    held = os.readlink(f"{profiles}/{generation}")
    if held not in valid:
        raise Failure(f"the profile holds '{held}', which is not valid")


def check_cut(bundles, image, where):
    """How many of the new paths were valid already."""
    with Mounted(image, where) as root:
        verify(root)
        valid = valid_paths(root)
        if not valid >= set(bundles.old_paths):
            raise Failure(f"no longer valid: {set(bundles.old_paths) - valid}")
        check_profile(root, valid)
        bundles.do_import(bundles.new, root)
        verify(root)
        if valid_paths(root) != set(bundles.old_paths + bundles.new_paths):
            raise Failure("the same command has left out paths")
        left = [n for n in os.listdir(f"{root}/nix/store") if n.startswith("tmp-")]
        if left:
            raise Failure(f"left behind: {left}")
        return len(valid) - len(bundles.old_paths)


def record(kernel, initramfs, base, work, kill_after):
    """Runs the machine and kills it: KILL_AFTER seconds from the begin of the import on, or after
    its end where that is None. (requests, how many of them came before the import, seconds)"""
    served = disk.Disk(base, f"{work}/disk.socket")
    machine = guest.start(kernel, initramfs, served.path)
    begin, begin_time, said = None, None, []
    watchdog = time.time() + BOOT_SECONDS
    killer = None
    try:
        for line in machine.stdout:
            said.append(line)
            if "guest: begins" in line:
                begin, begin_time = len(served.requests), time.time()
                if kill_after is not None:
                    killer = subprocess.Popen(["sh", "-c", f"sleep {kill_after}; kill -9 {machine.pid}"],
                                              stderr=subprocess.DEVNULL)
            if "guest: status" in line or "guest: cannot" in line or time.time() > watchdog:
                break
    finally:
        took = time.time() - (begin_time or 0)
        machine.kill()
        machine.wait()
        if killer:
            killer.wait()
        served.thread.join()
        served.close()
    if begin is None or (kill_after is None and "guest: status 0\n" not in said[-1].replace("\r", "")):
        raise SystemExit(f"the machine did not import: {''.join(said[-20:])}")
    return served.requests, begin, took


def cut_often(args, bundles, kernel, fs, work, chance):
    base = f"{work}/base.img"
    with open(base, "wb") as f:
        f.truncate(IMAGE_BYTES)
    run(f"mkfs.{fs}", "-q", base)
    try:
        with Mounted(base, f"{work}/mnt") as root:
            bundles.do_import(bundles.old, root)
    except Unmountable as e:
        skip(f"no file system can be mounted here: {e}")
    initramfs = f"{work}/initramfs"
    guest.make_initramfs(initramfs, f"{work}/guest", kernel[1], f"{bundles.build}/nixferry-import",
                         bundles.new, fs, bundles.key)
    passed = failed = 0
    seen = []
    whole = None
    for number in range(args.runs):
        kill_after = None if whole is None else chance.uniform(0, whole)
        requests, begin, took = record(kernel[0], initramfs, base, work, kill_after)
        whole = whole or took
        share = args.cuts // args.runs + (number < args.cuts % args.runs)
        # Where it was killed, and at other moments of the same run.
        moments = [len(requests)] + [chance.randint(begin, len(requests)) for _ in range(share - 1)]
        for moment in moments[:share]:
            # A loop device that is being released may still have what a file of this name held.
            image = f"{work}/cut-{passed + failed}.img"
            disk.cut(base, requests[:moment], image, chance)
            try:
                seen.append(check_cut(bundles, image, f"{work}/mnt"))
                passed += 1
            except Failure as e:
                failed += 1
                print(f"FAILED: {fs}: seed {args.seed}, run {number}, after request {moment} of"
                      f" {len(requests)}: {e}", flush=True)
            os.unlink(image)
    middle = sum(0 < n < len(bundles.new_paths) for n in seen)
    print(f"{fs}: {passed + failed} power cuts in {args.runs} imports of {whole:.0f} s;"
          f" in {sum(not n for n in seen)} no new path was valid, in {middle} some, in"
          f" {sum(n == len(bundles.new_paths) for n in seen)} all", flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("filesystems", nargs="*", metavar="FS", default=["ext4", "xfs", "btrfs"])
    parser.add_argument("--cuts", type=int, default=3, help="of each file system")
    parser.add_argument("--runs", type=int, default=1, help="in which they are spread")
    parser.add_argument("--kernel", help="a directory in which the kernel's package is unpacked")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_intermixed_args()
    check_needs()
    top = tempfile.mkdtemp(prefix="power.")
    chance = random.Random(args.seed)
    passed = failed = 0
    try:
        kernel = guest.find_kernel(args.kernel) if args.kernel else get_kernel(top)
        bundles = Bundles(os.path.abspath(args.build), top)
        for fs in args.filesystems:
            work = f"{top}/{fs}"
            os.mkdir(work)
            counts = cut_often(args, bundles, kernel, fs, work, chance)
            passed, failed = passed + counts[0], failed + counts[1]
            shutil.rmtree(work)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
