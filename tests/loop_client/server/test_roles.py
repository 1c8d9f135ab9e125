"""Processes that share a store: one starts and shows jobs, another works on them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import httpx2
import pytest

from loop_client import ConfigurationError, LoopClient
from loop_client.jobs import JobRuntime, JobSettings, MemoryJobs
from loop_client.server import ServiceSettings, alone
from loop_client.server.alone import Address
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says
from tests.loop_client.server.chatting import SECRET, client_for
from tests.loop_client.server.command import command
from tests.loop_client.server.job_service import until, watch, watched
from tests.loop_client.serving import serving

CONFIG = """
model = "test/model"
secrets = ["env:CHAT_SECRET"]

[server]
keys = "env:CHAT_KEYS"

[jobs]
store = "sqlite:///kept/jobs.db"

[tools]
calculate = true

[deferred.ask_user]
description = "Ask the user."
parameters = {type = "object", properties = {}}
"""


@pytest.mark.timeout(90)
async def test_one_process_shows_what_another_works_on(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    config = tmp_path / "service.toml"
    config.write_text(CONFIG)
    server.play(calls(("c1", "calculate", '{"expression": "6*7"}'), ("c2", "ask_user", "{}")), says("It is 42."))
    arguments = ["--config", str(config), "--base-url", server.base_url]
    environment = {"CHAT_KEYS": "ada:key-1,ada:key-2,key-3", "CHAT_SECRET": SECRET}
    with command(*arguments, "--role", "api", **environment) as address:
        async with httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
            http.headers["authorization"] = "Bearer key-1"
            assert (await http.get("/readyz")).text == "ok"
            body = {"messages": [{"role": "user", "content": "6*7?"}]}
            job = (await http.post("/jobs", json=body)).json()
            assert (job["status"], job["owner"]) == ("queued", "ada")
            watching = asyncio.create_task(watched(http, job["id"]))
            with command(*arguments, "--role", "worker", **environment) as worker:
                async with httpx2.AsyncClient(base_url=worker, timeout=WAIT) as other:
                    assert (await other.get("/healthz")).text == "ok"
                    assert (await other.get("/readyz")).text == "ok"
                    for path in ("/jobs", "/chat", f"/jobs/{job['id']}"):
                        assert (await other.get(path)).status_code == 404, "a worker shows nothing"
                async with asyncio.timeout(WAIT * 3):
                    await until(http, job["id"], "tool-deferred")
                    answer = {"call_id": "c2", "value": "yes"}
                    taken = await http.post(f"/jobs/{job['id']}/tool-results", json=answer)
                    assert taken.status_code == 200, taken.text
                    again = await http.post(f"/jobs/{job['id']}/tool-results", json=answer)
                    assert again.status_code == 409
                    seen = await watching
            assert [event.id for event in seen] == list(range(len(seen)))
            assert seen[-1].data["data"]["status"] == "completed"
            for key, status in (("key-2", 200), ("key-3", 404)):
                headers = {"authorization": f"Bearer {key}"}
                assert (await http.get(f"/jobs/{job['id']}", headers=headers)).status_code == status
    # All processes were others: what they left is read by a third.
    with command(*arguments, **environment) as address:
        async with httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
            http.headers["authorization"] = "Bearer key-2"
            kept = (await http.get(f"/jobs/{job['id']}")).json()
            assert await watched(http, job["id"]) == seen
    assert (kept["status"], kept["text"]) == ("completed", "It is 42.")
    assert [call["output"] for call in kept["rounds"][0]["calls"]] == [
        '{"expression":"6*7","result":42}',
        "yes",
    ]


@pytest.mark.timeout(60)
async def test_a_process_that_is_told_to_stop_lets_its_viewers_go(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    config = tmp_path / "service.toml"
    config.write_text(CONFIG)
    server.play(calls(("c1", "ask_user", "{}")))
    arguments = ["--config", str(config), "--base-url", server.base_url]
    seen = []
    async with httpx2.AsyncClient(timeout=WAIT * 3, headers={"authorization": "Bearer key-1"}) as http:
        with command(*arguments, CHAT_KEYS="key-1", CHAT_SECRET=SECRET) as address:
            http.base_url = address
            body = {"messages": [{"role": "user", "content": "hm"}]}
            job_id = (await http.post("/jobs", json=body)).json()["id"]
            events = watch(http, job_id)
            async for event in events:
                seen.append(event)
                if event.data["type"] == "tool-deferred":
                    break
        # The process has ended; the stream has, too, and not with a broken connection.
        async with aclosing(events):
            seen += [event async for event in events]
    assert {event.name for event in seen} == {"message"}


async def test_readiness_tells_whether_the_store_works(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError("db-7.internal: gone")

    served = alone.alone(client_for(server), Address(), ServiceSettings())
    async with serving(served.app) as address, httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
        assert (await http.get("/readyz")).status_code == 200
        monkeypatch.setattr(MemoryJobs, "list", fail)
        response = await http.get("/readyz")
        assert (response.status_code, response.text) == (503, "the jobs' store fails")
        assert (await http.get("/healthz")).status_code == 200
    assert "db-7" in caplog.text, "the log has what the answer does not"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8090", 200), ("127.0.0.1", 200), ("[::1]:8090", 200), ("evil.example:8090", 403), ("[", 400)],
)
async def test_without_keys_only_this_machine_is_answered(server: FakeServer, host: str, status: int) -> None:
    served = alone.alone(client_for(server), Address(), ServiceSettings())
    async with serving(served.app) as address, httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
        response = await http.get("/jobs", headers={"host": host})
        assert response.status_code in {status, 403}
        assert (response.status_code == 200) == (status == 200)
    served = alone.alone(client_for(server), Address(open=True), ServiceSettings())
    async with serving(served.app) as address, httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
        assert (await http.get("/jobs", headers={"host": "chat.example.com"})).status_code == 200


def test_jobs_in_memory_are_of_one_process(server: FakeServer) -> None:
    with pytest.raises(ConfigurationError, match=r"jobs\.role"):
        alone.alone(client_for(server), Address(), ServiceSettings(), JobSettings(role="api"))


def test_an_engine_needs_a_client() -> None:
    none: dict[str, LoopClient] = {}
    with pytest.raises(ConfigurationError, match="at least one client"):
        JobRuntime(none)
