"""What is read from results and told of them, on figures made up for it."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.promises import promises
from benchmarks.report import document, tables
from benchmarks.results import BASELINE_OF, CASES, OURS, PHASES, SWEEPS

# ---- made-up results


def sample(cpu_ms: float) -> dict[str, Any]:
    times = {"p50": 500, "p99": 900, "first_p50": 450, "first_p99": 800}
    return {"answers": 10, "per_second": 100.0, "events": 600, "cpu_ms": cpu_ms, "others": 0.0, **times}


def case(*costs: float) -> dict[str, Any]:
    return {phase: [sample(cost) for cost in costs] for phase in PHASES}


def made_up(ours: float = 0.3, other: float = 0.25) -> dict[str, Any]:
    """Complete results in which the service costs so many milliseconds, and each baseline so many."""
    starts = [{"seconds": 0.8, "cpu_seconds": 0.7, "idle_mb": 50.0}] * 3
    servers: dict[str, Any] = {
        "direct": {"starts": [], "cases": {name: case(0, 0, 0) for name in CASES}},
        OURS: {"starts": starts, "cases": {name: case(ours, 2 * ours, ours) for name in CASES}},
        "baseline-through": {"starts": starts, "cases": {"openai": case(other, 2 * other, other)}},
    }
    for name, server in BASELINE_OF.items():
        servers[server] = {"starts": starts, "cases": {name: case(other, 2 * other, other)}}
    sweep = {"what": "things", "sizes": [1, 10, 100, 1000], "cpu_ms": {"openai": [[1.1], [2.0], [11.0], [101.0]]}}
    machine = {
        "cpu": "made up", "cores": 2, "memory_gb": 8, "kernel": "6", "python": "3", "libraries": {"uvicorn": "1"},
    }  # fmt: skip
    return {
        "machine": machine,
        "settings": {"date": "2026-01-01", "rounds": 3, "seconds": 2.0, "peers": {}},
        "servers": servers,
        "growth": dict.fromkeys(SWEEPS, sweep),
        "crowd": {
            "streams": 500, "pause_ms": 100, "answers": 1500, "events": 90000, "latest_ms": 40.0,
            "latest_direct_ms": 1.0, "first_p99_ms": 60.0,
            "cpu_ms": 4.0, "mb_before": 90.0, "mb_after": 92.0, "others": 0.0,
        },
        "workers": {
            "1": [{"per_second": 1000.0, "cpu_ms": 0.9, "beside_ms": 0.1, "idle_mb": 50.0}] * 3,
            "2": [{"per_second": 1900.0, "cpu_ms": 0.9, "beside_ms": 0.1, "idle_mb": 80.0}] * 3,
        },
    }  # fmt: skip


def kept(found: dict[str, Any]) -> dict[str, bool | None]:
    return {promise.text: promise.is_kept for promise in promises(found)}


# ---- figures


def test_ratios_are_taken_within_rounds() -> None:
    """The second round took twice as long for both, as on a machine that somebody else used."""
    found = made_up(0.3, 0.2)
    assert results.ratios(found, (OURS, "openai"), ("baseline-json", "openai"), "plain 32") == pytest.approx([1.5] * 3)
    assert results.median(found, OURS, "openai", "plain 32", "cpu_ms") == 0.3
    assert results.median(found, "nobody", "openai", "plain 32", "cpu_ms") is None
    assert results.cpu_per_event(found, OURS, "openai", "paced 8") == pytest.approx(300 * 10 / 600)
    assert results.added(found, "openai", "plain 1", "p50") == 0


@pytest.mark.parametrize(
    ("costs", "steepening"),
    [([1, 2, 3, 4], 1.0), ([10, 10.1, 11, 20], 1.0), ([0.1, 1, 100, 10000], 1.1), ([5, 5, 5, 5], 1.0)],
)
def test_growth_is_told_by_the_slope_at_its_end(costs: list[float], steepening: float) -> None:
    sizes = [1, 2, 3, 4] if costs[1] in (2, 5) else [1, 10, 100, 1000]
    points = list(zip(sizes, costs, strict=True))
    assert results.steepening(points) == pytest.approx(steepening, rel=0.02)


def test_a_square_is_seen() -> None:
    assert results.steepening([(size, float(size * size)) for size in (1, 250, 500, 1000)]) > 1.25


def test_what_is_missing_is_named() -> None:
    found = made_up()
    assert results.missing(found) == []
    del found["servers"]["baseline-gemini"]
    found["crowd"]["streams"] = 20
    found["servers"][OURS]["cases"]["openai"]["paced 8"].pop()
    lacking = results.missing(found)
    assert "crowd: 500 streams" in lacking
    assert "ai-router openai paced 8: 3 rounds" in lacking
    assert any(line.startswith("baseline-gemini") for line in lacking)
    assert results.missing({}) == ["machine", "settings", "servers", "growth", "crowd", "workers"]


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.write(made_up(), file)
    assert results.read(file) == made_up()
    assert max(map(len, file.read_text().splitlines())) < 260


# ---- promises


def test_promises_are_kept_or_not_by_the_figures() -> None:
    assert set(kept(made_up(0.3, 0.25)).values()) == {True, None}
    slow = kept(made_up(0.5, 0.25))
    assert {text for text, is_kept in slow.items() if is_kept is False} == {
        text for text in slow if "CPU by that of baseline" in text
    }


def test_of_a_gateway_that_was_not_run_nothing_is_claimed() -> None:
    found = made_up()
    assert {is_kept for text, is_kept in kept(found).items() if "LiteLLM" in text} == {None}
    found["servers"]["litellm"] = {"starts": [], "cases": {"openai": case(30, 60, 30), "anthropic": case(3, 6, 3)}}
    of_litellm = {text: is_kept for text, is_kept in kept(found).items() if "LiteLLM" in text}
    assert sorted(of_litellm.values(), key=str) == [False, True]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("crowd latest_ms", 1001.0),
        ("crowd mb_after", 120.0),
        ("workers 2", [{"per_second": 1100.0, "cpu_ms": 1.0, "beside_ms": 0.1, "idle_mb": 80.0}] * 3),
        ("servers ai-router starts", [{"seconds": 1.2, "cpu_seconds": 1, "idle_mb": 50.0}]),
    ],
)
def test_each_is_broken_by_its_own_figure(path: str, value: object) -> None:
    found = made_up()
    *way, last = path.split()
    place = found
    for step in way:
        place = place[step]
    place[last] = value
    assert [is_kept for is_kept in kept(found).values() if is_kept is False] == [False]


# ---- the report


def test_the_document_tells_profile_and_yardstick_where_they_are_known() -> None:
    found = made_up()
    without = document(found)
    found["profile"] = {"before": {"HTTP in": 100.0, "codec": 50.0}, "after": {"HTTP in": 20.0, "codec": 30.0}}
    found["judge"] = {"about": "Beside.", "baselines": {"through": {"plain 32": {"here": 0.21, "there": 0.2}}}}
    text = document(found)
    assert "| HTTP in | 100 | 20 |" in text
    assert "| **all** | 150 | 50 |" in text
    assert "| through | plain 32 | 0.21 | 0.2 | 1.05 |" in text
    assert "HTTP in" not in without
    assert tables(found).count("| **ai-router** |") == len(CASES)
