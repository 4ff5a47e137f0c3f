"""What the scenarios share: the closure and its caches, the servers, how contenders are timed.

Contenders of a scenario alternate within one run. Before each timed run earlier outputs are set aside,
dirty pages written, the page cache dropped, the inputs and the programs read once, and two seconds waited.
Outputs are removed after the last run, and a minute is waited then: ext4 passes over inodes that were freed in
the last minute, one by one, and who makes many files next would pay for the removal.
"""
import os, shutil, statistics, subprocess, sys, time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
WORK = os.environ.get("BENCH_DIR", f"{ROOT}/build/bench")
OLD = f"{WORK}/old"
MANY_INODES = 10000
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

def set_aside(*paths):
    os.makedirs(OLD, exist_ok=True)
    for path in paths:
        if os.path.lexists(path):
            os.rename(path, f"{OLD}/{time.monotonic_ns()}")

def remove_old():
    free = os.statvfs(WORK).f_ffree
    remove(OLD)
    if os.statvfs(WORK).f_ffree - free > MANY_INODES:
        sh("sync")
        time.sleep(61)

def read_once(path):
    sh(f"find {path} -type f -print0 | xargs -0 -n 64 cat >/dev/null")

class Contender:
    """A shell command; outputs are removed before each run, inputs read. RUNS: at most so many of it."""
    def __init__(self, name, command, inputs=(), outputs=(), runs=RUNS):
        self.name, self.command, self.inputs, self.outputs, self.runs = name, command, inputs, outputs, runs
        self.times, self.cpu, self.rss = [], [], []

    def run(self):
        set_aside(*self.outputs, f"{WORK}/xdg")
        sh("sync; echo 3 > /proc/sys/vm/drop_caches")
        for path in self.inputs:
            read_once(path)
        sh(f"{FERRY} --version; nix --version; nix-store --version")
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
            if len(c.times) == c.runs:
                continue
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
    remove_old()

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
    """nginx: the xz cache on PORT, the zstd cache on PORT + 1 and, by TLS and HTTP/2, on PORT + 2; a large
    file at 20 Mbit/s a connection on PORT + 3."""
    conf = f"{WORK}/nginx.conf"
    if not os.path.exists(f"{WORK}/tls.crt"):
        sh(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{WORK}/tls.key", "-out", f"{WORK}/tls.crt",
            "-days", "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
    servers = "".join(f"server {{ listen 127.0.0.1:{PORT + i}; root {WORK}/cache-{how}; }}\n"
                      for i, how in enumerate(("xz", "zstd")))
    servers += (f"server {{ listen 127.0.0.1:{PORT + 2} ssl http2; http2_max_concurrent_streams 512; root {WORK}/cache-zstd; "
                f"ssl_certificate {WORK}/tls.crt; ssl_certificate_key {WORK}/tls.key; }}\n")
    servers += f"server {{ listen 127.0.0.1:{PORT + 3}; root {WORK}/cache-big; limit_rate 2500k; }}\n"
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

class lagproxy:
    """lagproxy from a port to another: DELAY_MS one way, MBIT a second in all (0: no cap). With
    HANDSHAKE false connecting takes no time."""
    def __init__(self, listen, target, delay_ms, mbit=0, handshake=True):
        program = f"{WORK}/lagproxy"
        if not os.path.exists(program):
            sh(["cc", "-O2", "-pthread", f"{ROOT}/tests/bench/lagproxy.c", "-o", program])
        self.process = subprocess.Popen([program, str(listen), str(target), str(delay_ms), str(mbit), str(int(handshake))])
        self.pid = self.process.pid
        time.sleep(0.3)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

def empty_store():
    root = f"{WORK}/empty"
    os.makedirs(root, exist_ok=True)
    sh(["nix-store", "--store", root, "--init"])
    return root
