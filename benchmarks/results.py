"""What was measured, as ``results.json`` holds it, and what is read from it: medians, and ratios within rounds.

Figures of one server differ between runs by up to half on shared machines, ratios of the same round far less: that is
why the promises are ratios.
"""

import itertools
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results.json"

OURS: Final = "ai-router"
CASES: Final = ("openai", "anthropic", "gemini")
PHASES: Final = ("plain 1", "plain 32", "burst 1", "burst 32", "paced 8")
BASELINE_OF: Final = {"openai": "baseline-json", "anthropic": "baseline-anthropic", "gemini": "baseline-gemini"}
"""What a case is compared with: the baseline that does the same work."""
SWEEPS: Final = ("body", "history", "tools", "streams", "rows")
FEWEST_ROUNDS: Final = 3
_LEAST_GROWTH: Final = 1.25
"""Of the cost over all sizes of a sweep, so that it is worth asking how it grows."""

Results = dict[str, Any]


def read(path: Path = RESULTS) -> Results:
    """The results of the last run that was kept."""
    found: Results = json.loads(path.read_text("utf-8"))
    return found


def write(results: Results, path: Path = RESULTS) -> None:
    """Keep results, one short line for each sample."""
    path.write_text(_laid_out(results) + "\n", "utf-8")


def _laid_out(value: Any, indent: str = "") -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + len(indent) <= 240 or not isinstance(value, dict | list) or not value:
        return flat
    deeper = indent + " "
    if isinstance(value, dict):
        inner = [f"{deeper}{json.dumps(name)}: {_laid_out(each, deeper)}" for name, each in value.items()]
        return "{\n" + ",\n".join(inner) + "\n" + indent + "}"
    return "[\n" + ",\n".join(deeper + _laid_out(each, deeper) for each in value) + "\n" + indent + "]"


# ---- figures


def samples(results: Results, server: str, case: str, phase: str) -> list[dict[str, Any]]:
    """One for each round; none where it was not measured."""
    about = results["servers"].get(server, {})
    found: list[dict[str, Any]] = about.get("cases", {}).get(case, {}).get(phase, [])
    return found


def median(results: Results, server: str, case: str, phase: str, figure: str) -> float | None:
    """The median of a figure over the rounds."""
    found = [sample[figure] for sample in samples(results, server, case, phase) if figure in sample]
    return statistics.median(found) if found else None


def cpu_per_event(results: Results, server: str, case: str, phase: str) -> float | None:
    """Microseconds for each event that a stream brought to the caller."""
    found = [
        1000 * sample["cpu_ms"] * sample["answers"] / sample["events"]
        for sample in samples(results, server, case, phase)
        if sample.get("events")
    ]
    return statistics.median(found) if found else None


def ratios(results: Results, over: tuple[str, str], under: tuple[str, str], phase: str) -> list[float]:
    """The CPU of one server and case by that of another, round by round."""
    pairs = zip(samples(results, *over, phase), samples(results, *under, phase), strict=False)
    return [one["cpu_ms"] / other["cpu_ms"] for one, other in pairs if one.get("cpu_ms") and other.get("cpu_ms")]


def added(results: Results, case: str, phase: str, figure: str) -> float | None:
    """Microseconds that the service adds to a time, as the median of the rounds."""
    pairs = zip(samples(results, OURS, case, phase), samples(results, "direct", case, phase), strict=False)
    found = [ours[figure] - direct[figure] for ours, direct in pairs]
    return statistics.median(found) if found else None


def start(results: Results, server: str, figure: str) -> float | None:
    """The median of a figure of its starts."""
    found = [each[figure] for each in results["servers"].get(server, {}).get("starts", [])]
    return statistics.median(found) if found else None


def costs(sweep: dict[str, Any], case: str) -> list[tuple[int, float]]:
    """Each size with the median CPU in milliseconds."""
    return [(size, statistics.median(each)) for size, each in zip(sweep["sizes"], sweep["cpu_ms"][case], strict=True)]


def slopes(points: Sequence[tuple[int, float]]) -> list[float]:
    """What one more costs, between each two sizes: the same everywhere where the growth is linear."""
    return [(more - less) / (large - small) for (small, less), (large, more) in itertools.pairwise(points)]


def steepening(points: Sequence[tuple[int, float]]) -> float:
    """By how much one more costs more at the largest sizes than on average over all: 1 is linear, 2 nearly a square.

    1 as well where there is hardly any growth, and the slopes are those of chance.
    """
    (first, least), (last, most) = points[0], points[-1]
    if most < _LEAST_GROWTH * least:
        return 1.0
    average = (most - least) / (last - first)
    return slopes(points)[-1] / average if average > 0 else 1.0


# ---- completeness


def missing(results: Results) -> list[str]:
    """What the report needs and these results lack; empty where they are complete."""
    return list(_missing(results))


def _missing(results: Results) -> Iterator[str]:
    absent = [key for key in ("machine", "settings", "servers", "growth", "crowd", "workers") if key not in results]
    if absent:
        yield from absent
        return
    yield from _missing_of_comparison(results)
    for sweep in SWEEPS:
        found = results["growth"].get(sweep, {"sizes": [], "cpu_ms": {}})
        if len(found["sizes"]) < 4 or not found["cpu_ms"]:
            yield f"growth {sweep}"
    if results["crowd"].get("streams", 0) < 500:
        yield "crowd: 500 streams"
    for workers in ("1", "2"):
        if len(results["workers"].get(workers, [])) < FEWEST_ROUNDS:
            yield f"workers {workers}"


def _missing_of_comparison(results: Results) -> Iterator[str]:
    wanted = [(OURS, case) for case in CASES]
    wanted += [("baseline-through", "openai"), *((server, case) for case, server in BASELINE_OF.items())]
    for server, case in wanted:
        if len(results["servers"].get(server, {}).get("starts", [])) < FEWEST_ROUNDS:
            yield f"{server}: {FEWEST_ROUNDS} starts"
        for phase in PHASES:
            if len(samples(results, server, case, phase)) < FEWEST_ROUNDS:
                yield f"{server} {case} {phase}: {FEWEST_ROUNDS} rounds"
    for case in CASES:
        for phase in ("plain 1", "burst 1"):
            if len(samples(results, "direct", case, phase)) < FEWEST_ROUNDS:
                yield f"direct {case} {phase}"
