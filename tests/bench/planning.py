"""Planning: at a distance, in the store of this machine, large graphs."""
import os, random, shutil, subprocess, time

from common import ENV, FERRY, PORT, ROOT, WORK, Contender, compare, empty_store, key, lagproxy, remove, sh

def wave_widths(top):
    """How many narinfos become known at once, going down the references."""
    known, seen, wave, widths = {}, {os.path.basename(top)}, [os.path.basename(top)], []
    for name in os.listdir(f"{WORK}/cache-zstd"):
        if name.endswith(".narinfo"):
            fields = dict(line.split(": ", 1) for line in open(f"{WORK}/cache-zstd/{name}").read().splitlines() if ": " in line)
            known[os.path.basename(fields["StorePath"])] = fields.get("References", "").split()
    while wave:
        widths.append(len(wave))
        wave = sorted({ref for base in wave for ref in known[base]} - seen)
        seen.update(wave)
    return widths

def plan_latency(top):
    """Over HTTP/1.1 and HTTP/2 at 30 ms round trip. The limit is depth x round trip."""
    common = f"--from-store {empty_store()} --trusted-public-key {key()} --pool {WORK}/pool-plan"
    widths = wave_widths(top)
    print(f"\nNarinfos become known in {len(widths)} waves: {widths}; depth x round trip is {len(widths) * 0.03:.2f} s.")
    plain, free, tls = PORT + 1001, PORT + 1003, PORT + 1002
    served = [f"{WORK}/cache-zstd -maxdepth 1"]  # the server's disk is nobody's business
    ours = lambda url: f"{FERRY} plan -q {top} --substituter {url} {common}"
    with lagproxy(plain, PORT + 1, 15), lagproxy(tls, PORT + 2, 15), lagproxy(free, PORT + 1, 15, handshake=False):
        setup = [float(sh(["curl", "-s", "-o", "/dev/null", "-w", "%{time_appconnect}", "--cacert", f"{WORK}/tls.crt",
                           f"https://localhost:{tls}/nix-cache-info"])) for _ in range(5)]
        print(f"\nTLS set-up takes {sorted(setup)[2]:.3f} s.")
        compare("planning the closure at 30 ms round trip", [
            Contender("nixferry plan, HTTP/1.1", ours(f"http://127.0.0.1:{plain}"), served, [f"{WORK}/pool-plan"]),
            Contender("nixferry plan, HTTP/1.1, connecting takes no time", ours(f"http://127.0.0.1:{free}"), served, [f"{WORK}/pool-plan"]),
            Contender("nixferry plan, HTTP/2 (TLS)", f"NIX_SSL_CERT_FILE={WORK}/tls.crt; export NIX_SSL_CERT_FILE; "
                      + ours(f"https://localhost:{tls}"), served, [f"{WORK}/pool-plan"]),
            Contender("nix path-info -r", f"nix path-info -r --store http://127.0.0.1:{plain} {top}", served),
        ])

def plan_local(top):
    """A closure that is valid on this machine, and the derivations that made it."""
    drv = sh(["nix-store", "-q", "--deriver", top]).strip()
    pool = f"--pool {WORK}/pool-plan --substituter file://{WORK}/cache-zstd --trusted-public-key {key()}"
    options = f"--option substituters file://{WORK}/cache-zstd --option trusted-public-keys '{key()}'"
    compare("planning a closure that is here", [
        Contender("nixferry plan PATH", f"{FERRY} plan -q {top} {pool}", [], [f"{WORK}/pool-plan"]),
        Contender("nixferry prefetch --dry-run PATH", f"{FERRY} prefetch -q --dry-run {top} {pool}", [], [f"{WORK}/pool-plan"]),
        Contender("nix-store -qR", f"nix-store -qR {top}"),
    ])
    compare("planning its derivation", [
        Contender("nixferry plan DRV", f"{FERRY} plan -q {drv} {pool}", [], [f"{WORK}/pool-plan"]),
        Contender("nix-store --realise --dry-run", f"nix-store --realise --dry-run {drv} {options}"),
    ])

def plan_scale(top):
    """Memory and time by the number of paths, and of derivations."""
    print("\n## Planning large graphs\n\n| what | time | CPU | peak memory | a path |\n|---|---|---|---|---|")
    empty = empty_store()
    for n in (50000, 100000, 200000):
        cache = f"{WORK}/generated-{n}"
        remove(cache)
        target = sh([f"{ROOT}/build/release/mkcache", "generate", "--cache", cache, "--paths", str(n), "--seed", "1",
                     "--max-size", "600", "--sign", f"{WORK}/bench.sec"]).split()[-1]
        c = Contender("plan scale", f"{FERRY} plan -q {target} --from-store {empty} --substituter file://{cache} "
                      f"--trusted-public-key {key()} --pool {WORK}/pool-plan", [cache], [f"{WORK}/pool-plan"])
        c.run()
        print(f"| {n} paths in a file:// cache | {c.times[0]:.1f} s | {c.cpu[0]:.1f} s | {c.rss[0]:.0f} MB | {c.rss[0] * 1024 * 1024 / n:.0f} B |", flush=True)
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

SAME = """set -eu; fail() { echo "$*" >&2; return 1; }; nixferry() { "$FERRY" "$@"; }
. "$ROOT/tests/e2e/answers.bash"; same_answers "$@" >&2; cat "$T/nix.answers" """

def load_store(store, paths):
    """Into its database as they are in this machine's; of derivations also the files."""
    remove(store)
    sh(["nix-store", "--store", store, "--init"])
    for path in paths:
        if path.endswith(".drv"):
            shutil.copy2(path, f"{store}/nix/store")
    sh(["nix-store", "--store", store, "--load-db"], input=sh(["nix-store", "--dump-db", *paths]))

def plan_same(top):
    """The sets are Nix's: for the closure, its derivation and others, with caches that lack paths at random."""
    drv = sh(["nix-store", "-q", "--deriver", top]).strip()
    below = sh(["nix-store", "-qR", drv]).split()
    drvs = [p for p in below if p.endswith(".drv")]
    paths = open(f"{WORK}/closure/g1.paths").read().split()
    work = f"{WORK}/same"
    remove(work)
    os.makedirs(work)
    env = dict(ENV, FERRY=FERRY, ROOT=ROOT, T=work, PUBLIC_KEY=key())
    asked = lines = 0
    for seed in range(10):
        rng = random.Random(seed)
        here = sh(["nix-store", "-qR", *rng.sample(paths, rng.randrange(1, 5))]).split() if seed % 2 else []
        load_store(f"{work}/store", below + here)
        caches = []
        for i in range(rng.randrange(1, 4)):
            share = rng.choice((0.5, 0.9, 0.99))
            remove(f"{work}/c{i}")
            os.makedirs(f"{work}/c{i}")
            for name in os.listdir(f"{WORK}/cache-zstd"):
                if name == "nix-cache-info" or (name.endswith(".narinfo") and rng.random() < share):
                    os.symlink(f"{WORK}/cache-zstd/{name}", f"{work}/c{i}/{name}")
            caches.append(f"file://{work}/c{i}")
        for targets in ([top], [drv], rng.sample(drvs, 5) + rng.sample(paths, 3)):
            p = subprocess.run(["bash", "-c", SAME, "same", f"{work}/store", " ".join(caches), *targets], env=env, text=True,
                               stdout=subprocess.PIPE)
            if p.returncode:
                raise SystemExit(f"bench: seed {seed}: not as Nix, see above")
            asked += 1
            lines += p.stdout.count("\n")
    print(f"\n## The same as Nix\n\n{asked} requests over {len(paths)} paths and {len(drvs)} derivations, with caches that lack paths "
          f"at random: {lines} paths to be fetched, built or unknown, none different.", flush=True)
    remove(work)

SCENARIOS = [plan_latency, plan_local, plan_scale, plan_same]
