"""``python -m benchmarks.report``: writes ``docs/performance.md`` and its plot from ``results.json``."""

import statistics
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import results
from benchmarks.promises import Promise, promises
from benchmarks.results import OURS, Results

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
PLOT: Final = DOCUMENT.with_suffix(".svg")

_COLUMNS: Final = (
    "server",
    "provider speaks",
    "plain, CPU ms",
    "plain, requests/s per core",
    "stream in a burst, CPU ms",
    "paced stream, CPU µs per event",
    "start-up s",
    "idle MB",
)


def tables(found: Results) -> str:
    """The figures, as Markdown."""
    parts = [_comparison(found), _delays(found), _kept(promises(found))]
    return "\n\n".join(parts)


def document(found: Results) -> str:
    """The whole of ``docs/performance.md``."""
    sections = [
        "# What a request costs",
        _how(found),
        "## Beside others",
        _comparison(found),
        _said(
            """The baselines do what has to be done for such a request and nothing else: no key, no check, no error,
            no log. They are in `benchmarks/baseline.py`."""
        ),
        "## What is promised",
        _kept(promises(found)),
        "## The delay it adds",
        _delays(found),
        *_crowd(found["crowd"]),
        "## How it grows",
        f"![CPU of a request by its size, history, tools, streams beside it, and provider rows]({PLOT.name})",
        _growth(found),
        _said(
            """“One more” is the slope between the two largest sizes; “steepening” is that by the average slope over
            all sizes: 1 is a straight line. History is turns of a question, a call and its result; the largest of
            each is far beyond what providers take."""
        ),
        "## Workers",
        _workers(found),
        _said(
            """Both on the same two cores, which they shared with the provider and the load. Two cores allow as many
            requests per second as fit into two seconds of what one request costs one worker, provider and load
            together; a whole core more would be there for a second worker on a machine with a core for the load."""
        ),
        *_profile(found.get("profile")),
        *_judge(found.get("judge")),
        "## To measure it",
        _said(
            """`make bench` takes about a quarter of an hour and needs a C compiler and a machine with at least two
            cores that nobody else uses; `make bench ARGS="--only compare"` measures a part, `ARGS="--nice -19"` (root)
            puts what is measured before others. With `AI_ROUTER_BENCH_PEERS=FOLDER` other gateways are measured in the
            same rounds; `benchmarks/peers.py` says how they are installed there."""
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _said(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 128, break_long_words=False, break_on_hyphens=False)


def _how(found: Results) -> str:
    machine, settings = found["machine"], found["settings"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    peers = ", ".join(f"{name} {number}" for name, number in settings.get("peers", {}).items())
    beside = f"; beside {peers}." if peers else ". No other gateway was measured in this run: nothing is said of any."
    paragraphs = (
        """Made by `python -m benchmarks.report` from `benchmarks/results.json`, which `make bench` measures anew.
        The figures hold for the machine that they were measured on; what can be compared are the ratios, which are
        taken within each round.""",
        f"""Measured on {settings["date"]}: {machine["cpu"]}, {machine["cores"]} cores, {machine["memory_gb"]} GB,
        Linux {machine["kernel"]}, Python {machine["python"]}; {libraries}{beside}""",
        f"""Each server was started {settings["rounds"]} times, in turn with the others; figures are medians. It had
        one core for itself (a fake provider and the load, both in C, shared another) and was asked with a request
        of 3.8 KB with 5 tools for an answer of 1.3 KB with 2 calls, or for a stream of about 60 events. CPU is user
        and system time of its whole process tree for each answer. This service ran as it is installed: with a key,
        limits, validation, verdicts on calls, metrics and JSON logs.""",
    )
    return "\n\n".join(map(_said, paragraphs))


def _crowd(crowd: dict[str, Any]) -> list[str]:
    return [
        f"## {crowd['streams']} streams at a time",
        _said(
            f"""On one core, with an event every {crowd["pause_ms"]} ms in each: {crowd["answers"]} streams with
            {crowd["events"]:,} events in all. The latest event came {crowd["latest_ms"]:g} ms after its time
            ({crowd["latest_direct_ms"]:g} ms without a server in between). Memory was {crowd["mb_before"]:g} MB at
            the beginning and {crowd["mb_after"]:g} MB at the end; a stream cost {crowd["cpu_ms"]:.1f} ms of CPU."""
        ),
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(value: float | None, digits: int = 3) -> str:
    """Three significant digits, and no more than are there."""
    if value is None:
        return "–"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def _comparison(found: Results) -> str:
    rows = []
    for server, about in found["servers"].items():
        if server == "direct":
            continue
        for case in about["cases"]:
            cpu = results.median(found, server, case, "plain 32", "cpu_ms")
            figures = (
                cpu,
                1000 / cpu if cpu else None,
                results.median(found, server, case, "burst 32", "cpu_ms"),
                results.cpu_per_event(found, server, case, "paced 8"),
                results.start(found, server, "seconds"),
                results.start(found, server, "idle_mb"),
            )
            rows.append([f"**{server}**" if server == OURS else server, case, *map(_figure, figures)])
        if "failed" in about:
            rows.append([server, "failed", *["–"] * (len(_COLUMNS) - 2)])
    return _table(_COLUMNS, rows)


def _delays(found: Results) -> str:
    rows = []
    for case in results.CASES:
        figures = (
            results.added(found, case, "plain 1", "p50"),
            results.added(found, case, "plain 1", "p99"),
            results.added(found, case, "burst 1", "first_p50"),
            results.added(found, case, "burst 1", "first_p99"),
        )
        rows.append([case, *map(_figure, figures)])
    columns = ("provider speaks", "whole answer, p50 µs", "p99 µs", "first event of a stream, p50 µs", "p99 µs")
    return "At one connection, more than the provider alone takes:\n\n" + _table(columns, rows)


def _kept(made: Iterable[Promise]) -> str:
    words = {True: "yes", False: "**no**", None: "not run"}
    rows = [[promise.text, promise.bound, promise.measured, words[promise.is_kept]] for promise in made]
    return _table(("promise", "bound", "measured: median (rounds)", "kept"), rows)


def _growth(found: Results) -> str:
    rows = []
    for name, sweep in found["growth"].items():
        for case in sweep["cpu_ms"]:
            points = results.costs(sweep, case)
            (small, least), (large, most) = points[0], points[-1]
            one_more = f"{_figure(1000 * results.slopes(points)[-1])} µs"
            if name == "body":
                one_more = f"{_figure(1e9 * results.slopes(points)[-1])} µs per MB"
            shown = [f"{size:,}: {_figure(cost)}" for size, cost in ((small, least), (large, most))]
            rows.append([sweep["what"], case, *shown, one_more, _figure(results.steepening(points))])
    columns = ("what grows", "provider speaks", "least, CPU ms", "most, CPU ms", "one more", "steepening")
    return _table(columns, rows)


def _workers(found: Results) -> str:
    rows = []
    for workers, samples in found["workers"].items():
        figures = [
            statistics.median([sample[name] for sample in samples])
            for name in ("per_second", "cpu_ms", "beside_ms", "idle_mb")
        ]
        rows.append([workers, *map(_figure, figures)])
    return _table(("workers", "requests/s", "CPU ms per request", "of provider and load", "idle MB in all"), rows)


def _profile(profile: dict[str, Any] | None) -> list[str]:
    """Layers of one request in microseconds, before the fast path was built and after; by case where there are some."""
    if not profile:
        return []
    before, after = profile["before"], profile["after"]
    parts = [
        "## Where the time goes",
        "Microseconds of one request by layer, before the fast path was built and with it.",
    ]
    cases = list(after) if all(isinstance(value, dict) for value in after.values()) else [""]
    for case in cases:
        old, new = (before.get(case, {}), after[case]) if case else (before, after)
        layers = [*new, *(layer for layer in old if layer not in new)]
        rows = [[layer, _figure(old.get(layer)), _figure(new.get(layer))] for layer in layers]
        rows.append(["**all**", _figure(sum(old.values())), _figure(sum(new.values()))])
        parts += [*([f"{case}:"] if case else []), _table(("layer", "before, µs", "after, µs"), rows)]
    return parts


def _judge(judge: dict[str, Any] | None) -> list[str]:
    """The baselines here beside equivalent ones that somebody else wrote, under both loads."""
    if not judge:
        return []
    rows = [
        [name, phase, _figure(pair["here"]), _figure(pair["there"]), f"{pair['here'] / pair['there']:.2f}"]
        for name, phases in judge["baselines"].items()
        for phase, pair in phases.items()
    ]
    columns = ("baseline", "phase", "here, CPU ms", "elsewhere, CPU ms", "here / elsewhere")
    return ["## Whether the yardstick is right", judge["about"], _table(columns, rows)]


def main() -> int:
    """Write both; gives an exit code."""
    found = results.read()
    lacking = results.missing(found)
    if lacking:
        print("benchmarks.report: results.json is not complete: " + "; ".join(lacking), file=sys.stderr)
        return 1
    DOCUMENT.write_text(document(found), "utf-8")
    from benchmarks.plot import draw

    draw(found, PLOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
