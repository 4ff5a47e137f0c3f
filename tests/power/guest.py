"""A machine of its own, in QEMU, that imports a bundle onto the disk it is given."""

import os
import platform
import shutil
import subprocess

MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "xfs", "btrfs")

INIT = """#!/bin/busybox sh
busybox mount -t devtmpfs none /dev
busybox mount -t proc none /proc
for module in {modules}; do busybox modprobe -q $module; done
busybox mount -t {fs} /dev/vda /mnt || echo "guest: cannot mount"
echo "guest: begins"
/nixferry-import import /b.bundle --store /mnt --profile system --trusted-public-key '{key}'
echo "guest: status $?"
busybox sleep 100000
"""


def find_kernel(directory):
    """(kernel, modules) of the package that was unpacked in DIRECTORY."""
    boot = f"{directory}/boot"
    name = next(n for n in sorted(os.listdir(boot)) if n.startswith("vmlinuz-"))
    return f"{boot}/{name}", f"{directory}/lib/modules/{name[len('vmlinuz-'):]}"


def copy_modules(modules, top):
    """What the guest needs, with what that needs."""
    version = os.path.basename(modules)
    subprocess.run(["busybox", "depmod", "-b", os.path.abspath(f"{modules}/../../.."), version],
                   check=True)
    needs, names = {}, {}
    for line in open(f"{modules}/modules.dep"):
        name, rest = line.split(":")
        needs[name] = rest.split()
        names[os.path.basename(name).split(".")[0]] = name
    todo = [names[m] for m in MODULES if m in names]
    found = set()
    while todo:
        name = todo.pop()
        found.add(name)
        todo += [n for n in needs[name] if n not in found]
    there = f"{top}/lib/modules/{version}"
    for name in sorted(found):
        os.makedirs(os.path.dirname(f"{there}/{name}"), exist_ok=True)
        shutil.copy(f"{modules}/{name}", f"{there}/{name}")
    with open(f"{there}/modules.dep", "w") as f:
        for name in sorted(found):
            f.write(f"{name}: {' '.join(needs[name])}\n")


def make_initramfs(out, work, modules, importer, bundle, fs, key):
    for name in ("bin", "dev", "proc", "mnt"):
        os.makedirs(f"{work}/{name}")
    shutil.copy(shutil.which("busybox"), f"{work}/bin/busybox")
    shutil.copy(importer, f"{work}/nixferry-import")
    shutil.copy(bundle, f"{work}/b.bundle")
    copy_modules(modules, work)
    with open(f"{work}/init", "w") as f:
        f.write(INIT.format(modules=" ".join(MODULES), fs=fs, key=key))
    os.chmod(f"{work}/init", 0o755)
    with open(out, "wb") as f:
        names = subprocess.run(["find", "."], cwd=work, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=work, input=names, check=True,
                       stdout=f, stderr=subprocess.DEVNULL)


def start(kernel, initramfs, disk_socket):
    """A process whose standard output is the console."""
    return subprocess.Popen(
        [f"qemu-system-{platform.machine()}", "-accel", "kvm", "-accel", "tcg", "-cpu", "max",
         "-m", "512", "-nodefaults", "-no-reboot", "-nographic", "-serial", "stdio", "-kernel",
         kernel, "-initrd", initramfs, "-append",
         "console=ttyS0 quiet panic=-1 random.trust_cpu=on",
         "-drive", f"if=none,id=disk,format=raw,file=nbd+unix:///?socket={disk_socket}",
         "-device", "virtio-blk-pci,drive=disk"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace")
