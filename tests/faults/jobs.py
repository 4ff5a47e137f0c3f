"""The commands that are to survive each fault: what each needs, what it makes, and what it may
leave when it fails."""

import os
import shutil

from world import make_old, rows_of, tree_of

# A download that was begun is kept, for the next run to go on with.
RESUMED = (".part", ".state")
TEMPORARY = (".tmp", ".lock", ".part", ".state")


def is_temporary(path):
    name = os.path.basename(path)
    return (name.endswith(TEMPORARY) and name != "gc.lock") or name.startswith("tmp-")


def temporary_below(top):
    return [name for name in tree_of(top) if is_temporary(name)]


def lasting(tree):
    return {name: what for name, what in tree.items() if not is_temporary(name)}


class Job:
    """One command, in a place of its own: WORLD has what all places share."""

    def __init__(self, world, place):
        self.world, self.place = world, place

    def prepare(self):
        """As it was before the first run."""

    def wait(self):
        """Between a run that failed and the next one."""

    def result(self):
        """Of a run that passed; the same after every such run."""
        raise NotImplementedError

    def leftovers(self):
        """What must not be there after a run that failed."""
        return temporary_below(self.place)

    def store(self):
        """The root of a target store, or None."""
        return None


class Import(Job):
    name = "import"

    def prepare(self):
        os.mkdir(f"{self.place}/root")
        os.link(f"{self.world.dir}/b.bundle", f"{self.place}/b.bundle")

    def argv(self):
        return ["import", f"{self.place}/b.bundle", "--store", f"{self.place}/root", "--profile",
                "system", "--trusted-public-key", self.world.key]

    def result(self):
        root = self.store()
        # The file of temporary roots of a killed process is removed by a collector.
        tree = tree_of(f"{root}/nix", skip=("var/nix/db/db.sqlite", "var/nix/temproots/", "store"))
        store = tree_of(f"{root}/nix/store", with_time=True)
        return rows_of(root), lasting(tree), lasting(store)

    def store(self):
        return f"{self.place}/root"


class Into(Import):
    name = "prefetch --store"

    def prepare(self):
        os.mkdir(f"{self.place}/root")

    def argv(self):
        return ["prefetch", self.world.top, "--store", f"{self.place}/root", "--profile",
                "system", "--pool", f"{self.place}/pool", "--substituter", self.world.url,
                *self.world.trust()]

    def leftovers(self):
        return [name for name in super().leftovers() if not name.endswith(RESUMED)]


class Prefetch(Job):
    name = "prefetch"

    def argv(self):
        return ["prefetch", self.world.top, "--pool", f"{self.place}/pool", "--substituter",
                self.world.url, *self.world.trust()]

    def result(self):
        return lasting(tree_of(f"{self.place}/pool"))

    def leftovers(self):
        return [name for name in super().leftovers() if not name.endswith(RESUMED)]


class Pack(Job):
    name = "pack"

    def prepare(self):
        shutil.copytree(f"{self.world.dir}/full-pool", f"{self.place}/pool")

    def argv(self):
        return ["pack", self.world.top, "--pool", f"{self.place}/pool", "-o",
                f"{self.place}/out.bundle", "--sign-key", self.world.sec, *self.world.trust()]

    def result(self):
        return lasting({name: what for name, what in tree_of(self.place).items()
                        if not name.startswith("home")})


class Collect(Job):
    name = "pool gc"

    def prepare(self):
        shutil.copytree(f"{self.world.dir}/old-pool", f"{self.place}/pool")

    def argv(self):
        return ["pool", "gc", "--pool", f"{self.place}/pool", "--keep", self.world.top]

    def result(self):
        return tree_of(f"{self.place}/pool")

    def wait(self):
        """A file without an entry may be on its way into the pool, until it is old."""
        for directory in ("nar", "tmp"):
            for name in os.listdir(f"{self.place}/pool/{directory}"):
                make_old(f"{self.place}/pool/{directory}/{name}")

    def leftovers(self):
        return []


ALL = (Import, Into, Prefetch, Pack, Collect)
