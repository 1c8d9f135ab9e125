"""Chats whose runs are jobs: the page leaves, comes back, answers, asks again, stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from loop_client import tool
from loop_client.server import ChatRequest, Prepared, ServiceSettings
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.stage import Stage, script
from tests.loop_client.server.chatting import ask, chunks_in, of_type, text_of, user
from tests.loop_client.server.job_service import Served, job_service, until, watched

ADD = ["c1", "add", {"a": 2, "b": 3}]
HOLD = ["h1", "hold", {}]
PAY = ["c1", "pay", {"euros": 200}]
ASK = ["c2", "ask_user", {"question": "Which?"}]


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.account.may_end = asyncio.Event()
    return made


@asynccontextmanager
async def chatting(stage: Stage, **options: Any) -> AsyncIterator[Served]:
    options = {"settings": ServiceSettings(chat_jobs=True), **options}
    async with job_service(stage, **options) as served:
        yield served


async def began(http: httpx2.AsyncClient, text: str, kind: str, **fields: Any) -> list[dict[str, Any]]:
    """Send a message and leave at the first chunk of a kind; the chunks up to there."""
    seen: list[dict[str, Any]] = []
    body = {"id": "chat-1", "messages": [user(text)], **fields}
    async with http.stream("POST", "/chat", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                seen.append(json.loads(line.removeprefix("data: ")))
                if seen[-1]["type"] == kind:
                    return seen
    raise AssertionError(f"no {kind} among {seen}")


async def resumed(http: httpx2.AsyncClient, chat: str = "chat-1") -> list[dict[str, Any]]:
    response = await http.get(f"/chat/{chat}/stream")
    assert response.status_code == 200, response.text
    return chunks_in(response)


def part_of(chunks: list[dict[str, Any]], call_id: str, **members: Any) -> dict[str, Any]:
    """The part of a waiting call as a page would keep it, with what the user did to it."""
    (chunk,) = [chunk for chunk in of_type(chunks, "tool-input-available") if chunk["toolCallId"] == call_id]
    return {
        "type": f"tool-{chunk['toolName']}",
        "toolCallId": call_id,
        "input": chunk["input"],
        "callProviderMetadata": chunk["providerMetadata"],
        **members,
    }


def approved(chunks: list[dict[str, Any]], call_id: str) -> dict[str, Any]:
    return part_of(chunks, call_id, state="approval-responded", approval={"id": call_id, "approved": True})


def assistant(chunks: list[dict[str, Any]], *parts: dict[str, Any]) -> dict[str, Any]:
    """The message of these chunks as a page sends it back."""
    (start,) = of_type(chunks, "start")
    return {"id": start["messageId"], "role": "assistant", "parts": [{"type": "step-start"}, *parts]}


async def test_the_run_of_a_chat_is_a_job(stage: Stage) -> None:
    async with chatting(stage) as served:
        chunks = await ask(served.http, user(script([ADD])))
        assert text_of(chunks) == "words of round 1words of round 2"
        assert [chunk["output"] for chunk in of_type(chunks, "tool-output-available")] == [5]
        assert chunks[-1]["finishReason"] == "stop"
        (start,) = of_type(chunks, "start")
        job = (await served.http.get(f"/jobs/{start['messageMetadata']['runId']}")).json()
        assert (job["status"], job["owner"]) == ("completed", "ada")


async def test_who_leaves_and_comes_back_sees_the_whole_message(stage: Stage) -> None:
    async with chatting(stage) as served:
        seen = await began(served.http, script([ADD], [HOLD]), "tool-output-available")
        coming_back = asyncio.create_task(resumed(served.http))
        assert stage.account.may_end is not None
        (start,) = of_type(seen, "start")
        await until(served.http, start["messageMetadata"]["runId"], "job-call-start")
        stage.account.may_end.set()
        async with asyncio.timeout(WAIT):
            whole = await coming_back
        assert of_type(whole, "start") == [start], "the same message, so a page replaces what it had of it"
        assert text_of(whole) == "words of round 1words of round 2words of round 3"
        assert {chunk["toolCallId"] for chunk in of_type(whole, "tool-output-available")} == {"c1", "h1"}
        late = await resumed(served.http)
        assert (text_of(late), late[-1]["finishReason"]) == (text_of(whole), "stop")
        by_job = await served.http.get(f"/jobs/{start['messageMetadata']['runId']}/ui")
        without_time = [chunk for chunk in late if chunk["type"] != "finish"]
        assert [chunk for chunk in chunks_in(by_job) if chunk["type"] != "finish"] == without_time
    assert sum(stage.account.starts.values()) == 2, "nothing ran for the viewers' sake"


async def test_there_is_nothing_to_come_back_to(stage: Stage) -> None:
    async with chatting(stage) as served:
        assert (await served.http.get("/chat/chat-1/stream")).status_code == 204
        await ask(served.http, user(script()))
        assert (await served.http.get("/chat/chat-2/stream")).status_code == 204
        other = {"x-owner": "bob"}
        assert (await served.http.get("/chat/chat-1/stream", headers=other)).status_code == 204
        stopped = await served.http.post("/chat/chat-1/cancel", json={}, headers=other)
        assert (stopped.status_code, stopped.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")
        (job,) = (await served.http.get("/jobs")).json()["jobs"]
        assert (await served.http.get(f"/jobs/{job['id']}/ui", headers=other)).status_code == 404


async def test_an_approval_in_the_chat_reaches_the_job(stage: Stage) -> None:
    async with chatting(stage) as served:
        first = await ask(served.http, user(script([PAY])))
        assert (first[-1]["type"], first[-1]["finishReason"]) == ("finish", "tool-calls")
        (job,) = (await served.http.get("/jobs")).json()["jobs"]
        assert job["status"] == "waiting"
        message = assistant(first, approved(first, "c1"))
        rest = await ask(served.http, user(script([PAY])), message)
        assert rest[0] == {"type": "start", "messageId": message["id"]}
        assert [chunk["type"] for chunk in rest[1:3]] == ["tool-approval-response", "tool-output-available"]
        assert text_of(rest) == "words of round 2"
        assert rest[-1]["finishReason"] == "stop"
        (again,) = (await served.http.get("/jobs")).json()["jobs"]
        assert (again["id"], again["status"]) == (job["id"], "completed")
        # A page that did not see the end of it sends the same once more.
        assert await without_times(ask(served.http, user(script([PAY])), message)) == [
            chunk for chunk in rest if chunk["type"] != "finish"
        ]
    assert sum(stage.account.starts.values()) == 1


async def without_times(chunks: Any) -> list[dict[str, Any]]:
    return [chunk for chunk in await chunks if chunk["type"] != "finish"]


async def test_an_answer_of_the_browser_and_an_approval_of_one_step(stage: Stage) -> None:
    async with chatting(stage) as served:
        first = await ask(served.http, user(script([PAY, ASK])))
        picked = part_of(first, "c2", state="output-available", output="the blue one")
        one = await ask(served.http, user(script([PAY, ASK])), assistant(first, picked, part_of_waiting(first, "c1")))
        assert [chunk["toolCallId"] for chunk in of_type(one, "tool-output-available")] == ["c2"]
        assert one[-1]["finishReason"] == "tool-calls", "the approval is still to come"
        rest = await ask(served.http, user(script([PAY, ASK])), assistant(first, picked, approved(first, "c1")))
        assert text_of(rest) == "words of round 2"
        assert {chunk["toolCallId"] for chunk in of_type(rest, "tool-output-available")} >= {"c1"}
    assert sum(stage.account.starts.values()) == 1


def part_of_waiting(chunks: list[dict[str, Any]], call_id: str) -> dict[str, Any]:
    return part_of(chunks, call_id, state="approval-requested", approval={"id": call_id})


async def test_a_forged_answer_is_refused(stage: Stage) -> None:
    async with chatting(stage) as served:
        first = await ask(served.http, user(script([PAY])))
        part = approved(first, "c1")
        part["callProviderMetadata"] = {"loopClient": {**part["callProviderMetadata"]["loopClient"], "token": "forged"}}
        body = {"id": "chat-1", "messages": [user(script([PAY])), assistant(first, part)]}
        response = await served.http.post("/chat", json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (409, "ANSWER_CONFLICT")
        body["messages"] = [user(script([PAY])), assistant(first, approved(first, "c1"))]
        response = await served.http.post("/chat", json=body, headers={"x-owner": "bob"})
        assert response.status_code == 404, "for somebody else the run is not there"
    assert not stage.account.starts


async def test_an_answer_by_itself_reaches_the_job(stage: Stage) -> None:
    async with chatting(stage) as served:
        first = await ask(served.http, user(script([PAY], [ASK])))
        waiting = part_of(first, "c1")["callProviderMetadata"]["loopClient"]
        path = f"/runs/{waiting['runId']}/tool-results"
        body = {"toolCallId": "c1", "token": waiting["token"], "approved": True, "reason": "by Ada"}
        taken = await served.http.post(path, json=body)
        assert taken.json() == {
            "toolCallId": "c1",
            "toolName": "pay",
            "result": {"approved": True, "reason": "by Ada"},
        }
        again = await served.http.post(path, json=body)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ANSWER_CONFLICT")
        await until(served.http, waiting["runId"], "tool-deferred")
        second = part_of(await resumed(served.http), "c2")["callProviderMetadata"]["loopClient"]
        body = {"toolCallId": "c2", "token": second["token"], "value": "the blue one"}
        streamed = await served.http.post(path, json=body, headers={"accept": "text/event-stream"})
        assert text_of(chunks_in(streamed)) == "words of round 3"


async def test_calls_that_are_over_are_not_put_to_the_page_again(stage: Stage) -> None:
    async with chatting(stage) as served:
        first = await ask(served.http, user(script([ASK], [PAY])))
        picked = part_of(first, "c2", state="output-available", output="the blue one")
        await ask(served.http, user(script([ASK], [PAY])), assistant(first, picked))
        again = await resumed(served.http)
        assert [chunk["toolCallId"] for chunk in of_type(again, "tool-input-available")] == ["c1"], "this one waits"
        deltas = [chunk for chunk in of_type(again, "tool-input-delta") if chunk["toolCallId"] == "c2"]
        assert json.loads(deltas[-1]["inputTextDelta"]) == {"question": "Which?"}
        assert again[-1]["finishReason"] == "tool-calls"


async def test_who_asks_anew_gives_up_what_went_on(stage: Stage) -> None:
    async with chatting(stage) as served:
        await began(served.http, script([HOLD]), "tool-input-available")
        assert text_of(await ask(served.http, user(script(), "u2"))) == "words of round 1"
        statuses = [job["status"] for job in (await served.http.get("/jobs")).json()["jobs"]]
        assert statuses == ["completed", "cancelled"]
        assert text_of(await resumed(served.http)) == "words of round 1", "the latest is shown"


async def test_stopping_a_chat_ends_its_job_and_no_page_goes_on_by_itself(stage: Stage) -> None:
    async with chatting(stage) as served:
        await began(served.http, script([ADD, HOLD]), "tool-output-available")
        watching = asyncio.create_task(resumed(served.http))
        (job,) = (await served.http.get("/jobs")).json()["jobs"]
        await until(served.http, job["id"], "job-call-start")
        stopped = await served.http.post("/chat/chat-1/cancel", json={})
        assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
        async with asyncio.timeout(WAIT):
            chunks = await watching
        assert [chunk["type"] for chunk in chunks[-3:]] == ["finish-step", "start-step", "abort"]
        assert (await resumed(served.http))[-1]["type"] == "abort"


async def test_the_hook_decides_which_runs_are_jobs_and_what_they_know(stage: Stage) -> None:
    async def prepare(request: ChatRequest) -> Prepared:
        long = bool(request.fields.get("long"))
        return Prepared(as_job=long, system="Be brief.", metadata={"workspace": "w-1"})

    async with chatting(stage, prepare=prepare, settings=ServiceSettings()) as served:
        await ask(served.http, user(script([ADD])), long=True)
        (listed,) = (await served.http.get("/jobs")).json()["jobs"]
        job = (await served.http.get(f"/jobs/{listed['id']}")).json()
        assert job["metadata"]["workspace"] == "w-1"
        assert job["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_a_tool_with_code_of_one_request_cannot_be_a_jobs(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    @tool
    def mine() -> str:
        """Do something."""
        return "x"

    async def prepare(request: ChatRequest) -> Prepared:
        return Prepared(tools=[mine])

    async with chatting(stage, prepare=prepare) as served:
        response = await served.http.post("/chat", json={"id": "chat-1", "messages": [user(script())]})
        assert response.status_code == 500
        assert (await served.http.get("/jobs")).json() == {"jobs": []}
    assert "tool mine has code" in caplog.text


async def test_a_tool_of_the_browser_waits_for_the_browser(stage: Stage) -> None:
    pick = {"name": "pick", "description": "Pick.", "parameters": {"type": "object", "properties": {}}}
    text = script([["c1", "pick", {}]])
    async with chatting(stage) as served:
        first = await ask(served.http, user(text), tools=[pick])
        picked = part_of(first, "c1", state="output-available", output={"color": "blue"})
        rest = await ask(served.http, user(text), assistant(first, picked), tools=[pick])
        assert of_type(rest, "tool-output-available")[0]["output"] == {"color": "blue"}
        assert text_of(rest) == "words of round 2"
        (listed,) = (await served.http.get("/jobs")).json()["jobs"]
        await watched(served.http, listed["id"])
