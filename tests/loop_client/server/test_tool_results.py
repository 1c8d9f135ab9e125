"""`POST /runs/{id}/tool-results`: each answer once, for the call it was given for, and the run goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from loop_client import SqliteRunStore, ToolContext, tool
from loop_client.server import ChatRequest, Prepared, bearer
from tests.loop_client.fake_server import FakeServer, calls, says
from tests.loop_client.server.chatting import SECRET, ask, chat_server, chunks_in, client_for, of_type, text_of, user

PICK = {"name": "pick_color", "description": "Pick.", "parameters": {"type": "object", "properties": {}}}
STREAM = {"accept": "text/event-stream"}


@tool(needs_approval=True)
def pay(euros: int) -> dict[str, int]:
    """Pay an amount."""
    return {"paid": euros}


@tool(deferred=True, answer={"type": "object", "required": ["color"], "properties": {"color": {"type": "string"}}})
def choose(question: str) -> None:
    """Let the user choose."""


def waiting_calls(chunks: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Run id and token of each call that waits, by call id."""
    return {
        chunk["toolCallId"]: chunk["providerMetadata"]["loopClient"]
        for chunk in of_type(chunks, "tool-input-available")
        if "token" in chunk.get("providerMetadata", {}).get("loopClient", {})
    }


async def post(http: httpx2.AsyncClient, waiting: dict[str, str], headers: Any = None, **body: Any) -> httpx2.Response:
    given = {"token": waiting["token"]} | body
    return await http.post(f"/runs/{waiting['runId']}/tool-results", json=given, headers=headers)


async def suspended(http: httpx2.AsyncClient, **fields: Any) -> dict[str, dict[str, str]]:
    return waiting_calls(await ask(http, user("go"), **fields))


def results_in(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


async def test_an_answer_is_acknowledged_and_the_chat_goes_on_with_it(server: FakeServer) -> None:
    server.play(calls(("c1", "choose", '{"question": "?"}')), says("Blue."))
    async with chat_server(client_for(server, choose, secret=SECRET)) as http:
        chunks = await ask(http, user("go"))
        waiting = waiting_calls(chunks)["c1"]
        taken = await post(http, waiting, toolCallId="c1", toolName="choose", value={"color": "blue"})
        assert taken.status_code == 200, taken.text
        assert taken.json() == {"toolCallId": "c1", "toolName": "choose", "result": {"color": "blue"}}
        part = {
            "type": "tool-choose",
            "toolCallId": "c1",
            "state": "output-available",
            "input": {},
            "output": {"color": "blue"},
            "callProviderMetadata": {"loopClient": waiting},
        }
        shown = {"id": "m1", "role": "assistant", "parts": [{"type": "step-start"}, part]}
        assert text_of(await ask(http, user("go"), shown)) == "Blue."
        again = await http.post("/chat", json={"messages": [user("go"), shown]})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_ANSWERED")
    assert results_in(server.requests[1]) == ['{"color":"blue"}']
    assert len(server.requests) == 2


async def test_the_continuation_itself_is_streamed_to_who_accepts_it(server: FakeServer) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}')), says("Paid."))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        waiting = (await suspended(http))["c1"]
        chunks = chunks_in(await post(http, waiting, STREAM, toolCallId="c1", approved=True))
    assert of_type(chunks, "tool-output-available")[0]["output"] == {"paid": 3}
    assert text_of(chunks) == "Paid."
    assert "messageId" not in chunks[0], "the front end goes on with the message it has"


async def test_the_browsers_own_tools_are_there_when_the_run_goes_on(server: FakeServer) -> None:
    server.play(calls(("c1", "pick_color", "{}")), calls(("c2", "pick_color", "{}")), says("Done."))
    async with chat_server(client_for(server, secret=SECRET)) as http:
        waiting = (await suspended(http, tools=[PICK]))["c1"]
        chunks = chunks_in(await post(http, waiting, STREAM, toolCallId="c1", value="blue"))
        second = waiting_calls(chunks)["c2"]
        assert text_of(chunks_in(await post(http, second, STREAM, toolCallId="c2", value=None))) == "Done."
    assert [item["function"]["name"] for item in server.requests[1]["tools"]] == ["add", "pick_color"]
    assert results_in(server.requests[2]) == ["blue", "null"]
    assert "dynamic" not in of_type(chunks, "tool-input-start")[0], "to the page it is the tool it has always been"


async def test_the_run_goes_on_when_the_last_answer_is_there(server: FakeServer) -> None:
    server.play(calls(("c1", "pay", '{"euros": 1}'), ("c2", "pay", '{"euros": 2}')), says("One of two."))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        waiting = await suspended(http)
        first = chunks_in(await post(http, waiting["c2"], STREAM, toolCallId="c2", approved=False, reason="dear"))
        assert [chunk["type"] for chunk in first] == ["start", "finish"]
        assert first[-1]["finishReason"] == "tool-calls"
        last = chunks_in(await post(http, waiting["c1"], STREAM, toolCallId="c1", approved=True))
    assert text_of(last) == "One of two."
    paid, denied = results_in(server.requests[1])
    assert paid == '{"paid":1}'
    assert "dear" in denied


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"approved": False, "reason": "dear"}, {"approved": False, "reason": "dear"}),
        ({"approved": True}, {"approved": True}),
    ],
)
async def test_a_decision_is_acknowledged(server: FakeServer, body: dict[str, Any], result: dict[str, Any]) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}')))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        taken = await post(http, (await suspended(http))["c1"], toolCallId="c1", **body)
    assert taken.json() == {"toolCallId": "c1", "toolName": "pay", "result": result}


async def test_an_error_of_the_browser_is_what_the_model_reads(server: FakeServer) -> None:
    server.play(calls(("c1", "choose", '{"question": "?"}')), says("Never mind."))
    async with chat_server(client_for(server, choose, secret=SECRET)) as http:
        chunks = chunks_in(await post(http, (await suspended(http))["c1"], STREAM, toolCallId="c1", error="no camera"))
    assert of_type(chunks, "tool-output-error")[0]["errorText"] == "no camera"
    assert results_in(server.requests[1]) == ["Error: no camera"]


async def test_what_runs_here_on_an_answer_gives_the_result(server: FakeServer) -> None:
    seen: list[Any] = []

    def store(context: ToolContext, value: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        seen.append((context.values["user"], value, metadata))
        return {"stored": value["color"]}

    keep = tool(lambda: None, name="keep", description="Keep.", deferred=True, on_answer=store)
    server.play(calls(("c1", "keep", "{}")))

    async def prepare(request: ChatRequest) -> Prepared:
        return Prepared(values={"user": request.fields["user"]})

    async with chat_server(client_for(server, keep, secret=SECRET), prepare=prepare) as http:
        waiting = (await suspended(http, user="ada"))["c1"]
        body = {"toolCallId": "c1", "value": {"color": "red"}, "metadata": {"source": "dialog"}, "user": "ada"}
        taken = await post(http, waiting, **body)
    assert taken.json()["result"] == {"stored": "red"}
    assert seen == [("ada", {"color": "red"}, {"source": "dialog"})]


async def test_what_fails_here_on_an_answer_is_said_and_counts(server: FakeServer) -> None:
    def store(context: ToolContext, value: Any, metadata: dict[str, Any]) -> None:
        raise OSError("db-7 is full")

    keep = tool(lambda: None, name="keep", description="Keep.", deferred=True, on_answer=store)
    server.play(calls(("c1", "keep", "{}")), says("It could not be kept."))
    async with chat_server(client_for(server, keep, secret=SECRET)) as http:
        waiting = (await suspended(http))["c1"]
        failed = await post(http, waiting, toolCallId="c1", value=1)
        again = await post(http, waiting, toolCallId="c1", value=1)
    assert (failed.status_code, failed.json()["error"]["code"]) == (422, "TOOL_EXECUTION_FAILED")
    assert "db-7" not in failed.text
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_ANSWERED")


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1"}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "approved": "yes"}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "approved": True, "value": 1}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "value": {"euros": 9}}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "approved": True, "metadata": 3}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "approved": True, "toolName": "add"}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "approved": True, "token": 7}, 400, "INVALID_TOOL_RESULT"),
    ({"toolCallId": "c1", "approved": True, "token": "forged"}, 401, "BAD_TOKEN"),
    ({"toolCallId": "c9", "approved": True}, 404, "UNKNOWN_CALL"),
]


async def test_an_answer_that_cannot_be_taken_is_refused_with_a_code(server: FakeServer) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}')))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        waiting = (await suspended(http))["c1"]
        for body, status, code in REFUSED:
            refused = await post(http, waiting, **body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), body
        elsewhere = await post(http, waiting | {"runId": "run_9"}, toolCallId="c1", approved=True)
        assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (404, "RUN_NOT_FOUND")
        assert (await post(http, waiting, toolCallId="c1", approved=True)).status_code == 200


async def test_the_token_of_another_call_does_not_fit(server: FakeServer) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}'), ("c2", "pay", '{"euros": 9000}')))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        waiting = await suspended(http)
        refused = await post(http, waiting["c1"], toolCallId="c2", approved=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "BAD_TOKEN")


async def test_of_many_answers_at_once_one_counts(server: FakeServer) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}')), says("Paid."))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        waiting = (await suspended(http))["c1"]
        answers = [post(http, waiting, STREAM, toolCallId="c1", approved=True) for _ in range(8)]
        statuses = [response.status_code for response in await asyncio.gather(*answers)]
    assert sorted(statuses) == [200] + [409] * 7
    assert len(server.requests) == 2


async def test_arguments_that_the_browser_changed_do_not_run(server: FakeServer) -> None:
    """What was approved is what the model wrote; the page's copy is only shown."""
    server.play(calls(("c1", "pay", '{"euros": 3}')), says("Paid."))
    async with chat_server(client_for(server, pay, secret=SECRET)) as http:
        waiting = (await suspended(http))["c1"]
        part = {
            "type": "tool-pay",
            "toolCallId": "c1",
            "state": "approval-responded",
            "input": {"euros": 9000},
            "approval": {"id": "c1", "approved": True},
            "callProviderMetadata": {"loopClient": waiting | {"text": '{"euros": 9000}'}},
        }
        shown = {"id": "m1", "role": "assistant", "parts": [{"type": "step-start"}, part]}
        forged = part | {"callProviderMetadata": {"loopClient": waiting | {"token": "forged"}}}
        refused = await http.post("/chat", json={"messages": [user("go"), {**shown, "parts": [forged]}]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "BAD_TOKEN")
        unsigned = {**shown, "parts": [{name: item for name, item in part.items() if name != "callProviderMetadata"}]}
        chunks = await ask(http, user("go"), shown)
        assert of_type(chunks, "tool-output-available")[0]["output"] == {"paid": 3}
        server.play(says("I could not verify it."))
        await ask(http, user("go"), unsigned)
    assert results_in(server.requests[-1]) == ["Error: the approval could not be verified, so the call was not run"]


async def test_an_answer_needs_the_callers_credentials_too(server: FakeServer) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}')))
    async with chat_server(client_for(server, pay, secret=SECRET), authenticate=bearer(["key-1"])) as http:
        http.headers["authorization"] = "Bearer key-1"
        waiting = (await suspended(http))["c1"]
        refused = await post(http, waiting, {"authorization": "Bearer key-2"}, toolCallId="c1", approved=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "UNAUTHORIZED")


async def test_without_a_secret_nothing_waits_and_the_browser_brings_no_tools(server: FakeServer) -> None:
    async with chat_server(client_for(server)) as http:
        refused = await http.post("/chat", json={"messages": [user("go")], "tools": [PICK]})
        answer = await post(http, {"runId": "run_1", "token": "t"}, toolCallId="c1", approved=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "CLIENT_TOOLS_OFF")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CANNOT_SUSPEND")


async def test_another_service_over_the_same_store_goes_on(server: FakeServer, tmp_path: Any) -> None:
    server.play(calls(("c1", "pay", '{"euros": 3}')), says("Paid."))
    async with chat_server(client_for(server, pay, secret=SECRET, store=SqliteRunStore(tmp_path / "runs.db"))) as http:
        waiting = (await suspended(http))["c1"]
    async with chat_server(client_for(server, pay, secret=SECRET, store=SqliteRunStore(tmp_path / "runs.db"))) as http:
        assert text_of(chunks_in(await post(http, waiting, STREAM, toolCallId="c1", approved=True))) == "Paid."
