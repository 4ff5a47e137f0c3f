#!/usr/bin/env python3
"""Makes a small world for Nix out of a seed: a store, derivations in it, caches that have some of their outputs.

usage: nixworld.py --seed N --out DIR --mkcache PROGRAM --sign SECRETFILE --http URL --dead URL [--distro]

In DIR:
    store/      the root of a store: all derivations, sources, and some outputs, which its database calls valid
    c0, c1...   directories of caches; what they have overlaps, and none need have everything
    caches      URLs of caches, one a line: file://, below --http, and --dead
    targets     one request a line: paths, derivations, DRV!OUTPUT,OUTPUT
Nothing is built and no NAR exists: all of it is for asking what would be done.
"""
import argparse, hashlib, json, os, random, subprocess, sys

ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
OUTPUTS = ("out", "dev", "doc")

def nix32(digest):
    n, text = int.from_bytes(digest, "little"), []
    for _ in range((len(digest) * 8 + 4) // 5):
        text.append(ALPHABET[n & 31])
        n >>= 5
    return "".join(reversed(text))

def run(*cmd, **kw):
    p = subprocess.run(cmd, text=True, capture_output=True, **kw)
    if p.returncode:
        sys.exit(f"nixworld: {' '.join(cmd)}: {p.stderr}")
    return p.stdout

def base(path):
    return os.path.basename(path)

# ---- the derivations, as a Nix expression ----

class Drv:
    def __init__(self, name):
        self.name, self.outputs, self.inputs, self.extra, self.fixed = name, ["out"], [], [], False

    def expression(self):
        """INPUTS are of (number, what): an output's name, or "drv" for the derivation itself."""
        how = {"drv": "{}.drvPath", "file": "(builtins.unsafeDiscardOutputDependency {}.drvPath)"}
        deps = " ".join(how.get(what, "{}." + what).format(f"d{i}") for i, what in self.inputs)
        outputs = "" if self.outputs == ["out"] else f"outputs = [ {' '.join(map(json.dumps, self.outputs))} ];"
        return (f'derivation {{ name = "{self.name}"; system = "x86_64-linux"; builder = "/bin/sh"; {outputs} '
                f'deps = [ {deps} ]; {" ".join(self.extra)} }}')

def fix(rng, drv):
    drv.fixed, drv.outputs = True, ["out"]
    mode = rng.choice(("flat", "recursive"))
    drv.extra.append(f'outputHashMode = "{mode}"; outputHashAlgo = "sha256"; outputHash = "{rng.randbytes(32).hex()}";')

def random_graph(rng):
    drvs, floating = [], rng.random() < 0.2
    count = rng.choice((1, 3, 8, 20, 40, 120))
    reach = rng.choice((2, 5, 1000))
    for i in range(count):
        d = Drv(f"d{i}")
        d.outputs = list(rng.choice((("out",), ("out",), ("out", "dev"), ("dev", "out"), OUTPUTS, ("lib", "out"))))
        below = drvs[max(0, i - reach):]
        for j in rng.sample(range(i - len(below), i), min(len(below), rng.randrange(5))):
            some = rng.sample(drvs[j].outputs, rng.randint(1, len(drvs[j].outputs)))
            d.inputs += [(j, output) for output in some]
            if rng.random() < 0.05 and not floating:
                d.inputs.append((j, rng.choice(("drv", "file"))))
        if rng.random() < 0.3:
            d.extra.append(f'src = builtins.toFile "s" "{rng.randrange(5)}";')
        if rng.random() < 0.3:
            allowed = rng.choice(("false", "false", "false", "true", '"0"', '"1"', '"false"'))
            d.extra.append(f"allowSubstitutes = {allowed};")
        if rng.random() < 0.1 and '"' not in "".join(d.extra[-1:]):
            d.extra.append("__structuredAttrs = true;")
        kind = rng.random()
        if kind < 0.1:
            fix(rng, d)
        elif kind < 0.2 and floating:
            d.extra.append('__contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256";')
        drvs.append(d)
    return drvs

def distro_graph(rng):
    """As a distribution is: sources that are fetched, tools, packages of several outputs, a system of
    many small files that no cache has."""
    drvs, tools, packages = [], [], []

    def add(name, inputs, outputs=("out",), extra=()):
        d = Drv(name)
        d.outputs, d.inputs = list(outputs), list(dict.fromkeys(inputs))
        d.extra = [f'builderScript = builtins.toFile "builder.sh" "setup {len(tools)}";', *extra]
        drvs.append(d)
        return len(drvs) - 1

    def source(name, inputs):
        i = add(name, inputs)
        fix(rng, drvs[i])
        return (i, "out")

    for i in range(6):
        tools.append((add(f"tool-{i}", [source(f"tool-{i}.tar.gz", []), *tools]), "out"))
    for i in range(120):
        some = rng.sample(packages, min(len(packages), rng.randrange(6)))
        outputs = rng.choice((("out",), ("out", "dev"), ("out", "dev", "doc")))
        inputs = [source(f"package-{i}.tar.xz", tools[:2]), *tools,
                  *((p, rng.choice(drvs[p].outputs)) for p in some)]
        packages.append(add(f"package-{i}-1.{rng.randrange(9)}", inputs, outputs))
    files = [add(f"unit-{i}.service", [(p, "out") for p in rng.sample(packages, 2)], extra=["allowSubstitutes = false;"])
             for i in range(25)]
    etc = add("etc", [(f, "out") for f in files], extra=["allowSubstitutes = false;"])
    add("nixos-system-lab", [(etc, "out"), *((p, drvs[p].outputs[0]) for p in rng.sample(packages, 40))])
    return drvs

def instantiate(drvs, store, directory):
    text = ["let"] + [f"  d{i} = {d.expression()};" for i, d in enumerate(drvs)]
    text.append("  show = d: { drv = builtins.unsafeDiscardStringContext d.drvPath; outputs = builtins.listToAttrs (map (name: {")
    text.append("    inherit name; value = builtins.unsafeDiscardStringContext d.${name}.outPath; }) (d.outputs or [ \"out\" ])); };")
    text.append(f"in map show [ {' '.join(f'd{i}' for i in range(len(drvs)))} ]")
    file = f"{directory}/graph.nix"
    open(file, "w").write("\n".join(text) + "\n")
    for d, known in zip(drvs, json.loads(run("nix-instantiate", "--store", store, "--eval", "--strict", "--json",
                                             "--read-write-mode", file))):
        d.drv = known["drv"]
        d.paths = {name: path for name, path in known["outputs"].items() if path.startswith("/nix/store/")}

# ---- paths and what they refer to ----

class Path:
    def __init__(self, rng, path, refs):
        self.path, self.refs = path, refs
        self.hash, self.nar_size = rng.randbytes(32), rng.randint(100, 50_000_000)
        self.file_size = rng.choice((0, rng.randint(50, self.nar_size)))

    def narinfo(self):
        size = f"FileSize: {self.file_size}\n" if self.file_size else ""
        refs = " ".join(sorted(map(base, self.refs)))
        return (f"StorePath: {self.path}\nURL: nar/{self.hash.hex()}.nar.xz\nCompression: xz\n{size}"
                f"NarHash: sha256:{nix32(self.hash)}\nNarSize: {self.nar_size}\nReferences: {refs}\n")

    def registration(self):
        return "\n".join([self.path, self.hash.hex(), str(self.nar_size), "", str(len(self.refs)), *sorted(self.refs)]) + "\n"

def make_paths(rng, drvs):
    """Outputs, which refer to some of what they were made from; and paths that nobody knows how to build."""
    paths, cyclic = {}, rng.random() < 0.2
    for i in range(rng.randrange(6)):
        refs = set(rng.sample(sorted(paths), min(len(paths), rng.randrange(3))))
        name = "".join(rng.choices(ALPHABET, k=32))
        path = f"/nix/store/{name}-x{i}"
        paths[path] = Path(rng, path, refs)
    others = sorted(paths)
    for d in drvs:
        known = [drvs[i].paths[what] for i, what in d.inputs if what in drvs[i].paths]
        for output, path in sorted(d.paths.items()):
            refs = {p for p in known if rng.random() < 0.6}
            if others and rng.random() < 0.1:
                refs.add(rng.choice(others))
            if rng.random() < 0.3:
                refs.add(path)
            if rng.random() < 0.02:
                refs.add(rng.choice(drvs).drv)
            if cyclic and rng.random() < 0.05:
                refs.add(rng.choice([p for e in drvs for p in e.paths.values()] or [path]))
            paths.setdefault(path, Path(rng, path, set() if d.fixed else refs))
    if rng.random() < 0.2:
        for d in drvs:
            paths[d.drv] = Path(rng, d.drv, {drvs[i].drv for i, _ in d.inputs})
    return paths

# ---- the store ----

def make_valid(rng, drvs, paths, store):
    """Some paths with all that they refer to become valid; derivations are already."""
    drv_paths = {d.drv for d in drvs}
    some = rng.choice((0, 0.05, 0.3))
    todo = [p for p in sorted(paths) if rng.random() < some]
    valid = set()
    while todo:
        path = todo.pop()
        if path not in valid and path in paths and path not in drv_paths:
            valid.add(path)
            todo += paths[path].refs
    text = "".join(paths[p].registration() for p in sorted(valid))
    if text and not has_cycle(paths, valid):
        run("nix-store", "--store", store, "--load-db", input=text)
        # Nix believes its database; we look whether they are there.
        for path in valid:
            os.makedirs(store + path, exist_ok=True)
    lost = [d.drv for d in drvs if rng.random() < 0.05] if rng.random() < 0.2 else []
    if lost:
        names = ", ".join(f"'{p}'" for p in lost)
        run("sqlite3", f"{store}/nix/var/nix/db/db.sqlite", f"delete from ValidPaths where path in ({names})")

def has_cycle(paths, among):
    """Nix registers none."""
    done, state = [], {}
    def visit(p):
        state[p] = "open"
        for r in paths[p].refs & among - {p}:
            if state.get(r) == "open" or (r not in state and visit(r)):
                return True
        state[p] = "done"
        return False
    sys.setrecursionlimit(10_000)
    return any(visit(p) for p in sorted(among) if p not in state)

# ---- caches ----

def narinfo_file(directory, path):
    return f"{directory}/{base(path)[:32]}.narinfo"

def fill(rng, directory, paths, sources, a):
    """A cache of a share of the paths; of some it says nothing that makes sense."""
    os.makedirs(directory)
    share = rng.choice((0, 0.3, 0.6, 0.9, 1))
    foreign = rng.random() < 0.1
    open(f"{directory}/nix-cache-info", "w").write(
        f"StoreDir: {'/other/store' if foreign else '/nix/store'}\nWantMassQuery: {rng.randrange(2)}\nPriority: {rng.randrange(60)}\n")
    has = [p for p in sorted(paths) if rng.random() < share and p not in sources]
    for p in has:
        open(narinfo_file(directory, p), "w").write(paths[p].narinfo())
    if has:
        run(a.mkcache, "sign", "--cache", directory, "--sign", a.sign, *has)
    if rng.random() < 0.2:
        for p in has:
            if rng.random() < 0.1:
                open(narinfo_file(directory, p), "w").write(rng.choice(("", "nonsense\n", f"StorePath: {p}\n")))

def make_caches(rng, drvs, paths, a):
    urls, fetched = [], set()
    if a.distro:  # the system's own files are in no cache
        fetched = {p for d in drvs if d.name.endswith(".service") or d.name in ("etc", "nixos-system-lab")
                   for p in d.paths.values()}
    for i in range(rng.randrange(5)):
        fill(rng, f"{a.out}/c{i}", paths, fetched, a)
        urls.append(rng.choice((f"file://{a.out}/c{i}", f"{a.http}/{base(a.out)}/c{i}")))
    if rng.random() < 0.3:
        urls.insert(rng.randrange(len(urls) + 1), a.dead)
    return urls

# ---- requests ----

def make_targets(rng, drvs, paths, distro):
    if distro:
        return [[drvs[-1].drv], [drvs[-1].drv, f"{drvs[-2].drv}!out", *rng.sample([d.drv for d in drvs], 5)]]
    lines = [[drvs[-1].drv], [d.drv for d in drvs]]
    for _ in range(3):
        line = []
        for d in rng.sample(drvs, min(len(drvs), 4)):
            some = ",".join(rng.sample(d.outputs, rng.randint(1, len(d.outputs))))
            line.append(rng.choice((d.drv, f"{d.drv}!{some}")))
        line += rng.sample(sorted(paths), min(len(paths), rng.randrange(4)))
        lines.append(line)
    return lines

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("out", "mkcache", "sign", "http", "dead"):
        ap.add_argument(f"--{name}", required=True)
    ap.add_argument("--seed", type=int, required=True), ap.add_argument("--distro", action="store_true")
    a = ap.parse_args()
    rng = random.Random(a.seed)
    store = f"{a.out}/store"
    os.makedirs(store)
    drvs = distro_graph(rng) if a.distro else random_graph(rng)
    instantiate(drvs, store, a.out)
    paths = make_paths(rng, drvs)
    make_valid(rng, drvs, paths, store)
    for name, lines in (("caches", make_caches(rng, drvs, paths, a)),
                        ("targets", map(" ".join, make_targets(rng, drvs, paths, a.distro)))):
        open(f"{a.out}/{name}", "w").write("".join(f"{line}\n" for line in lines))

main()
