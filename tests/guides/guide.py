#!/usr/bin/env python3
"""guide.py BUILD GUIDE...: executes the commands of guides, and compares what they print.

A guide is Markdown. Its fenced blocks, by their first word:
  sh       commands for bash -e, in the directory where the last block ended. Further words:
           target (the machine that the bundle is for), status=N, magnolia-off (that cache is down)
  output   lines that the last commands print, in this order; "..." stands for anything
  conf     nix.conf of the host; "conf netrc": its netrc file
A translation, in a directory of its own, must have the same blocks.

Each guide has mount and network namespaces of its own. The machine in them has a flake in ~/nixos,
an empty /nix, and only these names: magnolia, a LAN cache at port 5000; cache.nixos.org and
myteam.cachix.org over TLS. All have the outputs of the flake, but for those in MISSING.
"""
import fcntl
import os
import platform
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

FLAKE = """
{
  outputs = { self }:
    let
      make = name: inputs: derivation {
        inherit name;
        system = "%s-linux";
        builder = "${./builder}";
        args = [ (builtins.placeholder "out") ] ++ inputs;
      };
    in rec {
      lib = make "web-lib-1.0" [ ];
      tool = make "web-tool-2.0" [ lib ];
      nixosConfigurations.web.config.system.build.toplevel = make "nixos-system-web" [ tool lib ];
    };
}
"""
# Writes its arguments to the first of them.
BUILDER = r"""
#include <stdio.h>
int main(int argc, char **argv)
{
	FILE *out = fopen(argv[1], "w");
	for (int i = 1; out && i < argc; i++)
		fprintf(out, "%s\n", argv[i]);
	return !out || fclose(out);
}
"""
# What is in no cache, by guide.
MISSING = {"why-compiled": ("tool", "system"), "before-and-after": ("tool",)}
TLS_HOSTS = ("cache.nixos.org", "myteam.cachix.org")


class Failure(Exception):
    pass


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags, = struct.unpack("16xh14x", fcntl.ioctl(s, 0x8913, request))  # SIOCGIFFLAGS
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))    # SIOCSIFFLAGS, IFF_UP


def run(*argv, **options):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def mount(source, target):
    os.makedirs(source, exist_ok=True)
    run("mount", "--bind", source, target)


class Lab:
    """The host, the caches and the target."""

    def __init__(self, build, top, missing):
        self.build, self.top, self.missing = os.path.abspath(build), top, missing
        self.home = f"{self.top}/home"
        self.conf = f"{self.top}/etc-nix"
        self.cwd = {"host": self.home, "target": self.home}
        self.servers = {}

    def make(self):
        loopback_up()
        for source, target in (("nix", "/nix"), ("mnt", "/mnt"), ("media", "/media")):
            mount(f"{self.top}/{source}", target)
        os.makedirs("/media/stick")
        hosts = f"{self.top}/hosts"
        write(hosts, "".join(f"127.0.0.1 {name}\n" for name in ("localhost", "magnolia", *TLS_HOSTS)))
        run("mount", "--bind", hosts, "/etc/hosts")
        self.make_programs()
        self.make_cache()
        self.start_caches()

    def make_programs(self):
        """Commands by name, the target's without Nix."""
        for name in ("nixferry", "nixferry-import"):
            os.makedirs(f"{self.top}/bin", exist_ok=True)
            os.symlink(f"{self.build}/{name}", f"{self.top}/bin/{name}")
        write(f"{self.home}/nixos/flake.nix", FLAKE % platform.machine())
        write(f"{self.top}/builder.c", BUILDER)
        run(*shlex.split(os.environ.get("CC", "cc")), "-static", "-o", f"{self.home}/nixos/builder",
            f"{self.top}/builder.c")

    def environment(self, role="host"):
        env = {
            "PATH": f"{self.top}/bin:{os.environ['PATH']}",
            "HOME": self.home,
            "NIX_CONF_DIR": self.conf if role == "host" else f"{self.top}/nothing",
            "NIX_SSL_CERT_FILE": f"{self.top}/tls.crt",
            "LANG": "C.UTF-8",
        }
        env.update((k, v) for k, v in os.environ.items() if k in ("TMPDIR", "ASAN_OPTIONS", "TERM"))
        return env

    def nix(self, *argv):
        return run("nix", "--extra-experimental-features", "nix-command flakes", *argv,
                   env=self.environment(), cwd=f"{self.home}/nixos", stderr=subprocess.DEVNULL)

    def mkcache(self, *argv):
        return run(f"{self.build}/mkcache", *argv).strip()

    def make_cache(self):
        """Some bytes for each output of the flake, under its name."""
        cache, key = f"{self.top}/cache", f"{self.top}/magnolia.sec"
        self.mkcache("keygen", "magnolia-1", key, f"{self.top}/magnolia.pub")
        with open(f"{self.top}/magnolia.pub", encoding="utf-8") as f:
            self.key = f.read().strip()
        self.configure("nix.conf", "substituters = http://magnolia:5000\n"
                       "trusted-public-keys = MAGNOLIA_KEY\n")
        path = {}
        for name, attr, refs in (("lib", "lib", ()), ("tool", "tool", ("lib",)),
                                 ("system", "nixosConfigurations.web.config.system.build.toplevel",
                                  ("tool", "lib"))):
            path[name] = self.nix("eval", "--raw", f".#{attr}").strip()
            if name not in self.missing:
                self.put(cache, key, path[name], [path[ref] for ref in refs])

    def put(self, cache, key, path, refs):
        write(f"{self.top}/some", path * 1000)
        model = self.mkcache("add", "--cache", cache, "--name", "some", "--tree", f"{self.top}/some",
                             "--input-addressed", "--sign", key)
        with open(f"{cache}/{model[11:43]}.narinfo", encoding="utf-8") as f:
            text = f.read()
        text = re.sub("(?m)^StorePath: .*$", f"StorePath: {path}", text)
        text = re.sub("(?m)^References:.*$",
                      "References: " + " ".join(os.path.basename(ref) for ref in refs), text)
        text = re.sub("(?m)^Sig: .*\n", "", text)
        write(f"{cache}/{path[11:43]}.narinfo", text)
        self.mkcache("sign", "--cache", cache, "--sign", key, path)

    def make_key(self):
        """That of a guide which refers to another one for it."""
        os.makedirs(f"{self.home}/keys")
        run(f"{self.build}/nixferry", "keygen", "carrier-1", f"{self.home}/keys/carrier.sec",
            f"{self.home}/keys/carrier.pub")

    def start_caches(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{self.top}/tls.key", "-out", f"{self.top}/tls.crt", "-days", "2", "-subj",
            "/CN=caches", "-addext", "subjectAltName=" + ",".join(f"DNS:{h}" for h in TLS_HOSTS),
            stderr=subprocess.DEVNULL)
        self.start("magnolia", 5000)
        self.start("tls", 443, "--tls-cert", f"{self.top}/tls.crt", "--tls-key",
                   f"{self.top}/tls.key")

    def start(self, name, port, *options):
        ready = f"{self.top}/{name}.port"
        self.servers[name] = subprocess.Popen(
            [f"{self.build}/cached", "--with-parent", "--root", f"{self.top}/cache", "--port", str(port),
             "--port-file", ready, *options])
        for _ in range(500):
            if os.path.exists(ready):
                return
            time.sleep(0.02)
        raise Failure(f"the cache {name} does not start")

    def stop(self):
        for server in self.servers.values():
            server.kill()
            server.wait()

    def configure(self, name, text):
        text = text.replace("MAGNOLIA_KEY", self.key).replace("MYTEAM_KEY", self.key)
        if name == "nix.conf":
            text += "sandbox = false\nbuild-users-group =\n"
        write(f"{self.conf}/{name}", text, 0o600)

    def execute(self, code, words):
        role = "target" if "target" in words else "host"
        if "magnolia-off" in words and self.servers["magnolia"].poll() is None:
            self.servers["magnolia"].kill()
            self.servers["magnolia"].wait()
        where = f"{self.top}/where"
        script = (f"set -eo pipefail\ntrap 'pwd >{where}' EXIT\ncd {shlex.quote(self.cwd[role])}\n"
                  f"{code}")
        done = subprocess.run(["bash", "-c", script], env=self.environment(role), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        wanted = next((int(w[7:]) for w in words if w.startswith("status=")), 0)
        if done.returncode != wanted:
            raise Failure(f"status {done.returncode} instead of {wanted}:\n{code}\n{done.stdout}")
        with open(where, encoding="utf-8") as f:
            self.cwd[role] = f.read().strip()
        return done.stdout


def blocks(text):
    """Yields (words, content) for each fenced block."""
    for match in re.finditer(r"(?m)^```(\w.*)\n((?:.*\n)*?)```$", text):
        yield match[1].split(), match[2]


def check_output(wanted, output):
    lines = iter(output.splitlines())
    for line in wanted.splitlines():
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("...")))
        if not any(pattern.fullmatch(printed) for printed in lines):
            raise Failure(f"no line '{line}' in its place in:\n{output}")


def follow(lab, text):
    output = ""
    for words, content in blocks(text):
        if words[0] == "sh":
            output = lab.execute(content, words[1:])
        elif words[0] == "output":
            check_output(content, output)
        elif words[0] == "conf":
            lab.configure(words[1] if len(words) > 1 else "nix.conf", content)
        else:
            raise Failure(f"a block of an unknown kind: {words}")


def follow_guide(build, guide):
    """In namespaces of its own, as a child process."""
    with open(guide, encoding="utf-8") as f:
        text = f.read()
    name = os.path.basename(guide).removesuffix(".md")
    with tempfile.TemporaryDirectory(prefix="guide-") as top:
        os.chmod(top, 0o755)
        lab = Lab(build, top, MISSING.get(name, ()))
        try:
            lab.make()
            if "nixferry keygen" not in text:
                lab.make_key()
            follow(lab, text)
        finally:
            lab.stop()
            for target in ("/etc/hosts", "/media", "/mnt", "/nix"):
                subprocess.run(["umount", "-l", target], check=False, stderr=subprocess.DEVNULL)


def check_translation(guide):
    original = os.path.join(os.path.dirname(guide), "..", os.path.basename(guide))
    with open(guide, encoding="utf-8") as a, open(original, encoding="utf-8") as b:
        if list(blocks(a.read())) != list(blocks(b.read())):
            raise Failure("its blocks are not those of the original")


def try_guide(build, guide):
    """Returns why it failed, or None."""
    if os.path.basename(os.path.dirname(guide)) != "guides":
        try:
            check_translation(guide)
        except (Failure, OSError) as e:
            return str(e)
        return None
    done = subprocess.run(["unshare", "--mount", "--net", sys.executable, __file__, "--inside", build,
                           guide], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.stdout or f"status {done.returncode}" if done.returncode else None


def why_not_here():
    if os.geteuid():
        return "needs root, to mount"
    if not shutil.which("nix"):
        return "no Nix here"
    if subprocess.run(["unshare", "--mount", "--net", "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        return "no namespaces here"
    return None if os.path.isdir("/nix") else "no directory /nix here"


def main():
    build, *guides = sys.argv[1:]
    if build == "--inside":
        try:
            follow_guide(*guides)
        except Failure as e:
            sys.exit(str(e))
        return
    reason = why_not_here()
    if reason:
        print(f"skipped: {reason}\n0 passed, 0 failed, {len(guides)} skipped")
        return
    failed = 0
    for guide in guides:
        why = try_guide(build, guide)
        failed += why is not None
        print(f"{guide}: {'FAILED: ' + why if why else 'ok'}", flush=True)
    print(f"{len(guides) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
