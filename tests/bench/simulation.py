"""The dispatcher in a virtual network: how near it comes to the bound, and what it costs; and the whole engine in random
worlds."""
import re, subprocess, time

from common import ROOT

def simulate(top):
    """Thousands of caches, hundreds of thousands of files."""
    sim = f"{ROOT}/build/release/sim"
    out = subprocess.run([sim], text=True, stdout=subprocess.PIPE).stdout
    print("\n## 200,000 files in a virtual network\n\n| scenario | makespan | bound | ratio | in vain | requests | the dispatcher, an order | "
          "wall time | memory of the dispatcher |\n|---|---|---|---|---|---|---|---|---|")
    for line in out.splitlines():
        name = re.match(r"(?:not )?ok (\S+)", line).group(1)
        value = lambda pattern: re.search(pattern, line).group(1)
        print(f"| {name} | {value(r'([0-9.]+) s, bound')} s | {value(r'bound +([0-9.]+)')} s | {value(r'ratio ([0-9.]+)')} | "
              f"{value(r'twice +([0-9.]+)')} % | {value(r'([0-9]+) requests')} | {value(r'([0-9]+) ns')} ns | "
              f"{value(r'simulated in ([0-9.]+)')} s | {value(r'([0-9.]+) MB')} MB |", flush=True)

def random_worlds(top):
    """The real engine, its pool and its verdicts: caches lie, lose files, go away; runs are killed."""
    count = 10000
    begin = time.monotonic()
    p = subprocess.run([f"{ROOT}/build/release/simfetch", "--random", str(count)], text=True, stdout=subprocess.PIPE)
    bad = [line for line in p.stdout.splitlines() if not line.startswith("ok ")]
    print(f"\n## {count:,} random worlds\n\n{len(bad)} broken promises, {time.monotonic() - begin:.0f} s", flush=True)
    for line in bad:
        print(f"* {line}")
    if bad or p.returncode:
        raise SystemExit(f"simfetch: status {p.returncode}")

SCENARIOS = (simulate, random_worlds)
