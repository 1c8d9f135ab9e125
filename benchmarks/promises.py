"""What is promised of the cost of a request, and whether the results keep it."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks import results
from benchmarks.results import BASELINE_OF, CASES, OURS, Results

_PHASES: Final = (("plain 32", "plain request"), ("burst 32", "stream in a burst"), ("paced 8", "paced stream"))
_PEERS: Final = (("litellm", "LiteLLM", 25), ("portkey", "Portkey", 4), ("tensorzero", "TensorZero", 2))
_MOST_TIMES_BASELINE: Final = 1.5
_MOST_FIRST_US: Final = 1000
_MOST_START_SECONDS: Final = 1.0
_MOST_IDLE_MB: Final = 60
_MOST_LATE_MS: Final = 1000
_MOST_GROWN: Final = 1.1
_MOST_STEEPENING: Final = 1.25
_WORKERS: Final = 2
_LEAST_USE: Final = 0.85
"""Of what so many cores allow, on which provider and load work as well."""


@dataclass(frozen=True)
class Promise:
    """One of them."""

    text: str
    bound: str
    measured: str
    is_kept: bool | None
    """``None``: what it is measured against was not run, so nothing is claimed."""


def promises(found: Results) -> list[Promise]:
    """All of them, in the order they are told."""
    return [*_against_baselines(found), *_against_peers(found), *_of_the_process(found), *_of_growth(found)]


def _ratio(
    text: str, bound: str, ratios: list[float], *, most: float | None = None, least: float | None = None
) -> Promise:
    if not ratios:
        return Promise(text, bound, "–", None)
    middle = statistics.median(ratios)
    told = f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return Promise(text, bound, told, (most is None or middle <= most) and (least is None or middle >= least))


def _against_baselines(found: Results) -> Iterator[Promise]:
    for phase, what in _PHASES:
        for case in CASES:
            other = BASELINE_OF[case]
            ratios = results.ratios(found, (OURS, case), (other, case), phase)
            bound = f"≤ {_MOST_TIMES_BASELINE} times"
            yield _ratio(f"{what} to {case}: CPU by that of {other}", bound, ratios, most=_MOST_TIMES_BASELINE)


def _against_peers(found: Results) -> Iterator[Promise]:
    for server, name, times in _PEERS:
        for case in CASES:
            if found["servers"].get(server) and case not in found["servers"][server]["cases"]:
                continue
            ratios = results.ratios(found, (server, case), (OURS, case), "plain 32")
            yield _ratio(f"plain request to {case}: CPU of {name} by ours", f"≥ {times} times", ratios, least=times)


def _of_the_process(found: Results) -> Iterator[Promise]:
    for case in CASES:
        late = results.added(found, case, "burst 1", "first_p50")
        text = f"first event of a stream to {case}, added at one connection"
        yield Promise(
            text, "≤ 1 ms", f"{late:.0f} µs" if late is not None else "–", late is not None and late <= _MOST_FIRST_US
        )
    seconds, idle = results.start(found, OURS, "seconds"), results.start(found, OURS, "idle_mb")
    if seconds is not None and idle is not None:
        yield Promise("from the start to the first answer", "< 1 s", f"{seconds:.2f} s", seconds < _MOST_START_SECONDS)
        yield Promise("memory without load", "< 60 MB", f"{idle:g} MB", idle < _MOST_IDLE_MB)
    crowd = found["crowd"]
    text = f"{crowd['streams']} paced streams on one core: the latest event"
    yield Promise(text, "≤ 1 s late", f"{crowd['latest_ms']:g} ms", crowd["latest_ms"] <= _MOST_LATE_MS)
    grown = crowd["mb_after"] / crowd["mb_before"]
    yield Promise(
        "the same: memory at the end by that at the beginning", f"≤ {_MOST_GROWN}", f"{grown:.2f}", grown <= _MOST_GROWN
    )


def _of_growth(found: Results) -> Iterator[Promise]:
    for sweep in found["growth"].values():
        for case in sweep["cpu_ms"]:
            steep = results.steepening(results.costs(sweep, case))
            text = f"linear in {sweep['what']} ({case}): steepening"
            yield Promise(text, f"≤ {_MOST_STEEPENING}", f"{steep:.2f}", steep <= _MOST_STEEPENING)
    one, two = (found["workers"][workers] for workers in ("1", "2"))
    uses = [
        more["per_second"] * (less["cpu_ms"] + less["beside_ms"]) / (1000 * _WORKERS)
        for more, less in zip(two, one, strict=True)
    ]
    text = "two workers: requests per second by the most that two cores allow"
    yield _ratio(text, f"≥ {_LEAST_USE}", uses, least=_LEAST_USE)
