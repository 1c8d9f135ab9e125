"""Viewers of jobs: all see the same, whenever they come and go, and the job does not mind."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from loop_client.server import ServiceSettings
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.stage import Stage, read, script
from tests.loop_client.server.job_service import job_service, start, until, watch, watched

VIEWERS = 50


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.account.may_end = asyncio.Event()
    return made


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kept", ["memory", "sqlite"])
async def test_fifty_viewers_that_leave_and_come_again_see_the_same(stage: Stage, kept: str, tmp_path: Path) -> None:
    # Each time a viewer comes is a question to the store, and this event loop is also that of all viewers.
    jobs, most = ({}, 9) if kept == "memory" else ({"store": f"sqlite:///{tmp_path}/jobs.db"}, 25)
    chance = random.Random(6)  # the same in every run
    rounds = [[[f"c{number}", "add", {"a": number}]] for number in range(4)]
    async with job_service(stage, jobs=jobs) as served:
        job_id = await start(served.http, script(*rounds[:2], [["hold", "hold", {}]], *rounds[2:]))
        held = asyncio.Event()
        waiting = set(range(VIEWERS))

        async def view(number: int, patience: list[int]) -> list[tuple[int | None, Any]]:
            seen: list[tuple[int | None, Any]] = []
            async with httpx2.AsyncClient(
                base_url=served.address, timeout=WAIT * 6, headers={"x-owner": "ada"}
            ) as http:
                while True:
                    left = patience.pop()
                    async with aclosing(watch(http, job_id, seen[-1][0] if seen else None)) as events:
                        async for event in events:
                            if event.name == ":":
                                continue
                            seen.append((event.id, event.data))
                            if event.data["type"] == "job-call-start" and event.data["data"]["call_id"] == "hold":
                                waiting.discard(number)
                                held.set()
                            left -= 1
                            if event.name == "end":
                                return seen
                            if not left:
                                break

        patience = [[chance.randint(1, most) for _ in range(400)] for _ in range(VIEWERS)]
        views = [asyncio.create_task(view(number, patience[number])) for number in range(VIEWERS)]
        async with asyncio.timeout(WAIT * 8):
            while len(waiting) > VIEWERS // 2:  # the others come when it is over, or nearly
                held.clear()
                await held.wait()
            assert stage.account.may_end is not None
            stage.account.may_end.set()
            sequences = await asyncio.gather(*views)
        expected = [(event.id, event.to_json()) for event in await read(served.engine, job_id)]
    assert [number for number, _ in expected] == list(range(len(expected)))
    assert all(sequence == expected for sequence in sequences)


async def test_a_job_goes_on_when_its_viewers_leave(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([["c1", "hold", {}]]))
        for _ in range(3):
            await until(served.http, job_id, "job-call-start")
        assert (await served.http.get(f"/jobs/{job_id}")).json()["status"] == "running"
        assert stage.account.may_end is not None
        stage.account.may_end.set()
        assert (await watched(served.http, job_id))[-1].data["data"]["status"] == "completed"
    assert sum(stage.account.starts.values()) == 1


async def test_a_silent_job_says_that_it_lives(stage: Stage) -> None:
    async with job_service(stage, settings=ServiceSettings(keep_alive_seconds=0.02)) as served:
        job_id = await start(served.http, script([["c1", "hold", {}]]))
        comments = 0
        async with aclosing(watch(served.http, job_id)) as events:
            async for event in events:
                comments += event.name == ":"
                if comments == 3:
                    break


async def test_the_headers_keep_proxies_from_holding_the_stream_back(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script())
        response = await served.http.get(f"/jobs/{job_id}/events")
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert "x-vercel-ai-ui-message-stream" not in response.headers
    assert response.text.startswith("retry: 1000\n\n")
    assert response.text.endswith("\n\n")


async def test_a_place_may_be_named_in_the_query_and_the_header_wins(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script())
        everything = await watched(served.http, job_id)
        last = everything[-1].id
        assert last is not None
        by_query = await served.http.get(f"/jobs/{job_id}/events", params={"after": last - 1})
        assert [line for line in by_query.text.splitlines() if line.startswith("id:")] == [f"id: {last}"]
        headers = {"last-event-id": str(last - 2)}
        both = await served.http.get(f"/jobs/{job_id}/events", params={"after": last - 1}, headers=headers)
        ids = [line for line in both.text.splitlines() if line.startswith("id:")]
        assert ids == [f"id: {last - 1}", f"id: {last}"]


async def test_who_has_seen_the_end_is_told_to_stay_away(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script())
        end = (await watched(served.http, job_id))[-1]
        response = await served.http.get(f"/jobs/{job_id}/events", headers={"last-event-id": str(end.id)})
        assert (response.status_code, response.content) == (204, b"")


async def test_at_the_end_of_the_process_viewers_are_let_go_without_an_end(stage: Stage) -> None:
    async with job_service(stage) as served:
        job_id = await start(served.http, script([["c1", "hold", {}]]))
        await until(served.http, job_id, "job-call-start")
        seen = asyncio.Event()

        async def view() -> list[str]:
            names = []
            async with aclosing(watch(served.http, job_id)) as events:
                async for event in events:
                    names.append(event.name)
                    if event.data["type"] == "job-call-start":
                        seen.set()
            return names

        viewing = asyncio.create_task(view())
        async with asyncio.timeout(WAIT):
            await seen.wait()
            served.service.end_streams()
            names = await viewing
        assert set(names) == {"message"}
