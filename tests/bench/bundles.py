"""Bundles: made from a cache, imported, their sizes."""
import os, statistics, subprocess, time

from common import FERRY, PORT, ROOT, RUNS, WORK, Contender, compare, key, remove, sh

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

class daemon:
    """nix-daemon for the store below ROOT, which may go away between runs: each connection opens it."""
    def __init__(self, root):
        self.socket, conf = f"{WORK}/daemon.socket", f"{WORK}/daemon-conf"
        remove(self.socket)
        os.makedirs(conf, exist_ok=True)
        open(f"{conf}/nix.conf", "w").write(f"trusted-public-keys = {key()}\nbuild-users-group =\n")
        self.process = subprocess.Popen(
            ["nix-daemon"], stderr=subprocess.DEVNULL,
            env=dict(os.environ, NIX_REMOTE=root, NIX_CONF_DIR=conf, NIX_DAEMON_SOCKET_PATH=self.socket))
        while not os.path.exists(self.socket):
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()

def import_through_daemon(top):
    """CPU is the client's alone."""
    bundle, root = make_bundle(top), f"{WORK}/root"
    with daemon(root) as d:
        ours = (f"env NIX_DAEMON_SOCKET_PATH={d.socket} NIX_STATE_DIR={root}/nix/var/nix XDG_STATE_HOME={WORK}/state "
                f"{FERRY} import --quiet {bundle} --store daemon --trusted-public-key {key()}")
        compare("bundle into a fresh store through nix-daemon", [
            Contender("nixferry import --store daemon", ours, [bundle], [root]),
            Contender("nixferry import --store daemon --jobs 1", f"{ours} --jobs 1", [bundle], [root]),
            Contender("nix copy to the daemon from a zstd file:// cache",
                      f"nix copy --from file://{WORK}/cache-zstd --to unix://{d.socket} {top}",
                      [f"{WORK}/cache-zstd"], [root]),
        ])

def check_store(top):
    root = f"{WORK}/root-check"
    if not os.path.exists(root):
        os.makedirs(root)
        sh([FERRY, "import", "--quiet", make_bundle(top), "--store", root, "--trusted-public-key", key()])
    compare("a store's contents compared with its database", [
        Contender("nixferry check", f"{FERRY} check --quiet --store {root}", [f"{root}/nix/store"], []),
        Contender("nix-store --verify --check-contents", f"nix-store --store {root} --verify --check-contents",
                  [f"{root}/nix/store"], []),
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

SCENARIOS = [bundle_from_xz, import_bundle, import_through_daemon, sizes]
