"""How the cost of a request grows: with body, history, tools, streams beside it, and rows; and with workers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import bodies, machine
from benchmarks.compare import say
from benchmarks.phases import measured, warm
from benchmarks.servers import Running, Server, ours, running
from benchmarks.stage import Load, Stage

_MESSAGE: Final = (
    "The van is at the depot, the parcel is on the shelf, and nobody has answered the telephone since noon. "
)


@dataclass(frozen=True)
class Sweep:
    """One quantity, and the sizes it is given."""

    name: str
    what: str
    sizes: tuple[int, ...]
    fields: Callable[[int], dict[str, Any]] = lambda size: {}
    """What of the request is replaced for a size."""
    cases: tuple[str, ...] = ("openai", "anthropic", "gemini")


def _long_text(size: int) -> dict[str, Any]:
    text = (_MESSAGE * (size // len(_MESSAGE) + 1))[:size]
    return {"messages": [*bodies.history(), {"role": "user", "content": text}]}


def _long_history(size: int) -> dict[str, Any]:
    system, question, call, result = bodies.history()
    messages = [system]
    for number in range((size - 1) // 3):
        identity = f"call_{number}Zr8Kq3XvT6yWm1NbLc5PdHs"
        called = {**call, "tool_calls": [{**call["tool_calls"][0], "id": identity}]}
        messages += [question, called, {**result, "tool_call_id": identity}]
    return {"messages": messages}


def _many_tools(size: int) -> dict[str, Any]:
    made: list[bodies.Body] = []
    for number in range(size):
        tool = bodies.tools()[number % 5]
        function = {**tool["function"], "name": f"{tool['function']['name']}_{number}"}
        made.append({**tool, "function": function})
    return {"tools": made}


SWEEPS: Final = (
    Sweep(
        "body",
        "bytes of the request's body, in one message",
        (4_000, 64_000, 500_000, 2_000_000, 8_000_000, 20_000_000),
        lambda size: _long_text(max(0, size - 4_000)),
    ),
    Sweep("history", "messages", (4, 31, 301, 1_501, 3_001), _long_history),
    Sweep("tools", "tools", (5, 20, 80, 320, 1_280), _many_tools),
)
STREAMS: Final = Sweep(
    "streams", "streams at a time, an event every 100 ms", (25, 50, 100, 200, 400), cases=("openai",)
)
ROWS: Final = Sweep("rows", "provider rows in the configuration", (3, 30, 300, 3_000), cases=("openai",))


def grown(stage: Stage, seconds: float, repeats: int, *, retries: int) -> dict[str, Any]:
    """For each sweep its sizes, and for each case the CPU in milliseconds at each size, ``repeats`` times.

    ``streams`` is the CPU of one stream (58 events).
    """
    found: dict[str, Any] = {}
    with running(ours(), stage) as up:
        for case in up.cases:
            warm(stage, up, case, seconds / 4)
        for sweep in SWEEPS:
            say(f"growth with {sweep.name}")
            found[sweep.name] = _entry(sweep, _points(stage, up, sweep, seconds, repeats, retries))
        say(f"growth with {STREAMS.name}")
        found[STREAMS.name] = _entry(STREAMS, _stream_points(stage, up, seconds, repeats, retries))
    say(f"growth with {ROWS.name}")
    found[ROWS.name] = _entry(ROWS, _row_points(stage, seconds, repeats, retries))
    return found


def _entry(sweep: Sweep, points: Iterator[tuple[str, list[float]]]) -> dict[str, Any]:
    cases: dict[str, list[list[float]]] = {}
    for case, costs in points:
        cases.setdefault(case, []).append(costs)
    return {"what": sweep.what, "sizes": list(sweep.sizes), "cpu_ms": cases}


def _points(
    stage: Stage, up: Running, sweep: Sweep, seconds: float, repeats: int, retries: int
) -> Iterator[tuple[str, list[float]]]:
    """Case and costs, in the order of the sizes."""
    for name in sweep.cases:
        (case,) = [each for each in up.cases if each.name == name]
        for size in sweep.sizes:
            request = case.request(**sweep.fields(size))
            load = Load(1, seconds)
            stage.send(up.port, request, Load(1, 0.05))  # the first of its size is not measured
            costs = [measured(stage, up, request, load, retries=retries)["cpu_ms"] for _ in range(repeats)]
            yield name, costs


def _stream_points(
    stage: Stage, up: Running, seconds: float, repeats: int, retries: int
) -> Iterator[tuple[str, list[float]]]:
    case = up.cases[0]
    request = case.request(stream=True)
    for size in STREAMS.sizes:
        # So short a load lets every connection have one stream, which takes its own time.
        load = Load(size, 0.1, think_ms=50, pause_ms=100)
        costs = [measured(stage, up, request, load, retries=retries)["cpu_ms"] for _ in range(max(1, repeats - 1))]
        yield case.name, costs


def _row_points(stage: Stage, seconds: float, repeats: int, retries: int) -> Iterator[tuple[str, list[float]]]:
    for size in ROWS.sizes:
        server = ours(f"rows-{size}", more_rows=size - 3)
        with running(server, stage) as up:
            case = up.cases[0]
            warm(stage, up, case, seconds / 4)
            load = Load(32, seconds)
            costs = [measured(stage, up, case.request(), load, retries=retries)["cpu_ms"] for _ in range(repeats)]
            yield case.name, costs


# ---- many streams at once, and several workers


def crowd(stage: Stage, streams: int, seconds: float, pause_ms: int = 100) -> dict[str, Any]:
    """So many paced streams at a time, for so long: how late the latest event was, and whether memory grew.

    Memory is read at the beginning, when all connections have had a stream, and at the end.
    """
    say(f"{streams} streams at a time")
    with running(ours(), stage) as up:
        case = up.cases[0]
        warm(stage, up, case, 0.5)
        request = case.request(stream=True)
        pace = {"think_ms": 50, "pause_ms": pause_ms}
        measured(stage, up, request, Load(streams, 0.1, **pace))
        before = machine.memory_mb(up.processes())
        sample = measured(stage, up, request, Load(streams, seconds, **pace))
        after = machine.memory_mb(up.processes())
    direct = measured(stage, None, bodies_request(), Load(streams, 0.1, **pace))
    return {
        "streams": streams,
        "pause_ms": pace["pause_ms"],
        "answers": sample["answers"],
        "events": sample["events"],
        "latest_ms": round(sample["latest"] / 1000, 1),
        "latest_direct_ms": round(direct["latest"] / 1000, 1),
        "first_p99_ms": round(sample["first_p99"] / 1000, 1),
        "cpu_ms": sample["cpu_ms"],
        "mb_before": before,
        "mb_after": after,
        "others": sample["others"],
    }


def bodies_request() -> bytes:
    """A streamed request for the provider itself."""
    return bodies.raw_request("/v1/chat/completions", bodies.request("gpt-5.1", stream=True), {})


def with_workers(stage: Stage, seconds: float, rounds: int, *, retries: int) -> dict[str, Any]:
    """Plain requests over 64 connections to one worker and to two, in turn; both on all cores that there are."""
    found: dict[str, list[Any]] = {"1": [], "2": []}
    for number in range(rounds):
        for workers in (1, 2) if number % 2 == 0 else (2, 1):
            say(f"workers: {workers}")
            server: Server = ours(f"workers-{workers}", workers=workers)
            with running(server, stage, frozenset(machine.CORES[:2])) as up:
                case = up.cases[0]
                warm(stage, up, case, seconds / 4)
                sample = measured(stage, up, case.request(), Load(64, seconds), retries=retries)
                found[str(workers)].append({**sample, "idle_mb": up.idle_mb})
    return found
