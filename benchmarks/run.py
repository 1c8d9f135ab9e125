"""``python -m benchmarks.run``: measures everything, prints the tables, and keeps the figures in ``results.json``.

What is measured replaces what was there; what is left out, and what others put there (``profile``), stays.
"""

import argparse
import datetime
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import growth, machine, results
from benchmarks.compare import compared, say
from benchmarks.peers import installed, versions
from benchmarks.phases import phases
from benchmarks.report import tables
from benchmarks.servers import BASELINES, ours
from benchmarks.stage import Failed, Stage, stage

PARTS = ("compare", "growth", "crowd", "workers")
PEERS_VARIABLE = "AI_ROUTER_BENCH_PEERS"


def main(arguments: list[str] | None = None) -> int:
    """Measure; gives an exit code."""
    options = _parser().parse_args(arguments)
    out: Path = options.out
    found = results.read(out) if out.exists() else {}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
            stage(options.folder or Path(folder), nice=options.nice) as made,
        ):
            _measure(made, options, found, out)
    except Failed as error:
        say(f"benchmarks: {error}")
        return 1
    lacking = results.missing(found)
    if lacking:
        say("not complete; lacking: " + "; ".join(lacking))
    else:
        print(tables(found))
    return 0


def _measure(made: Stage, options: argparse.Namespace, found: results.Results, out: Path) -> None:
    retries, seconds = options.retries, options.seconds
    parts = options.only or PARTS
    found["machine"] = machine.described()
    today = {"date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}", "seconds": seconds}
    found["settings"] = {**found.get("settings", {}), **today}
    if "compare" in parts:
        servers = [ours(), *BASELINES, *installed(options.peers)]
        found["settings"] |= {"rounds": options.rounds, "peers": versions(options.peers)}
        found["servers"] = compared(made, servers, phases(seconds), options.rounds, retries=retries)
        results.write(found, out)
    if "growth" in parts:
        found["growth"] = growth.grown(made, seconds / 2, options.rounds, retries=retries)
        results.write(found, out)
    if "crowd" in parts:
        found["crowd"] = growth.crowd(made, options.streams, 10 * seconds)
        results.write(found, out)
    if "workers" in parts:
        found["workers"] = growth.with_workers(made, 2 * seconds, options.rounds, retries=retries)
    results.write(found, out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__, allow_abbrev=False)
    named = os.environ.get(PEERS_VARIABLE)
    settings: dict[str, dict[str, Any]] = {
        "--rounds": {"type": int, "default": 3, "help": "how often each server is started and measured"},
        "--seconds": {"type": float, "default": 2.0, "help": "of the shortest phase"},
        "--streams": {"type": int, "default": 500, "help": "at a time, in the part `crowd`"},
        "--retries": {"type": int, "default": 1, "help": "of a phase in which others used the machine"},
        "--nice": {
            "type": int,
            "default": 0,
            "help": "of all that is measured; -19 on a machine that others use (root)",
        },
        "--peers": {
            "type": Path,
            "default": Path(named) if named else None,
            "help": f"where other gateways are installed, see benchmarks/peers.py; else {PEERS_VARIABLE}",
        },
        "--out": {"type": Path, "default": results.RESULTS, "help": "results.json if not given"},
        "--folder": {"type": Path, "help": "for logs and samples, kept; else one that is removed"},
    }
    for name, setting in settings.items():
        parser.add_argument(name, **setting)
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; again for more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
