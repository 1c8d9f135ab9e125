"""Where suspended runs are kept: an answer counts once in every store, and a run goes on in another process."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loop_client import (
    AnswerRefused,
    ConfigurationError,
    MemoryRunStore,
    RunStore,
    SqliteRunStore,
    ToolContext,
    tool,
)
from tests.loop_client.fake_server import FakeServer, calls, says
from tests.loop_client.test_deferred import (
    client_for,
    given,
    pick_number_function,
    read,
    suspended_in,
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return MemoryRunStore() if request.param == "memory" else SqliteRunStore(tmp_path / "runs.db")


async def test_of_many_answers_at_once_one_counts(server: FakeServer, store: RunStore) -> None:
    ran: list[int] = []

    async def work(context: ToolContext, value: int, metadata: dict[str, Any]) -> int:
        ran.append(value)
        await asyncio.sleep(0)
        return value

    choose = tool(pick_number_function, name="choose", deferred=True, answer=int, on_answer=work)
    server.play(calls(("c1", "choose", '{"question": "?"}')), then=says("done"))
    async with client_for(server, choose, store=store) as client:
        waiting = suspended_in(await read(client.stream("go")))
        answers = [client.answer(waiting.run_id, given(waiting.pending[0], n)) for n in range(8)]
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, AnswerRefused)]
        assert len(ran) == 1
        assert [item.code for item in refused] == ["ALREADY_ANSWERED"] * 7
        resumed = await asyncio.gather(*(client.resume(waiting.run_id) for _ in range(5)), return_exceptions=True)
        streams = [item for item in resumed if not isinstance(item, BaseException)]
        assert len(streams) == 1
        await read(streams[0])
    assert len(server.requests) == 2


async def test_a_store_replaces_only_what_was_read(store: RunStore) -> None:
    assert await store.load("r") is None
    assert not await store.replace("r", 1, "x", None)
    assert await store.replace("r", 0, "one", None)
    assert not await store.replace("r", 0, "other", None)
    assert await store.replace("r", 1, "two", 5.0)
    loaded = await store.load("r")
    assert loaded is not None
    assert (loaded.version, loaded.text) == (2, "two")
    assert await store.replace("s", 0, "new", None)
    assert await store.load("r") is None, "long expired, so it makes room"


def test_the_file_of_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    asyncio.run(SqliteRunStore(path).load("r"))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="no folder"):
        SqliteRunStore(tmp_path / "none" / "runs.db")


PROCESS = """
import asyncio, json, sys
from loop_client import Answer, LoopClient, RunSuspended, SqliteRunStore, tool

@tool(needs_approval=True)
def delete(path: str) -> str:
    "Delete a file."
    with open(sys.argv[3], "a") as log:
        log.write(path)
    return "deleted " + path

async def main(mode):
    store = SqliteRunStore(sys.argv[2])
    settings = {"base_url": sys.argv[4], "model": "m", "tools": [delete], "secret": "a secret of some length"}
    async with LoopClient(store=store, **settings) as client:
        if mode == "start":
            async for event in client.stream("go"):
                if isinstance(event, RunSuspended):
                    print(json.dumps(event.to_json()))
        else:
            call = json.loads(sys.stdin.read())
            answer = Answer(call["call_id"], call["token"], approved=True)
            async for event in await client.submit(call["run"], [answer]):
                last = event
            print(json.dumps(last.to_json()))

asyncio.run(main(sys.argv[1]))
"""


def run_process(mode: str, database: Path, log: Path, url: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROCESS, mode, str(database), str(log), url]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("by", ["id", "state"])
def test_a_run_goes_on_in_another_process_after_the_first_is_gone(server: FakeServer, tmp_path: Path, by: str) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}')), then=says("done"))
    database, log = tmp_path / "runs.db", tmp_path / "log"
    first = run_process("start", database, log, server.base_url)
    assert first.returncode == 0, first.stderr
    event = json.loads(first.stdout)
    run = event["run_id"] if by == "id" else event["signed_state"]
    answer = json.dumps({**event["pending"][0], "run": run})
    second = run_process("answer", database, log, server.base_url, answer)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["text"] == "done"
    assert log.read_text() == "x"
    replayed = run_process("answer", database, log, server.base_url, answer)
    assert "AnswerRefused" in replayed.stderr
    assert log.read_text() == "x", "the tool did not run again"
    with sqlite3.connect(database) as connection:
        kept = connection.execute("SELECT body FROM loop_client_runs").fetchall()
    connection.close()
    assert "delete" not in kept[0][0], "of a run that went on, no conversation is kept"
