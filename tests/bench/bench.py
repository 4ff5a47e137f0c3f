#!/usr/bin/env python3
"""Measures nixferry beside its peers on a realistic closure. See docs/benchmarks.md.

usage: bench.py [SCENARIO...]      (default: all; --list names them)
"""
import sys

import bundles, planning, simulation, transfer
from common import prepare, remove_old, serve

SCENARIOS = {f.__name__: f for module in (bundles, planning, simulation, transfer) for f in module.SCENARIOS}

def main():
    names = sys.argv[1:] or list(SCENARIOS)
    if names == ["--list"]:
        return print("\n".join(SCENARIOS))
    top = prepare()
    server = serve()
    try:
        for name in names:
            SCENARIOS[name](top)
            remove_old()
    finally:
        server.terminate()
        server.wait()

if __name__ == "__main__":
    main()
