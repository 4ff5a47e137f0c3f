#!/usr/bin/env python3
"""Measures nixferry beside its peers on a realistic closure. See docs/benchmarks.md.

usage: bench.py [SCENARIO...]      (default: all; --list names them)

Contenders of a scenario alternate within one run. Before each timed run the outputs are removed,
dirty pages written, the page cache dropped, the inputs read once, and two seconds waited.
"""
import os, shutil, statistics, subprocess, sys, time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
WORK = os.environ.get("BENCH_DIR", f"{ROOT}/build/bench")
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
FERRY = f"{ROOT}/build/release/nixferry"
PACKAGES = ("linux-image-amd64 firefox-esr gcc clang-14 git vim python3 openssh-server postgresql "
            "imagemagick ffmpeg").split()
PORT = 18080
ENV = dict(os.environ, NIX_CONFIG="experimental-features = nix-command\nsubstituters =\n",
           XDG_CACHE_HOME=f"{WORK}/xdg", NIXFERRY="")

def sh(command, **kw):
    p = subprocess.run(command, shell=isinstance(command, str), env=ENV, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    if p.returncode:
        sys.exit(f"bench: {command}\n{p.stdout[-2000:]}{p.stderr[-2000:]}")
    return p.stdout

def remove(*paths):
    for path in paths:
        if os.path.lexists(path):
            sh(["chmod", "-R", "u+w", path])
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

def read_once(path):
    sh(f"find {path} -type f -print0 | xargs -0 -n 64 cat >/dev/null")

class Contender:
    """A shell command; outputs are removed before each run, inputs read."""
    def __init__(self, name, command, inputs=(), outputs=()):
        self.name, self.command, self.inputs, self.outputs = name, command, inputs, outputs
        self.times, self.cpu, self.rss = [], [], []

    def run(self):
        remove(*self.outputs, f"{WORK}/xdg")
        sh("sync; echo 3 > /proc/sys/vm/drop_caches")
        for path in self.inputs:
            read_once(path)
        time.sleep(2)
        log = open(f"{WORK}/{self.name.replace(' ', '-').replace('/', '-')}.log", "w")
        start = time.monotonic()
        p = subprocess.Popen(["/bin/sh", "-c", "exec " + self.command if ";" not in self.command
                              and "|" not in self.command else self.command],
                             env=ENV, stdout=log, stderr=log)
        _, status, usage = os.wait4(p.pid, 0)
        self.times.append(time.monotonic() - start)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.rss.append(usage.ru_maxrss / 1024)
        if status:
            sys.exit(f"bench: {self.name} failed, see {log.name}")

def compare(title, contenders):
    for i in range(RUNS):
        for c in contenders:
            c.run()
            print(f"    {c.name}: {c.times[-1]:.2f} s", file=sys.stderr, flush=True)
    first = statistics.median(contenders[0].times)
    print(f"\n## {title}\n\n| contender | median | min to max | CPU | peak memory | against ours |\n"
          "|---|---|---|---|---|---|")
    for c in contenders:
        m = statistics.median(c.times)
        print(f"| {c.name} | {m:.2f} s | {min(c.times):.2f} to {max(c.times):.2f} | "
              f"{statistics.median(c.cpu):.1f} s | {max(c.rss):.0f} MB | {m / first:.2f} |")
    sys.stdout.flush()

# ---- what is measured on ----

def prepare():
    os.makedirs(WORK, exist_ok=True)
    top = f"{WORK}/closure/g1"
    if not os.path.exists(top):
        sh(["python3", f"{ROOT}/tests/bench/realclosure.py", f"{WORK}/closure", *PACKAGES])
    top = os.path.realpath(top)
    if not os.path.exists(f"{WORK}/bench.sec"):
        sh(["nix-store", "--generate-binary-cache-key", "bench-1", f"{WORK}/bench.sec", f"{WORK}/bench.pub"])
        sh(["nix", "store", "sign", "-k", f"{WORK}/bench.sec", "-r", top])
        for how in ("xz", "zstd"):
            sh(["nix", "copy", "--to", f"file://{WORK}/cache-{how}?compression={how}&parallel-compression=true", top])
    if not os.path.exists(f"{WORK}/tree.tar.zst"):
        sh(f"tar c -C / $(sed s,^/,, {WORK}/closure/g1.paths) | zstd -q -3 -T0 -o {WORK}/tree.tar.zst")
    return top

def serve():
    """nginx: the xz cache on PORT, the zstd cache on PORT + 1 and, by TLS and HTTP/2, on PORT + 2."""
    conf = f"{WORK}/nginx.conf"
    if not os.path.exists(f"{WORK}/tls.crt"):
        sh(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{WORK}/tls.key", "-out", f"{WORK}/tls.crt",
            "-days", "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
    servers = "".join(f"server {{ listen 127.0.0.1:{PORT + i}; root {WORK}/cache-{how}; }}\n"
                      for i, how in enumerate(("xz", "zstd")))
    servers += (f"server {{ listen 127.0.0.1:{PORT + 2} ssl http2; http2_max_concurrent_streams 512; root {WORK}/cache-zstd; "
                f"ssl_certificate {WORK}/tls.crt; ssl_certificate_key {WORK}/tls.key; }}\n")
    open(conf, "w").write(f"""
daemon off; pid {WORK}/nginx.pid; error_log {WORK}/nginx.err; worker_processes 2; user root;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; {servers} }}
""")
    p = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)
    time.sleep(1)
    return p

def key():
    return open(f"{WORK}/bench.pub").read().strip()

# ---- scenarios ----

def bundle_from_xz(top):
    out = f"{WORK}/out"
    compare("xz cache over HTTP to a signed zstd bundle, fresh pool", [
        Contender("nixferry prefetch -o", f"{FERRY} prefetch --quiet --no-local-store {top} --substituter http://127.0.0.1:{PORT} "
                  f"--trusted-public-key {key()} --pool {WORK}/pool --sign-key {WORK}/bench.sec -o {WORK}/out.bundle",
                  [f"{WORK}/cache-xz"], [f"{WORK}/pool", f"{WORK}/out.bundle"]),
        Contender("the limit: xz -dc | zstd -3, all cores",
                  f"mkdir -p {out}; ls -S {WORK}/cache-xz/nar | xargs -P $(nproc) -I F sh -c "
                  f"'xz -dc {WORK}/cache-xz/nar/F | zstd -q -3 -o {out}/F.zst'",
                  [f"{WORK}/cache-xz"], [out]),
        Contender("nix copy to file://?compression=zstd",
                  f"nix copy --from http://127.0.0.1:{PORT} --to 'file://{out}?compression=zstd&parallel-compression=true' "
                  f"--option trusted-public-keys '{key()}' --option http-connections 50 {top}",
                  [f"{WORK}/cache-xz"], [out]),
    ])

def make_bundle(top, level="zstd:3", name="in"):
    bundle = f"{WORK}/{name}.bundle"
    if not os.path.exists(bundle):
        sh([FERRY, "prefetch", "--quiet", "--no-local-store", top, "--substituter", f"file://{WORK}/cache-zstd", "--trusted-public-key", key(),
            "--pool", f"{WORK}/pool-{name}", "--compress", level, "--sign-key", f"{WORK}/bench.sec", "-o", bundle])
        remove(f"{WORK}/pool-{name}")
    return bundle

def import_bundle(top):
    bundle = make_bundle(top)
    root = f"{WORK}/root"
    compare("bundle to a fresh root store, durable", [
        Contender("nixferry import", f"mkdir -p {root}; {FERRY} import --quiet {bundle} --store {root} --trusted-public-key {key()}",
                  [bundle], [root]),
        Contender("the limit: zstd -dc TREE | tar x; sync",
                  f"mkdir -p {root}; zstd -q -dc {WORK}/tree.tar.zst | tar x -C {root}; sync",
                  [f"{WORK}/tree.tar.zst"], [root]),
        Contender("nix copy from a zstd file:// cache",
                  f"nix copy --from file://{WORK}/cache-zstd --to 'local?root={root}' "
                  f"--option trusted-public-keys '{key()}' {top}",
                  [f"{WORK}/cache-zstd"], [root]),
    ])

def sizes(top):
    print("\n## Size and time by level\n\n| what | bytes | time to make | time to import |\n|---|---|---|---|")
    for how in ("xz", "zstd"):
        total = int(sh(f"cat {WORK}/cache-{how}/nar/* | wc -c"))
        print(f"| {how} cache's NARs | {total / 1e6:.0f} MB | | |")
    for level in os.environ.get("BENCH_LEVELS", "zstd:3 zstd:6 zstd:9 zstd:15").split():
        remove(f"{WORK}/level.bundle", f"{WORK}/pool-level", f"{WORK}/root")
        start = time.monotonic()
        bundle = make_bundle(top, level, "level")
        made = time.monotonic() - start
        importer = Contender("import", f"mkdir -p {WORK}/root; {FERRY} import --quiet {bundle} --store {WORK}/root --trusted-public-key {key()}",
                             [bundle], [f"{WORK}/root"])
        importer.run()
        print(f"| bundle, {level} | {os.path.getsize(bundle) / 1e6:.0f} MB | {made:.1f} s | {importer.times[0]:.2f} s |",
              flush=True)
    remove(f"{WORK}/level.bundle")

def lagged(delay_ms, targets):
    """lagproxy in front of ports, DELAY_MS one way; returns the processes."""
    sh(["cc", "-O2", "-pthread", f"{ROOT}/tests/bench/lagproxy.c", "-o", f"{WORK}/lagproxy"])
    procs = [subprocess.Popen([f"{WORK}/lagproxy", str(PORT + 1000 + i), str(PORT + i), str(delay_ms), "0"])
             for i in targets]
    time.sleep(0.5)
    return procs

def plan_latency(top):
    """Over HTTP/1.1 and HTTP/2 at 30 ms round trip. The limit is depth x round trip."""
    empty = f"{WORK}/empty"
    os.makedirs(empty, exist_ok=True)
    sh(["nix-store", "--store", empty, "--init"])
    procs = lagged(15, (1, 2))
    try:
        common = f"--from-store {empty} --trusted-public-key {key()} --pool {WORK}/pool-plan"
        compare("planning the closure at 30 ms round trip", [
            Contender("nixferry plan, HTTP/1.1", f"{FERRY} plan -q {top} --substituter http://127.0.0.1:{PORT + 1001} {common}",
                      [], [f"{WORK}/pool-plan"]),
            Contender("nixferry plan, HTTP/2 (TLS)", f"NIX_SSL_CERT_FILE={WORK}/tls.crt; export NIX_SSL_CERT_FILE; "
                      f"{FERRY} plan -q {top} --substituter https://localhost:{PORT + 1002} {common}", [], [f"{WORK}/pool-plan"]),
            Contender("nix path-info -r", f"nix path-info -r --store http://127.0.0.1:{PORT + 1001} {top}"),
        ])
    finally:
        for p in procs:
            p.kill()

def plan_scale(top):
    """Memory and time by the number of paths, and of derivations."""
    print("\n## Planning large graphs\n\n| what | time | peak memory | a path |\n|---|---|---|---|")
    empty = f"{WORK}/empty"
    os.makedirs(empty, exist_ok=True)
    sh(["nix-store", "--store", empty, "--init"])
    for n in (50000, 100000, 200000):
        cache = f"{WORK}/generated-{n}"
        remove(cache)
        target = sh([f"{ROOT}/build/release/mkcache", "generate", "--cache", cache, "--paths", str(n), "--seed", "1",
                     "--max-size", "600", "--sign", f"{WORK}/bench.sec"]).split()[-1]
        c = Contender("plan scale", f"{FERRY} plan -q {target} --from-store {empty} --substituter file://{cache} "
                      f"--trusted-public-key {key()} --pool {WORK}/pool-plan", [], [f"{WORK}/pool-plan"])
        c.run()
        print(f"| {n} paths in a file:// cache | {c.times[0]:.1f} s | {c.rss[0]:.0f} MB | {c.rss[0] * 1024 * 1024 / n:.0f} B |", flush=True)
        remove(cache)
    drvs = f"{WORK}/drvs"
    if not os.path.exists(f"{WORK}/drvs.top"):
        remove(drvs)
        os.makedirs(drvs)
        open(f"{WORK}/drvs.nix", "w").write("""let
  mk = i: deps: derivation { name = "d${toString i}"; system = builtins.currentSystem; builder = "/bin/sh"; inherit deps; };
  list = builtins.genList (i: mk i (if i < 40 then [ ] else builtins.map (j: builtins.elemAt list (i - 40 + j * 7)) [ 0 1 2 3 4 ])) 20000;
in mk "top" (builtins.genList (j: builtins.elemAt list (19999 - j)) 40)
""")
        open(f"{WORK}/drvs.top", "w").write(sh(["nix-instantiate", "--store", drvs, f"{WORK}/drvs.nix"]).strip())
    target = open(f"{WORK}/drvs.top").read()
    os.makedirs(f"{WORK}/nothing", exist_ok=True)
    open(f"{WORK}/nothing/nix-cache-info", "w").write("StoreDir: /nix/store\n")
    compare("planning 20,000 derivations of which no cache has an output", [
        Contender("nixferry plan (derivations)", f"{FERRY} plan -q {target} --from-store {drvs} --substituter file://{WORK}/nothing "
                  f"--pool {WORK}/pool-plan || test $? -eq 3;", [drvs], [f"{WORK}/pool-plan"]),
        Contender("nix-store --realise --dry-run", f"nix-store --store {drvs} --realise --dry-run {target} "
                  f"--option substituters file://{WORK}/nothing", [drvs]),
    ])

SCENARIOS = {f.__name__: f for f in (bundle_from_xz, import_bundle, sizes, plan_latency, plan_scale)}

def main():
    names = sys.argv[1:] or list(SCENARIOS)
    if names == ["--list"]:
        return print("\n".join(SCENARIOS))
    top = prepare()
    server = serve()
    try:
        for name in names:
            SCENARIOS[name](top)
    finally:
        server.terminate()
        server.wait()

main()
