"""The fake provider, the load and the servers under measurement, as they run in `make bench`, for moments."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks import bodies, growth, machine, profile_request, sampler
from benchmarks.compare import compared
from benchmarks.peers import installed, versions
from benchmarks.phases import Phase, measured
from benchmarks.run import main
from benchmarks.servers import BASELINES, KEY, Server, ours, running
from benchmarks.stage import Failed, Load, Stage, stage
from providers.spec.parts import TextPart
from providers.spec.response import Candidate
from tests.benchmarks.support import CHAT, folded, whole

pytestmark = pytest.mark.needs_compiler

SHORT = 0.05


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage, for all tests of this file."""
    with stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


def direct(path: str, *, stream: bool) -> bytes:
    return bodies.raw_request(path, bodies.request("m", stream=stream), {})


# ---- provider and load

STREAMS = {
    "openai": ("/v1/chat/completions", "/v1/chat/completions", len(list(bodies.openai_events())) + 1),
    "anthropic": ("/v1/messages", "/v1/messages", len(list(bodies.anthropic_events()))),
    "gemini": (
        "/v1beta/models/g:generateContent",
        "/v1beta/models/g:streamGenerateContent?alt=sse",
        len(list(bodies.gemini_events())),
    ),
}


@pytest.mark.parametrize("dialect", STREAMS)
def test_the_load_counts_answers_and_events(ground: Stage, dialect: str, tmp_path: Path) -> None:
    plain, streamed, events = STREAMS[dialect]
    sample = tmp_path / "sample"
    before = ground.count()["requests"]
    seen = ground.send(ground.port, direct(plain, stream=False), Load(3, SHORT), sample)
    assert seen["errors"] == 0
    assert seen["answers"] == ground.count()["requests"] - before > 0
    assert json.loads(sample.read_bytes()) == getattr(bodies, f"{dialect}_answer")()
    seen = ground.send(ground.port, direct(streamed, stream=True), Load(3, SHORT), sample)
    assert (seen["errors"], seen["fewest"], seen["most"]) == (0, events, events)
    assert seen["events"] == events * seen["answers"]
    assert sample.read_bytes() == (ground.folder / "answers" / f"{dialect}.sse").read_bytes()


def test_a_paced_stream_takes_its_time_and_what_is_under_way_is_waited_for(ground: Stage) -> None:
    request = direct("/v1/chat/completions", stream=True)
    seen = ground.send(ground.port, request, Load(20, 0.01, think_ms=20, pause_ms=4))
    assert (seen["errors"], seen["answers"]) == (0, 20)
    events = seen["most"]
    assert seen["first_p50"] >= 20_000
    assert seen["p50"] >= 20_000 + (events - 1) * 4_000
    assert seen["latest"] >= 0


def test_a_body_may_be_large_and_come_in_chunks(ground: Stage) -> None:
    large = bodies.raw_request("/v1/chat/completions", bodies.request("m", user="x" * 3_000_000), {})
    assert ground.send(ground.port, large, Load(2, SHORT))["errors"] == 0

    def pieces() -> Iterator[bytes]:
        yield b'{"model":"m",'
        yield b'"stream":true}'

    answer = httpx2.post(f"{ground.url}/v1/chat/completions", content=pieces(), trust_env=False)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")


def test_what_is_no_good_answer_is_an_error(ground: Stage) -> None:
    with running(ours(), ground) as up:
        wrong = bodies.raw_request("/v1/chat/completions", bodies.request("openai/x"), {})
        seen = ground.send(up.port, wrong, Load(2, SHORT))
        assert seen["status"] == 401
        assert seen["answers"] == 0
        with pytest.raises(Failed, match="not every answer was good"):
            measured(ground, up, wrong, Load(1, SHORT))


def test_a_server_that_does_not_start_says_why(ground: Stage) -> None:
    broken = Server("broken", "", ("python3", "-c", "raise SystemExit('no such thing')"), BASELINES[0].cases)
    with pytest.raises(Failed, match="no such thing"), running(broken, ground):
        pass


# ---- servers

ANSWERS = [(each.name, each) for each in (*BASELINES, ours())]


@pytest.mark.parametrize("server", [each for _, each in ANSWERS], ids=[name for name, _ in ANSWERS])
def test_every_server_gives_the_same_answer_plain_and_streamed(ground: Stage, server: Server) -> None:
    """What is compared does the same work: text, calls, reason and, where it was asked for, usage."""
    (said,) = whole(bodies.openai_answer()).candidates
    with running(server, ground) as up:
        assert up.idle_mb > 0
        assert up.start_seconds > 0
        for case in up.cases:
            url = f"http://127.0.0.1:{up.port}{CHAT}"
            asked: dict[str, Any] = {"headers": dict(case.headers), "trust_env": False, "timeout": 20}
            plain = httpx2.post(url, json=bodies.request(case.model), **asked)
            streamed = httpx2.post(url, json=bodies.request(case.model, stream=True), **asked)
            assert (plain.status_code, streamed.status_code) == (200, 200)
            for candidate in (whole(plain.json()).candidates[0], folded(streamed.content).candidates[0]):
                assert essence(candidate) == essence(said), case.name


def essence(candidate: Candidate) -> tuple[Any, ...]:
    """Text, calls and reason, without ids, which differ."""
    text = "".join(part.text for part in candidate.parts if isinstance(part, TextPart))
    calls = [(call.name, json.loads(call.arguments)) for call in candidate.tool_calls]
    assert candidate.finish is not None
    return text, calls, candidate.finish.reason


def test_servers_are_compared_in_turn(ground: Stage) -> None:
    phases = [Phase("plain 1", False, Load(1, SHORT)), Phase("burst 1", True, Load(1, SHORT))]
    broken = Server("broken", "", ("python3", "-c", "raise SystemExit('no')"), BASELINES[0].cases)
    found = compared(ground, [BASELINES[1], broken], phases, 2, retries=0)
    assert found.pop("broken")["failed"] == "gave no answer in round 1"
    assert set(found) == {"direct", "baseline-json"}
    about = found["baseline-json"]
    assert len(about["starts"]) == 2
    for phase in phases:
        samples = about["cases"]["openai"][phase.name]
        assert len(samples) == len(found["direct"]["cases"]["openai"][phase.name]) == 2
        assert all(sample["cpu_ms"] > 0 and sample["answers"] > 0 for sample in samples)
    assert {sample["events"] // sample["answers"] for sample in about["cases"]["openai"]["burst 1"]} == {59}


def test_many_streams_are_measured(ground: Stage) -> None:
    found = growth.crowd(ground, 5, SHORT, pause_ms=2)
    assert found["answers"] == 5
    assert found["mb_after"] > 0


@pytest.mark.parametrize("sweep", growth.SWEEPS, ids=lambda sweep: sweep.name)
def test_the_sizes_of_a_sweep_are_what_they_say(sweep: growth.Sweep) -> None:
    for size in sweep.sizes[:3]:
        body = bodies.request("m", **sweep.fields(size))
        number = {"body": len(json.dumps(body)), "history": len(body["messages"]), "tools": len(body["tools"])}
        assert abs(number[sweep.name] - size) <= (1500 if sweep.name == "body" else 0)
        assert len({tool["function"]["name"] for tool in body["tools"]}) == len(body["tools"])


def test_the_command_says_what_a_short_run_lacks(
    ground: Stage, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.json"
    out.write_text('{"profile": {"before": {"HTTP in": 1.0}, "after": {"HTTP in": 0.5}}, "settings": {"rounds": 3}}')
    arguments = ["--only", "workers", "--rounds", "1", "--seconds", "0.02", "--retries", "0", "--out", str(out)]
    assert main(arguments) == 0
    kept = json.loads(out.read_text())
    assert {name: len(samples) for name, samples in kept["workers"].items()} == {"1": 1, "2": 1}
    assert kept["profile"]["after"] == {"HTTP in": 0.5}
    assert kept["settings"].keys() == {"rounds", "date", "seconds"}
    assert kept["machine"]["cores"] == len(machine.CORES)
    assert "lacking: servers" in capfd.readouterr().err


# ---- other gateways


def test_other_gateways_are_measured_where_they_are_installed(tmp_path: Path) -> None:
    assert installed(None) == []
    assert versions(None) == {}
    (tmp_path / "litellm" / "lib" / "python3.11" / "site-packages" / "litellm-1.2.3.dist-info").mkdir(parents=True)
    package = tmp_path / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text('{"name": "x", "version": "1.15.2"}')
    assert [server.name for server in installed(tmp_path)] == ["litellm", "portkey"]
    assert versions(tmp_path) == {"litellm": "1.2.3", "portkey": "1.15.2"}


def test_the_key_of_the_measured_service_is_no_secret_of_anybody() -> None:
    assert ours().environment["AI_ROUTER_KEYS"] == KEY


def test_samples_fall_to_the_innermost_layer_that_is_known() -> None:
    layers = {
        "/x/site-packages/uvicorn/protocols/http/httptools_impl.py": "HTTP in",
        "/x/router/service.py": "HTTP in",
        "/x/router/limits.py": "validation",
        "/x/providers/dialects/openai_chat/request_decode.py": "validation",
        "/x/providers/dialects/openai_chat/request_encode.py": "codec",
        "/x/router/verdicts/judge.py": "codec",
        "/x/site-packages/aiohttp/client.py": "HTTP out",
        "/x/providers/upstreams/pool.py": "HTTP out",
        "/x/router/faces/serving.py": "response",
        "/x/router/logs.py": "response",
        "/x/providers/wire/json.py": None,
    }
    assert {path: sampler.layer_of(path) for path in layers} == layers
    assert {layer for layer in layers.values() if layer} == set(profile_request.LAYERS)


def test_what_is_printed_of_a_profile_adds_up() -> None:
    one = dict.fromkeys(profile_request.LAYERS, 1.5)
    shown = profile_request.tables({"before": {"plain": one}, "after": {"plain": one}})
    assert shown.splitlines()[-1].split() == ["all", "7.5", "7.5"]
