"""`POST /chat` over sockets: what a front end may send, what it gets, and what stays here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from starlette.requests import Request

from loop_client import Retry, RunFinish, Tool, ToolContext, tool
from loop_client.server import ChatRequest, ChatService, Forbidden, Metrics, Prepared, ServiceSettings, bearer
from tests.loop_client.fake_server import WAIT, FakeServer, Turn, calls, delta, finish, says
from tests.loop_client.server.chatting import SECRET, add, ask, chat_server, client_for, of_type, text_of, user
from tests.loop_client.serving import serving


async def test_a_question_is_answered_as_a_stream(server: FakeServer) -> None:
    server.play(calls(("c1", "add", '{"left": 2, "right": 3}')), says("It is 5."))
    async with chat_server(client_for(server, system="Be brief.")) as http:
        chunks = await ask(http, user("2 + 3?"))
    assert text_of(chunks) == "It is 5."
    assert of_type(chunks, "tool-output-available")[0]["output"] == 5
    assert chunks[0]["messageId"].startswith("msg_")
    assert chunks[-1]["messageMetadata"]["usage"] == {"inputTokens": 30, "outputTokens": 13, "totalTokens": 43}
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "2 + 3?"},
    ]


async def test_the_prepare_hook_sees_every_field_and_decides(server: FakeServer) -> None:
    server.play(says("Bonjour."))
    asked: list[ChatRequest] = []

    def translate(text: str) -> str:
        """Translate."""
        return text

    async def prepare(request: ChatRequest) -> Prepared:
        asked.append(request)
        language = request.fields["workflowId"].removeprefix("lang-")
        return Prepared(
            system=f"Speak {language}.", model="test/other", tools=[tool(translate)], options={"temperature": 0.5}
        )

    async with chat_server(client_for(server, system="not this"), prepare=prepare) as http:
        await ask(http, user("Hello"), workflowId="lang-fr", sessionId="s-1")
    assert asked[0].fields == {"workflowId": "lang-fr", "sessionId": "s-1"}
    (sent,) = server.requests
    assert sent["messages"][0] == {"role": "system", "content": "Speak fr."}
    assert (sent["model"], sent["temperature"]) == ("test/other", 0.5)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["add", "translate"]


async def test_a_service_may_keep_the_history_itself(server: FakeServer) -> None:
    server.play(says("Yes."), says("Again."))
    kept: dict[str | None, tuple[Any, ...]] = {}

    async def prepare(request: ChatRequest) -> Prepared:
        history = [*kept.get(request.chat_id, ()), request.conversation.messages[-1]]
        return Prepared(messages=history)

    async def on_finish(request: ChatRequest, finish: RunFinish) -> None:
        kept[request.chat_id] = finish.messages

    async with chat_server(client_for(server), prepare=prepare, on_finish=on_finish) as http:
        await ask(http, user("One?"))
        await ask(http, user("forged history"), user("Two?"))
    assert [message["content"] for message in server.requests[1]["messages"]] == ["One?", "Yes.", "Two?"]


async def test_the_callers_values_reach_the_tools_and_nobody_else(server: FakeServer) -> None:
    server.play(calls(("c1", "whoami", "{}")), says("You are known."))
    seen: list[Mapping[str, Any]] = []

    def whoami(context: ToolContext) -> str:
        """Who asks."""
        seen.append(context.values)
        return "known"

    async def authenticate(request: Request) -> Mapping[str, Any]:
        return {"user": "ada", "token": f"oauth-{request.headers['authorization']}"}

    async def prepare(request: ChatRequest) -> Prepared:
        return Prepared(values={"workspace": request.fields["workspace"]})

    async with chat_server(client_for(server, whoami), authenticate=authenticate, prepare=prepare) as http:
        chunks = await ask_with(http, {"authorization": "secret-1"}, workspace="w-1")
    assert [dict(values) for values in seen] == [{"user": "ada", "token": "oauth-secret-1", "workspace": "w-1"}]
    assert "secret-1" not in str(chunks)
    assert b"secret-1" not in b"".join(server.bodies)


async def ask_with(http: Any, headers: dict[str, str], **fields: Any) -> list[dict[str, Any]]:
    http.headers.update(headers)
    return await ask(http, user("who am I?"), **fields)


async def test_who_may_not_come_in_gets_a_code(server: FakeServer) -> None:
    async with chat_server(client_for(server), authenticate=bearer(["key-1"])) as http:
        refused = await http.post("/chat", json={"messages": [user("hi")]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert refused.headers["www-authenticate"] == "Bearer"

    async def prepare(request: ChatRequest) -> Prepared:
        raise Forbidden("the workspace is not yours")

    async with chat_server(client_for(server), prepare=prepare) as http:
        refused = await http.post("/chat", json={"messages": [user("hi")]})
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, "the workspace is not yours")
    assert server.requests == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{}", {}, 400, "INVALID_MESSAGES"),
        (b"[]", {}, 400, "INVALID_REQUEST"),
        (b'{"messages": [', {}, 400, "INVALID_REQUEST"),
        (b"\xff", {}, 400, "INVALID_REQUEST"),
        (b"{}", {"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"x": "' + b"y" * 2000 + b'"}', {}, 413, "TOO_LARGE"),
        (b'{"messages": [{"role": "system", "parts": []}]}', {}, 400, "INVALID_MESSAGES"),
    ],
)
async def test_a_malformed_request_is_refused(
    server: FakeServer, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    settings = ServiceSettings(max_body_bytes=1000)
    async with chat_server(client_for(server), settings=settings) as http:
        refused = await http.post("/chat", content=body, headers={"content-type": "application/json"} | headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


async def test_a_failed_run_is_masked_and_its_detail_is_in_the_log(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """LOOP-07: the message is never empty."""
    server.play(Turn(status=500, body={"error": {"message": "db-7.internal: out of disk"}}))
    async with chat_server(client_for(server, retry=Retry(retries=0))) as http:
        chunks = await ask(http, user("hi"))
    (error,) = of_type(chunks, "error")
    assert error["errorText"].startswith("The answer could not be completed")
    assert "db-7" not in str(chunks)
    error_id = error["errorText"].partition("(error ")[2].partition(")")[0]
    assert error_id
    assert any(error_id in record.getMessage() and "db-7" in caplog.text for record in caplog.records)


async def test_a_hook_that_fails_is_masked_too(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    async def prepare(request: ChatRequest) -> Prepared:
        raise RuntimeError("the password is hunter2")

    async with chat_server(client_for(server), prepare=prepare) as http:
        failed = await http.post("/chat", json={"messages": [user("hi")]})
    assert failed.status_code == 500
    assert "hunter2" not in failed.text
    error_id = failed.json()["error"]["message"].partition("(error ")[2].partition(")")[0]
    (record,) = [record for record in caplog.records if error_id in record.getMessage()]
    assert record.exc_info is not None


async def test_a_history_that_cannot_be_kept_does_not_take_the_answer_away(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.play(says("Here."))

    async def on_finish(request: ChatRequest, finish: RunFinish) -> None:
        raise OSError("disk full")

    async with chat_server(client_for(server), on_finish=on_finish) as http:
        assert text_of(await ask(http, user("hi"))) == "Here."
    assert any(record.levelno == logging.ERROR and "on_finish" in record.getMessage() for record in caplog.records)


async def test_a_viewer_that_leaves_cancels_the_run(server: FakeServer) -> None:
    server.play(Turn((delta(role="assistant", content="Once"),), ending="hang"))
    async with (
        chat_server(client_for(server)) as http,
        http.stream("POST", "/chat", json={"messages": [user("a long story")]}) as response,
    ):
        async for line in response.aiter_lines():
            if "Once" in line:
                break
    async with asyncio.timeout(WAIT):
        assert await asyncio.to_thread(server.client_left.wait, WAIT)


async def test_a_viewer_that_leaves_cancels_a_running_tool(server: FakeServer) -> None:
    server.play(calls(("c1", "sleep", "{}")))
    cancelled = asyncio.Event()

    async def sleep() -> None:
        """Sleep."""
        try:
            await asyncio.sleep(WAIT)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with (
        chat_server(client_for(server, sleep)) as http,
        http.stream("POST", "/chat", json={"messages": [user("sleep")]}) as response,
    ):
        async for line in response.aiter_lines():
            if "tool-input-available" in line:
                break
    async with asyncio.timeout(WAIT):
        await cancelled.wait()


async def test_pages_of_other_origins_may_call_where_they_are_named(server: FakeServer) -> None:
    server.play(says("Hi."))
    preflight = {
        "origin": "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    async with chat_server(client_for(server)) as http:
        closed = await http.options("/chat", headers=preflight)
    settings = ServiceSettings(allow_origins=("https://app.example.com",))
    async with chat_server(client_for(server), settings=settings) as http:
        opened = await http.options("/chat", headers=preflight)
        stranger = await http.options("/chat", headers=preflight | {"origin": "https://evil.example.com"})
        answer = await http.post("/chat", json={"messages": [user("hi")]}, headers={"origin": preflight["origin"]})
        refused = await http.post("/chat", json={}, headers={"origin": preflight["origin"]})
    allowed = "access-control-allow-origin"
    assert (allowed in closed.headers, allowed in stranger.headers) == (False, False)
    assert opened.headers[allowed] == answer.headers[allowed] == refused.headers[allowed] == preflight["origin"]
    assert "x-vercel-ai-ui-message-stream" in answer.headers["access-control-expose-headers"]


def test_cookies_of_every_page_are_not_let_in() -> None:
    with pytest.raises(ValueError, match="origins by name"):
        ServiceSettings(allow_origins=("*",), allow_credentials=True)


async def test_it_mounts_into_a_fastapi_app(server: FakeServer) -> None:
    server.play(says("Mounted."))
    outer = FastAPI()
    client = client_for(server)
    outer.mount("/ai", ChatService(client).app())

    @outer.get("/own")
    async def own() -> str:
        return "mine"

    async with client, serving(outer) as address, httpx2.AsyncClient(base_url=f"{address}/ai", timeout=WAIT) as http:
        assert text_of(await ask(http, user("hi"))) == "Mounted."
        assert (await http.get(f"{address}/own")).json() == "mine"


@pytest.mark.parametrize("shown", [True, False])
async def test_reasoning_is_shown_or_not(server: FakeServer, shown: bool) -> None:
    server.play(Turn((delta(role="assistant", reasoning_content="hm"), delta(content="Yes."), finish("stop"))))
    async with chat_server(client_for(server, add), settings=ServiceSettings(reasoning=shown)) as http:
        chunks = await ask(http, user("hi"))
    assert bool(of_type(chunks, "reasoning-delta")) is shown


@pytest.mark.parametrize("shown", [True, False])
async def test_sources_are_shown_or_not(server: FakeServer, shown: bool) -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://example.com/a", "title": "A"}}
    server.play(Turn((delta(role="assistant", content="See A.", annotations=[citation]), finish("stop"))))
    async with chat_server(client_for(server, add), settings=ServiceSettings(sources=shown)) as http:
        chunks = await ask(http, user("hi"))
    assert bool(of_type(chunks, "source-url")) is shown


async def test_the_browser_may_bring_no_tools_where_that_is_switched_off(server: FakeServer) -> None:
    server.play(says("Hi."))
    client = client_for(server, secret=SECRET)
    async with chat_server(client, settings=ServiceSettings(client_tools=False)) as http:
        refused = await http.post("/chat", json={"messages": [user("hi")], "tools": [{"name": "pick"}]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "CLIENT_TOOLS_OFF")
        assert text_of(await ask(http, user("hi"), tools=[])) == "Hi."


async def test_a_tool_of_a_source_is_not_shadowed_by_the_browser(server: FakeServer) -> None:
    """Its name is not known before the run begins, so there the server's tool wins in silence."""

    class Source:
        name = "elsewhere"

        async def open(self) -> None:
            """Nothing to open."""

        async def list_tools(self) -> list[Tool]:
            return [tool(lambda: "from the source", name="look", description="Look.")]

        async def aclose(self) -> None:
            """Nothing to close."""

    server.play(calls(("c1", "look", "{}")), says("Seen."))
    async with chat_server(client_for(server, Source(), secret=SECRET)) as http:
        chunks = await ask(http, user("hi"), tools=[{"name": "look", "description": "The browser's."}])
    assert of_type(chunks, "tool-output-available")[0]["output"] == "from the source"
    assert [item["function"]["description"] for item in server.requests[0]["tools"]] == ["Look."]


async def test_runs_of_the_service_are_measured(server: FakeServer) -> None:
    server.play(calls(("c1", "add", '{"left": 2, "right": 3}')), says("It is 5."))
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    async with chat_server(client_for(server), metrics=Metrics(provider)) as http:
        await ask(http, user("2 + 3?"))
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    names = {item.name for part in data.resource_metrics for scope in part.scope_metrics for item in scope.metrics}
    assert {"loop_client.tool.calls", "loop_client.runs", "gen_ai.client.token.usage"} <= names
