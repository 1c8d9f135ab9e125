"""Servers in turn, round by round: each round begins with another one, so that none has the best time of the day."""

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.phases import Phase, measured, warm
from benchmarks.servers import DIRECT, Server, running
from benchmarks.stage import Failed, Stage

Found = dict[str, dict[str, Any]]
"""By server: ``what``, ``starts`` (one for each round), ``cases`` (by case and phase, a sample for each round)."""

DIRECT_NAME = "direct"


def compared(stage: Stage, servers: Sequence[Server], phases: Sequence[Phase], rounds: int, *, retries: int) -> Found:
    """All of them, so many times. A server that fails is left out from then on, which ``failed`` tells; why is printed.

    The reason holds addresses and paths of the machine, and results are kept.
    """
    found: Found = {DIRECT_NAME: {"what": "the load on the fake provider itself", "starts": [], "cases": {}}}
    for server in servers:
        found[server.name] = {"what": server.what, "starts": [], "cases": {}}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        _direct(stage, phases, found[DIRECT_NAME]["cases"], retries)
        first = number % max(1, len(servers))
        for server in (*servers[first:], *servers[:first]):
            about = found[server.name]
            if "failed" in about:
                continue
            say(f"  {server.name}")
            try:
                _one(stage, server, phases, about, retries)
            except Failed as error:
                about["failed"] = f"gave no answer in round {number + 1}"
                say(f"  {error}")
    return found


def _direct(stage: Stage, phases: Sequence[Phase], cases: dict[str, Any], retries: int) -> None:
    for case in DIRECT:
        for phase in phases:
            if phase.load.connections > 1:
                continue
            path = case.path.replace(":generate", ":streamGenerate") if phase.stream else case.path
            request = type(case)(case.name, case.model, path).request(stream=phase.stream)
            sample = measured(stage, None, request, phase.load, retries=retries)
            cases.setdefault(case.name, {}).setdefault(phase.name, []).append(sample)


def _one(stage: Stage, server: Server, phases: Sequence[Phase], about: dict[str, Any], retries: int) -> None:
    with running(server, stage) as up:
        about["starts"].append(
            {
                "seconds": round(up.start_seconds, 3),
                "cpu_seconds": round(up.start_cpu_seconds, 3),
                "idle_mb": up.idle_mb,
            }
        )
        for case in up.cases:
            warm(stage, up, case, phases[0].load.seconds / 4)
            for phase in phases:
                request = case.request(stream=phase.stream)
                sample = measured(stage, up, request, phase.load, retries=retries)
                about["cases"].setdefault(case.name, {}).setdefault(phase.name, []).append(sample)


def say(text: str) -> None:
    """To whoever waits."""
    print(text, file=sys.stderr, flush=True)
