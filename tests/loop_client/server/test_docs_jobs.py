"""`docs/jobs.md`, executed: the Python, the service, the table of the file, the answers that are listed."""

from __future__ import annotations

import asyncio
import re
import shlex
import tomllib
from contextlib import redirect_stdout
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest

from loop_client import PATIENT, LoopClient, cli, tool
from loop_client.cli_jobs import DONE, FAILED, REFUSED
from loop_client.jobs import JobSettings, open_jobs, read_jobs_table
from loop_client.jobs.errors import JOB_ERRORS
from loop_client.tools import OnInterrupted
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says
from tests.loop_client.server.job_service import asked, until, watched
from tests.loop_client.serving import serving

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "jobs.md").read_text("utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], str]:
    """What the page's Python defines and prints, before the scripted model."""
    monkeypatch.setenv("AI_ROUTER_KEY", "key-1")
    names: dict[str, Any] = {"__name__": "snippet"}
    printed = StringIO()
    with redirect_stdout(printed):
        for snippet in snippets("python"):
            exec(snippet.replace("http://127.0.0.1:8080/v1", server.base_url), names)  # noqa: S102  # that is the test
    return names, printed.getvalue()


LOOK = calls(("c1", "find_order", '{"number": "A-1"}'))


def test_the_smallest_job_prints_its_events_and_its_answer(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.play(LOOK, says("120 euros."))
    _, printed = run(server, monkeypatch)
    lines = printed.splitlines()
    assert lines[0] == "0 run-start"
    assert lines[-2].endswith(" job-end")
    assert lines[-1] == "completed 120 euros."


async def test_the_service_has_the_paths_of_the_table(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.play(LOOK, says("120 euros."), LOOK, says("Still 120."))
    names, _ = await asyncio.to_thread(run, server, monkeypatch)
    async with (
        serving(names["app"]) as address,
        httpx2.AsyncClient(base_url=f"{address}/ai", timeout=WAIT) as http,
    ):
        assert (await http.get("/jobs")).status_code == 401
        http.headers["authorization"] = "Bearer key-of-ada"
        response = await http.post("/jobs", json=asked("What did I pay?"))
        job = response.json()
        assert (job["owner"], response.headers["location"]) == ("ada", f"/ai/jobs/{job['id']}")
        await watched(http, job["id"])
        again = await http.post(f"/jobs/{job['id']}/retry", json={"from_round": 1})
        assert again.headers["location"] == f"/ai/jobs/{again.json()['id']}"
        assert (await http.get(f"/jobs/{again.json()['id']}")).status_code == 200
        await until(http, again.json()["id"], "run-finish")
        server.play(says("120 euros."))
        with redirect_stdout(StringIO()):
            assert await names["ask_elsewhere"](f"{address}/ai", "What did I pay?") == "120 euros."
        known = {(method, path.replace("job_id", "id")) for method, path in _paths(names["service"])}
    listed = set(re.findall(r"^\| `(GET|POST) (/jobs[^` ]*)` \|", PAGE, re.MULTILINE))
    assert listed == known


def _paths(service: Any) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in service.app().routes
        if route.path.startswith("/jobs")
        for method in route.methods - {"HEAD"}
    }


async def test_an_approval_reaches_its_call(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.play(LOOK, says("120 euros."))
    names, _ = await asyncio.to_thread(run, server, monkeypatch)
    server.play(calls(("c1", "refund", "{}")), says("Paid back."))

    @tool(needs_approval=True)
    def refund() -> str:
        """Pay back."""
        return "done"

    client = LoopClient(base_url=server.base_url, model="m", tools=[refund], secret="0123456789abcdef")
    async with client, open_jobs(names["JobSettings"](), names["runtime_of"](client)) as jobs:
        job = await jobs.start(names["JobSpec"].of("Pay it back."), owner="ada")
        async with asyncio.timeout(WAIT):
            async for event in jobs.events(job.id, owner="ada"):
                if event.type == "tool-approval-requested":
                    await names["approve"](jobs, job.id, "c1")
        assert (await jobs.get(job.id, owner="ada")).text == "Paid back."


def test_the_table_of_the_file_is_one_that_is_accepted() -> None:
    first, patient = (read_jobs_table(tomllib.loads(text)["jobs"], {}) for text in snippets("toml"))
    assert (first.concurrency, first.queue_length) == (16, 1000)
    assert patient.retry == replace(PATIENT, patience=3600.0, longest_wait=60.0)


def test_what_a_job_waits_for_a_router_is_as_told() -> None:
    assert f"After {PATIENT.patience:g} seconds of waiting" in PAGE
    assert f"| `retry` | {PATIENT.patience:g} s of patience |" in PAGE


def test_every_key_of_the_table_is_told() -> None:
    section = PAGE.split("\n## Settings\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(item.name for item in fields(JobSettings))


def test_what_becomes_of_an_interrupted_call_is_told() -> None:
    section = PAGE.split("\n### A tool that was interrupted\n")[1].split("\n#")[0]
    assert set(re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE)) == set(get_args(OnInterrupted))


def test_the_exit_codes_are_those_of_the_command() -> None:
    listed = re.findall(r"^\| (\d+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    expected = [DONE, FAILED, cli.USAGE, cli.LIMIT_REACHED, REFUSED, cli.INTERRUPTED]
    assert [int(code) for code in listed] == expected


def test_the_commands_are_ones_that_are_accepted() -> None:
    parser = cli._parser()
    commands = re.findall(r"^loop-client (jobs .*)$", PAGE, re.MULTILINE)
    actions = {parser.parse_args(shlex.split(command)).action for command in commands}
    assert actions == {"start", "list", "show", "watch", "answer", "cancel", "retry"}


def test_every_refusal_is_listed_under_its_status() -> None:
    listed = {
        code: int(status)
        for statuses, codes in re.findall(r"^\| ([\d, ]+) \| (`[A-Z_`, ]+`) \|", PAGE, re.MULTILINE)
        for status, code in _paired(statuses, re.findall(r"`([A-Z_]+)`", codes))
    }
    assert {code: kind.status for code, kind in JOB_ERRORS.items()}.items() <= listed.items()
    assert {"TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415}.items() <= listed.items()


def _paired(statuses: str, codes: list[str]) -> list[tuple[str, str]]:
    numbers = statuses.split(", ")
    return list(zip(numbers * len(codes) if len(numbers) == 1 else numbers, codes, strict=True))
