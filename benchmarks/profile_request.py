"""What one request costs by layer: HTTP in (with the event loop), validation, codec, HTTP out, response.

``python -m benchmarks.profile_request [--before DIR] [--json] [--keep]``. The service runs on its socket in front of
the fake provider, as it is installed by default; its CPU time for each request is measured first, and is then divided
by samples of where it is (``sampler.py``). ``--before`` does the same, in turn, with another version of the service: a
checkout that lies in DIR.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks import machine, results
from benchmarks.servers import Running, Server, ours, running
from benchmarks.stage import Failed, Load, Stage, stage

LAYERS: Final = ("HTTP in", "validation", "codec", "HTTP out", "response")
_LOADS: Final = {"plain": Load(32, 3.0), "stream in a burst": Load(32, 3.0)}
_SAMPLER: Final = Path(__file__).parent / "sampler.py"

Profile = dict[str, dict[str, float]]
"""Microseconds by layer, by case."""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; gives an exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.profile_request", description=__doc__)
    parser.add_argument("--before", type=Path, metavar="DIR", help="a checkout of another version, measured in turn")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--keep", action="store_true", help="put both into results.json, for the report")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nice", type=int, default=0, help="scheduling priority of all that is measured")
    options = parser.parse_args(arguments)
    trees = {"before": options.before.resolve()} if options.before else {}
    trees["after"] = Path(__file__).resolve().parent.parent
    try:
        with tempfile.TemporaryDirectory() as folder, stage(Path(folder), nice=options.nice) as made:
            rounds = [{name: _profile(tree, made) for name, tree in trees.items()} for _ in range(options.rounds)]
    except Failed as failure:
        print(f"benchmarks.profile_request: {failure}", file=sys.stderr)
        return 1
    profiles = {name: _medians([one[name] for one in rounds]) for name in trees}
    if options.keep:
        results.write({**results.read(), "profile": profiles})
    print(json.dumps(profiles, indent=1) if options.json else tables(profiles))
    return 0


def _profile(tree: Path, made: Stage) -> Profile:
    server = ours()
    return {
        f"{kind} to {case.name}": _layers(server, number, made, tree, load, stream=kind != "plain")
        for kind, load in _LOADS.items()
        for number, case in enumerate(server.cases)
    }


def _layers(server: Server, number: int, made: Stage, tree: Path, load: Load, *, stream: bool) -> dict[str, float]:
    output = made.folder / "samples.json"
    sampled = (server.command[0], str(_SAMPLER), str(output), *server.command[3:])
    with running(replace(server, command=sampled, working_folder=tree), made) as run:
        request = run.cases[number].request(stream=stream)
        made.send(run.port, request, replace(load, seconds=1.0))
        cost = _cost(run, made, request, load)
        run.process.send_signal(signal.SIGUSR1)
        made.send(run.port, request, load)
        run.process.send_signal(signal.SIGINT)
        run.process.wait(30)
    counts: dict[str, int] = json.loads(output.read_text("utf-8"))
    total = sum(counts.values()) or 1
    return {layer: round(cost * counts.get(layer, 0) / total, 1) for layer in LAYERS}


def _cost(run: Running, made: Stage, request: bytes, load: Load) -> float:
    """Microseconds of CPU time for each answer."""
    before = machine.cpu_seconds(run.processes())
    seen = made.send(run.port, request, load)
    if seen["errors"] or not seen["answers"]:
        raise Failed(f"{run.name} did not answer: {seen}")
    return (machine.cpu_seconds(run.processes()) - before) * 1e6 / float(seen["answers"])


def _medians(rounds: list[Profile]) -> Profile:
    return {
        case: {layer: statistics.median([one[case][layer] for one in rounds]) for layer in LAYERS} for case in rounds[0]
    }


def tables(profiles: dict[str, Any]) -> str:
    """A table for each case, a column for each profile."""
    lines = []
    for case in profiles["after"]:
        lines.append(f"{case}, microseconds of CPU time")
        for layer in (*LAYERS, "all"):
            figures = [
                sum(profile[case].values()) if layer == "all" else profile[case][layer] for profile in profiles.values()
            ]
            lines.append(f"  {layer:12}" + "".join(f"{figure:10.1f}" for figure in figures))
    return "\n".join(["columns: " + ", ".join(profiles), *lines])


if __name__ == "__main__":
    sys.exit(main())
