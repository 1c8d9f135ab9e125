"""The phases of a comparison, and one measurement of one server in one of them."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.servers import Case, Running
from benchmarks.stage import Failed, Load, Stage

Sample = dict[str, Any]

QUIET: Final = 0.15
"""Cores that others may use meanwhile before a sample counts as disturbed."""


@dataclass(frozen=True)
class Phase:
    """Every server is put through these, in order."""

    name: str
    stream: bool
    load: Load


def phases(seconds: float) -> tuple[Phase, ...]:
    """``seconds``: of the shortest."""
    return (
        Phase("plain 1", False, Load(1, seconds)),
        Phase("plain 32", False, Load(32, 1.5 * seconds)),
        Phase("burst 1", True, Load(1, seconds)),
        Phase("burst 32", True, Load(32, 1.5 * seconds)),
        Phase("paced 8", True, Load(8, 2 * seconds, think_ms=50, pause_ms=10)),
    )


def measured(
    stage: Stage, running: Running | None, request: bytes, load: Load, *, retries: int = 0, sample: Path | None = None
) -> Sample:
    """What the load saw, with the CPU time for each answer of the server (``cpu_ms``), and of load and provider
    (``beside_ms``); ``running`` is ``None`` for the provider itself.

    Where others used the machine meanwhile, it is done again up to ``retries`` times, and the quietest one counts. CPU
    is user and system time, of the server's whole process tree. Raises Failed where an answer is not a good one.
    """
    best: Sample | None = None
    for _ in range(retries + 1):
        found = _measured_once(stage, running, request, load, sample)
        if best is None or found["others"] < best["others"]:
            best = found
        if best["others"] <= QUIET:
            break
    assert best is not None  # noqa: S101  # there was at least one
    return best


def _measured_once(stage: Stage, running: Running | None, request: bytes, load: Load, sample: Path | None) -> Sample:
    family = running.processes() if running is not None else []
    provider = [stage.provider.pid]
    began, busy, own = time.monotonic(), machine.busy_seconds(), machine.own_seconds()
    server, upstream = machine.cpu_seconds(family), machine.cpu_seconds(provider)
    seen = stage.send(running.port if running is not None else stage.port, request, load, sample)
    if running is not None:
        family = running.processes()
    server = machine.cpu_seconds(family) - server
    beside = machine.own_seconds() - own + machine.cpu_seconds(provider) - upstream
    others = (machine.busy_seconds() - busy - server - beside) / (time.monotonic() - began)
    if seen["errors"] or not seen["answers"]:
        raise Failed(f"not every answer was good: {seen}")
    kept = {name: seen[name] for name in ("answers", "per_second", "p50", "p99", "first_p50", "first_p99")}
    if seen["events"]:
        kept["events"] = seen["events"]
    if load.pause_ms:
        kept["latest"] = seen["latest"]
    if running is not None:
        kept["cpu_ms"] = round(1000 * server / seen["answers"], 4)
        kept["beside_ms"] = round(1000 * beside / seen["answers"], 4)
    return {**kept, "others": round(max(0.0, others), 3)}


def warm(stage: Stage, running: Running, case: Case, seconds: float) -> None:
    """Let a server do its first work unmeasured. Its first answers are kept, to be looked at by people."""
    for stream, kind in ((False, "json"), (True, "sse")):
        sample = stage.folder / f"sample-{running.name}-{case.name}.{kind}"
        seen = stage.send(running.port, case.request(stream=stream), Load(8, seconds), sample)
        if seen["errors"] or not seen["answers"]:
            text = sample.read_text(errors="replace")[:300] if sample.exists() else ""
            raise Failed(f"no good answers: {seen} {text}")
