"""Tools that are HTTP endpoints: what is sent, what becomes of each answer, and what the model never sees."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from loop_client import ConfigurationError, FilePart, ImagePart, LoopClient, ToolContext, ToolDefinitionError, ToolError
from loop_client.events import ToolInputAvailable, ToolOutputAvailable, ToolOutputError
from loop_client.function_tool import ToolFlags
from loop_client.http_exchange import ServiceUnavailable
from loop_client.http_tools import HttpTool, HttpTools
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says
from tests.loop_client.serving import serving
from tests.loop_client.sources.calling import call, opened

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {}}}
OK = Response('{"rain": true}', media_type="application/json")


@dataclass
class Endpoint:
    """Answers as told and keeps what it was sent."""

    address: str = ""
    answers: list[Response] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else OK

    def tool(self, path: str = "/tool", **settings: Any) -> HttpTool:
        settings.setdefault("parameters", SCHEMA)
        return HttpTool("rain", "Tell of rain.", url=f"{self.address}{path}", **settings)


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    async with serving(Starlette(routes=[Route("/{path:path}", made.answer, methods=methods)])) as address:
        made.address = address
        yield made


async def rain(tool: HttpTool, **arguments: Any) -> Any:
    """What one call gives."""
    async with opened(HttpTools([tool])) as tools:
        return await call(tools["rain"], **arguments)


# ---- what is sent


async def test_arguments_are_posted_as_json_with_the_key_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAIN_TOKEN", "secret-token")
    headers = {"Authorization": "Bearer env:RAIN_TOKEN", "X-Plain": "plain"}
    async with endpoint() as far:
        assert await rain(far.tool(headers=headers), city="Zürich", days=3) == '{"rain": true}'
        (request,) = far.requests
        assert (request.method, request.url.path) == ("POST", "/tool")
        assert far.bodies == ['{"city":"Zürich","days":3}'.encode()]
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == "Bearer secret-token"
        assert request.headers["x-plain"] == "plain"
        assert request.headers["idempotency-key"] == "run_1/1/call_1"
        assert "secret-token" not in repr(far.tool(headers=headers))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_some_methods_carry_arguments_in_the_address_and_cannot_change_what_is_there(method: Any) -> None:
    async with endpoint() as far:
        await rain(far.tool("/tool?tenant=acme", method=method), city="São Paulo&x=1", days=[1, 2], tenant="other")
        (request,) = far.requests
        assert dict(request.query_params) == {"tenant": "acme", "city": "São Paulo&x=1", "days": "[1,2]"}
        assert (request.method, far.bodies) == (method, [b""])


async def test_the_key_of_a_call_is_legal_in_a_header_whatever_the_model_named_it() -> None:
    async with endpoint() as far:
        async with opened(HttpTools([far.tool()])) as tools:
            handler = tools["rain"].handler
            assert handler is not None
            for call_id in ("call é\r\nx: y", "call %C3%A9"):
                await handler({}, ToolContext("run_1", call_id, "rain", 1))
        keys = [request.headers["idempotency-key"] for request in far.requests]
        assert keys == ["run_1/1/call%20%C3%A9%0D%0Ax%3A%20y", "run_1/1/call%20%25C3%25A9"]
        assert all("x" not in request.headers for request in far.requests)


async def test_headers_of_one_call_come_from_its_context_and_no_cookie_goes_along_with_another() -> None:
    def of_user(context: ToolContext) -> dict[str, str]:
        return {"Authorization": f"Bearer {context.values['token']}"}

    async with endpoint() as far:
        far.answers = [Response("{}", headers={"set-cookie": "session=first; Path=/"}), OK]
        async with opened(HttpTools([far.tool(context_headers=of_user, headers={"authorization": "none"})])) as tools:
            handler = tools["rain"].handler
            assert handler is not None
            for token in ("first", "second"):
                await handler({}, ToolContext("run_1", "call_1", "rain", 1, values={"token": token}))
        assert [request.headers["authorization"] for request in far.requests] == ["Bearer first", "Bearer second"]
        assert all("cookie" not in request.headers for request in far.requests)


# ---- what comes back


@pytest.mark.parametrize(
    ("response", "content"),
    [
        (Response("words", media_type="text/plain"), "words"),
        (Response('{"a":  1.0}', media_type="application/problem+json"), '{"a":  1.0}'),
        (Response("<a/>", media_type="application/xml"), "<a/>"),
        (Response("é".encode("latin-1"), headers={"content-type": "text/plain; charset=latin-1"}), "é"),
        (Response("é".encode(), headers={"content-type": "text/plain; charset=no-such"}), "é"),
        (Response(b"bare"), "bare"),
        (Response(status_code=204), "done (HTTP 204, no content)"),
        (Response(b"\x89PNG", media_type="image/png"), [ImagePart(base64.b64encode(b"\x89PNG").decode(), "image/png")]),
        (
            Response(b"%PDF", media_type="application/pdf"),
            [FilePart(base64.b64encode(b"%PDF").decode(), "application/pdf")],
        ),
    ],
)
async def test_an_answer_is_given_on_as_what_it_is(response: Response, content: Any) -> None:
    async with endpoint() as far:
        far.answers = [response]
        assert await rain(far.tool()) == content


async def test_a_larger_answer_than_allowed_is_an_error_and_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b"x" * 1000
            await asyncio.sleep(0)

    async with endpoint() as far:
        far.answers = [StreamingResponse(endless(), media_type="text/plain")]
        with pytest.raises(ToolError, match="larger than 5000 bytes"):
            await rain(far.tool(max_response_bytes=5000))
        far.answers = [Response("x" * 5000)]
        assert await rain(far.tool(max_response_bytes=5000)) == "x" * 5000


async def test_a_compressed_answer_is_not_taken() -> None:
    async with endpoint() as far:
        far.answers = [Response(gzip.compress(b"0" * 10**7), headers={"content-encoding": "gzip"})]
        with pytest.raises(ToolError, match="compressed"):
            await rain(far.tool())
        assert far.requests[0].headers["accept-encoding"] == "identity"


# ---- trouble


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_a_refusal_is_told_without_its_words_unless_these_are_meant_for_the_model(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with endpoint() as far:
        for show, told in ((False, ""), (True, ": city is wrong; token sk-1")):
            far.answers = [Response("city is wrong; token sk-1", status)]
            with pytest.raises(ToolError) as caught:
                await rain(far.tool(show_errors=show))
            assert str(caught.value) == f"the service refused the call (HTTP {status}){told}"
    assert "sk-1" not in caplog.text


async def test_words_of_a_refusal_are_bounded() -> None:
    async with endpoint() as far:
        far.answers = [Response("x" * 100_000, 400)]
        with pytest.raises(ToolError) as caught:
            await rain(far.tool(show_errors=True))
        assert len(str(caught.value)) < 2100


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_a_failure_that_may_pass_is_one_that_a_retry_may_follow(status: int) -> None:
    async with endpoint() as far:
        far.answers = [Response("secret detail", status)]
        with pytest.raises(ServiceUnavailable) as caught:
            await rain(far.tool())
        assert "secret" not in str(caught.value)


async def test_an_endpoint_that_is_not_there_or_breaks_off_is_unavailable() -> None:
    async with serving(Starlette()) as free:
        pass
    tool = HttpTool("rain", "Tell of rain.", SCHEMA, f"{free}/tool")
    with pytest.raises(ServiceUnavailable):
        await rain(tool)

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the test breaks the connection here")

    async with endpoint() as far:
        far.answers = [StreamingResponse(broken(), media_type="text/plain")]
        with pytest.raises(ServiceUnavailable):
            await rain(far.tool())


@pytest.mark.parametrize(
    ("status", "method", "location", "followed"),
    [
        (307, "POST", "/moved", True),
        (308, "POST", "/moved", True),
        (302, "GET", "/moved", True),
        (302, "POST", "/moved", False),
        (303, "POST", "/moved", False),
        (307, "POST", "http://127.0.0.1:9/tool", False),
        (307, "POST", "http://user:word@HOST/tool", False),
        (307, "POST", "https://HOST/tool", False),
    ],
)
async def test_a_redirect_is_followed_within_the_host_and_only_as_the_same_call(
    status: int, method: Any, location: str, followed: bool
) -> None:
    async with endpoint() as far:
        target = location.replace("HOST", far.address.removeprefix("http://"))
        far.answers = [Response(status_code=status, headers={"location": target}), OK]
        if followed:
            assert await rain(far.tool(method=method), city="Rome") == '{"rain": true}'
            assert far.requests[1].url.path == "/moved"
            assert far.bodies[0] == far.bodies[1]
        else:
            with pytest.raises(ToolError, match="sent the call elsewhere"):
                await rain(far.tool(method=method))
            assert len(far.requests) == 1


async def test_redirects_in_a_circle_end() -> None:
    async with endpoint() as far:
        far.answers = [Response(status_code=307, headers={"location": "/tool"}) for _ in range(20)]
        with pytest.raises(ToolError, match="again and again"):
            await rain(far.tool())
        assert len(far.requests) == 6


# ---- what cannot work


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "example.com"}, "an address such as"),
        ({"url": "ftp://example.com"}, "an address such as"),
        ({"url": "http://host:port"}, "is no URL"),
        ({"url": "https://user:word@example.com"}, "into a header"),
        ({"url": "https://example.com", "brought_tools_url": "file:///x"}, "an address such as"),
        ({"url": "https://example.com", "max_response_bytes": 0}, "must be above 0"),
        ({"url": "https://example.com", "connect_seconds": 0}, "must be above 0"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_at_once(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        HttpTool("rain", "Tell of rain.", SCHEMA, **settings)
    assert "word@" not in str(caught.value)


def test_a_source_of_endpoints_that_cannot_work_is_refused_at_once() -> None:
    tool = HttpTool("rain", "Tell of rain.", SCHEMA, "https://example.com", headers={"x": "env:NOT_SET_ANYWHERE"})
    with pytest.raises(ConfigurationError, match=r"HTTP tool rain: headers\.x: the environment variable NOT_SET"):
        HttpTools([tool])
    broken = HttpTool("rain", "Tell of rain.", SCHEMA, "https://example.com", headers={"x": "a\r\ny: b"})
    with pytest.raises(ConfigurationError, match=r"HTTP tool rain: headers\.x: no header may hold this value"):
        HttpTools([broken])
    plain = HttpTool("rain", "Tell of rain.", SCHEMA, "https://example.com")
    with pytest.raises(ConfigurationError, match="two HTTP tools"):
        HttpTools([plain, plain])
    with pytest.raises(ToolDefinitionError, match="idempotent"):
        HttpTools([HttpTool("rain", "Rain.", SCHEMA, "https://example.com", flags=ToolFlags(retries=1))])


async def test_a_pool_of_the_caller_is_used_and_not_closed() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, text="ok")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        source = HttpTools([HttpTool("rain", "Rain.", SCHEMA, "https://example.com")], http_client=client)
        async with opened(source) as tools:
            assert await call(tools["rain"]) == "ok"
        assert not client.is_closed
    closed = HttpTools([HttpTool("rain", "Rain.", SCHEMA, "https://example.com")])
    with pytest.raises(RuntimeError, match="not open"):
        await call((await closed.list_tools())[0])


# ---- in a whole loop


async def test_in_a_run_calls_are_checked_retried_with_one_key_and_stopped_in_time(server: FakeServer) -> None:
    released = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        async with asyncio.timeout(WAIT):
            await released.wait()

    async with endpoint() as far:
        far.answers = [Response("down", 503), OK, StreamingResponse(slow())]
        again = far.tool(flags=ToolFlags(idempotent=True, retries=2))
        late = HttpTool("late", "Be late.", SCHEMA, f"{far.address}/late", flags=ToolFlags(timeout=0.3))
        server.play(
            calls(("c1", "rain", '{"city": "Rome"}'), ("c2", "rain", '{"city": 5}')),
            calls(("c3", "late", "{}")),
            says("!"),
        )
        async with LoopClient(base_url=server.base_url, model="m", tools=[HttpTools([again, late])]) as client:
            events = [event async for event in client.stream("rain?")]
        released.set()
        ends = {event.call_id: event for event in events if isinstance(event, (ToolOutputAvailable, ToolOutputError))}
        assert isinstance(first := ends["c1"], ToolOutputAvailable)
        assert first.output == '{"rain": true}'
        errors = {call_id: event.code for call_id, event in ends.items() if isinstance(event, ToolOutputError)}
        assert errors == {"c2": "schema_mismatch", "c3": "timeout"}
        attempts = [e.attempt for e in events if isinstance(e, ToolInputAvailable) and e.call_id == "c1"]
        assert attempts == [None, 2]
        keys = [request.headers["idempotency-key"] for request in far.requests]
        assert (keys[0] == keys[1], len(set(keys))) == (True, 2)


async def test_tools_that_an_endpoint_brings_are_called_where_it_says(server: FakeServer) -> None:
    shape = {"name": "city.rain", "description": "Rain.", "inputSchema": SCHEMA}
    flags = ToolFlags(timeout=7)
    async with endpoint() as far:
        far.answers = [Response(json.dumps({"tools": [shape]}), media_type="application/json"), Response("it rains")]
        getter = HttpTool(
            "get_tools",
            "Get further tools.",
            {"type": "object"},
            f"{far.address}/tools",
            headers={"x-tenant": "acme"},
            flags=flags,
            brought_tools_url=f"{far.address}/tools/call",
        )
        async with LoopClient(base_url=server.base_url, model="m", tools=[HttpTools([getter])]) as client:
            server.play(calls(("c1", "get_tools", "{}")), says("ok"))
            await client.ask("tools?")
            (name,) = (
                item["function"]["name"]
                for item in server.requests[1]["tools"]
                if item["function"]["name"] != "get_tools"
            )
            far.answers.insert(0, Response(json.dumps([shape]), media_type="application/json"))
            server.play(calls(("c1", "get_tools", "{}")), calls(("c2", name, '{"city": "Rome"}')), says("It rains."))
            await client.ask("rain?")
        assert far.requests[-1].url.path == "/tools/call"
        assert json.loads(far.bodies[-1]) == {"name": "city.rain", "arguments": {"city": "Rome"}}
        assert far.requests[-1].headers["x-tenant"] == "acme"
        assert server.requests[-1]["messages"][-1]["content"] == "it rains"
