"""Transfers: nginx on loopback behind lagproxy, which adds round-trip time and caps bandwidth."""
import os, socket, statistics, subprocess, time

from common import (FERRY, PORT, ROOT, RUNS, WORK, Contender, compare, key, lagproxy, remove, sh)

MBIT = 1e6 / 8

def narinfos(cache):
    """FileSize and references by base name."""
    found = {}
    for name in os.listdir(cache):
        if not name.endswith(".narinfo"):
            continue
        fields = dict(line.split(": ", 1) for line in open(f"{cache}/{name}").read().splitlines() if ": " in line)
        found[os.path.basename(fields["StorePath"])] = (int(fields["FileSize"]), fields.get("References", "").split())
    return found

def closure(known, base):
    seen, todo = set(), [base]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += known[at][1]
    return seen

def path_of_size(wanted):
    """The path whose closure's files come nearest to so many bytes; and their sum."""
    known = narinfos(f"{WORK}/cache-zstd")
    sums = {base: sum(known[b][0] for b in closure(known, base)) for base in known}
    best = min(sums, key=lambda base: abs(sums[base] - wanted))
    return f"/nix/store/{best}", sums[best]

def prefetch(target, ports, more=""):
    urls = " ".join(f"--substituter http://127.0.0.1:{port}" for port in ports)
    keep = "" if "--store" in more else "--compress keep"
    return (f"{FERRY} prefetch --quiet --no-local-store {target} {urls} --trusted-public-key {key()} --pool {WORK}/pool "
            f"{keep} {more}")

POOL = [f"{WORK}/pool"]

def transfer_latency(top):
    """The whole closure at 30 ms round trip, from a zstd cache."""
    links = f"{WORK}/aria2.list"
    with open(links, "w") as out:
        for name in os.listdir(f"{WORK}/cache-zstd"):
            if name.endswith(".narinfo"):
                out.write(f"http://127.0.0.1:{PORT + 1001}/{name}\n")
        for name in os.listdir(f"{WORK}/cache-zstd/nar"):
            out.write(f"http://127.0.0.1:{PORT + 1001}/nar/{name}\n")
    nix = (f"--option substituters http://127.0.0.1:{PORT + 1001} --option trusted-public-keys '{key()}' "
           "--option http-connections 50 --option max-substitution-jobs 50 --option substitute true")
    root = f"{WORK}/root"
    with lagproxy(PORT + 1001, PORT + 1, 15):
        compare("the closure at 30 ms round trip, into the pool", [
            Contender("nixferry prefetch, keep", prefetch(top, [PORT + 1001]), [f"{WORK}/cache-zstd"], POOL),
            Contender("aria2c -j16, no checks", f"aria2c -q -j16 -x16 -k1M -d {WORK}/out -i {links} --auto-file-renaming=false "
                      "--file-allocation=none", [f"{WORK}/cache-zstd"], [f"{WORK}/out"]),
        ])
        compare("the closure at 30 ms round trip, into a root store", [
            Contender("nixferry prefetch --store", f"mkdir -p {root}; {prefetch(top, [PORT + 1001], f'--store {root}')}",
                      [f"{WORK}/cache-zstd"], POOL + [root]),
            Contender("nix copy", f"nix copy --from http://127.0.0.1:{PORT + 1001} --to {root} {nix} {top}",
                      [f"{WORK}/cache-zstd"], [root]),
            Contender("nix-store --realise -j 50", f"nix-store --store {root} --realise {top} {nix} -j 50",
                      [f"{WORK}/cache-zstd"], [root]),
            Contender("nix-store --realise, one at a time", f"nix-store --store {root} --realise {top} {nix}",
                      [f"{WORK}/cache-zstd"], [root], runs=1),
        ])

def transfer_caches(top):
    """Several caches with capped links: how much of their sum is used."""
    target, size = path_of_size(400e6)
    print(f"\nThe closure of {os.path.basename(target)}: {size / 1e6:.0f} MB as zstd.")
    ports = [PORT + 1100 + i for i in range(3)]
    def run(title, rates, commands):
        proxies = [lagproxy(port, PORT + 1, 5, rate) for port, rate in zip(ports, rates)]
        try:
            compare(title, [Contender(name, command, [f"{WORK}/cache-zstd"], POOL, runs=RUNS if i == 0 else 1)
                            for i, (name, command) in enumerate(commands)])
        finally:
            for p in proxies:
                p.stop()
        print(f"\nAt the links' sum ({sum(rates)} Mbit/s) the files take {size / sum(rates) / MBIT:.2f} s.")
    run("two caches of 100 Mbit/s", (100, 100),
        [("both", prefetch(target, ports[:2])), ("one alone", prefetch(target, ports[:1]))])
    run("three caches of 100, 50 and 10 Mbit/s", (100, 50, 10),
        [("all three", prefetch(target, ports)), ("the fastest alone", prefetch(target, ports[:1]))])

def transfer_death(top):
    """One of two caches dies in the middle."""
    target, size = path_of_size(200e6)
    half = size / 200 / MBIT / 2
    def timed(name, before):
        times = []
        for _ in range(RUNS):
            proxies = [lagproxy(PORT + 1110 + i, PORT + 1, 5, 100) for i in range(2)]
            command = f"{before.format(proxies[1].pid)} {prefetch(target, [PORT + 1110, PORT + 1111])}; exit $?"
            c = Contender(name, command, [f"{WORK}/cache-zstd"], POOL)
            try:
                c.run()
            finally:
                for p in proxies:
                    p.stop()
            times += c.times
        print(f"| {name} | {statistics.median(times):.2f} s | {min(times):.2f} to {max(times):.2f} |", flush=True)
        return statistics.median(times)
    print(f"\n## one of two caches of 100 Mbit/s dies after {half:.2f} s\n\n| what | median | min to max |\n|---|---|---|")
    alive = timed("both live", "")
    timed("one dies", f"(sleep {half:.2f}; kill {{}}) &")
    # What it would have brought from then on comes from the other one.
    print(f"\nWith its share lost and nothing else: {half + 2 * (alive - half):.2f} s, counted from what both take; "
          f"{half + (size - half * 200 * MBIT) / 100 / MBIT:.2f} s from the links alone.")

def transfer_dead(top):
    """A cache in front that never answers, and one that refuses connections."""
    target, _ = path_of_size(20e6)
    hole = socket.socket()
    hole.bind(("127.0.0.1", PORT + 1120))
    hole.listen(0)
    # Its queue is full: what connects now is never accepted.
    fill = [socket.socket() for _ in range(2)]
    for s in fill:
        s.setblocking(False)
        try:
            s.connect(("127.0.0.1", PORT + 1120))
        except BlockingIOError:
            pass
    state = f"{WORK}/state"
    known = f"XDG_STATE_HOME={state}; export XDG_STATE_HOME; "
    def one(port, warm):
        front = [port] if port else []
        before = f"{prefetch(target, front + [PORT + 1])} >/dev/null 2>&1; rm -r {WORK}/pool; " if warm else ""
        return known + before + prefetch(target, front + [PORT + 1])
    def timed(name, port, forget):
        times = []
        for _ in range(5):
            remove(*POOL)
            if forget:
                remove(state)
            start = time.monotonic()
            sh(["/bin/sh", "-c", known + prefetch(target, ([port] if port else []) + [PORT + 1])])
            times.append(time.monotonic() - start)
        print(f"| {name} | {statistics.median(times):.3f} s | {min(times):.3f} to {max(times):.3f} |")
    print("\n## a dead cache in front\n\n| what | median | min to max |\n|---|---|---|")
    timed("none, first run", None, True)
    timed("none, next runs", None, False)
    timed("refuses connections", PORT + 1121, True)
    timed("never answers, first run", PORT + 1120, True)
    timed("never answers, next runs", PORT + 1120, False)
    hole.close()

def transfer_one_file(top):
    """One NAR of 400 MB from a server that caps each connection at 20 Mbit/s."""
    cache, big = f"{WORK}/cache-big", f"{WORK}/big"
    if not os.path.exists(f"{WORK}/big.path"):
        sh(f"head -c 400000000 /dev/urandom > {big}")
        path = sh(["nix-store", "--add", big]).strip()
        sh(["nix", "store", "sign", "-k", f"{WORK}/bench.sec", path])
        sh(["nix", "copy", "--to", f"file://{cache}?compression=none", path])
        open(f"{WORK}/big.path", "w").write(path)
    target = open(f"{WORK}/big.path").read()
    url = [l for l in open(f"{cache}/{os.path.basename(target)[:32]}.narinfo") if l.startswith("URL: ")][0].split()[1]
    compare("one NAR of 400 MB, 20 Mbit/s a connection", [
        Contender("nixferry prefetch, keep", prefetch(target, [PORT + 3]), [cache], POOL),
        Contender("one connection", f"curl -s -o {WORK}/out.nar http://127.0.0.1:{PORT + 3}/{url}", [cache], [f"{WORK}/out.nar"],
                  runs=1),
        Contender("aria2c -x16", f"aria2c -q -x16 -s16 -k1M -d {WORK}/out http://127.0.0.1:{PORT + 3}/{url} --file-allocation=none",
                  [cache], [f"{WORK}/out"]),
    ])

def transfer_cpu(top):
    """From an xz cache: how near to decoding the same files on all cores."""
    compare("xz cache over HTTP into the pool, as it is", [
        Contender("nixferry prefetch, keep", prefetch(top, [PORT]), [f"{WORK}/cache-xz"], POOL),
        Contender("the limit: xz -dc, all cores", f"ls -S {WORK}/cache-xz/nar | xargs -P $(nproc) -I F sh -c "
                  f"'xz -dc {WORK}/cache-xz/nar/F >/dev/null'", [f"{WORK}/cache-xz"]),
    ])

SCENARIOS = [transfer_latency, transfer_caches, transfer_death, transfer_dead, transfer_one_file, transfer_cpu]
