"""MCP servers: what becomes of their tools, results, errors, news and ends, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from loop_client import ConfigurationError, FilePart, ImagePart, LoopClient, TextPart, Tool, ToolError
from loop_client.context import Progress
from loop_client.events import ToolInputAvailable, ToolOutputAvailable, ToolOutputError, ToolProgress
from loop_client.mcp import HttpServer, MCPTools, StdioServer
from loop_client.mcp.connection import ServerLost
from loop_client.mcp.source import MOST_TOOLS, ServerFailed
from loop_client.tool_names import offered_name
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says
from tests.loop_client.serving import serving
from tests.loop_client.sources.calling import by_name, call, opened
from tests.loop_client.sources.old_http_server import OldHttpServer
from tests.loop_client.sources.own_server import PIXEL, make_server

RAIN = offered_name("own", "city.rain")
HERE = Path(__file__).parent
OWN = StdioServer(sys.executable, [str(HERE / "own_server.py")])


def old(kind: str) -> StdioServer:
    return StdioServer(sys.executable, [str(HERE / "old_server.py"), kind])


async def until(holds: Callable[[], object]) -> None:
    """Wait, within bounds, for what happens elsewhere."""
    async with asyncio.timeout(WAIT):
        while not holds():  # noqa: ASYNC110  # it happens in another process
            await asyncio.sleep(0.01)


# ---- names, rules, results


async def test_tools_are_offered_behind_a_prefix_with_what_their_author_says() -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        add = tools["own__add"]
        assert (add.description, add.title, add.dynamic) == ("Add two numbers.", "Sum", True)
        assert add.annotations["idempotentHint"] is True
        assert add.parameters["required"] == ["a", "b"]
        assert (add.idempotent, add.retries) == (False, 0), "a hint alone allows nothing"
        assert await call(add, a=1, b=2) == "3"


async def test_names_that_no_provider_takes_are_rewritten_and_restored_and_stay_apart() -> None:
    """SCHEMA-15, SCHEMA-16."""
    async with opened(MCPTools("own", OWN)) as tools:
        assert all(len(name) <= 64 for name in tools)
        (dotted,) = (item for item in tools.values() if "name that no provider" in item.description)
        assert dotted.name.startswith("own__get_weather_now_")
        assert await call(dotted) == "sunny"
        long = {item.description[-2]: item for item in tools.values() if "long name" in item.description}
        assert {letter: await call(item) for letter, item in long.items()} == {"a": "a", "b": "b"}


async def test_a_prefix_may_be_chosen_and_left_out() -> None:
    async with opened(MCPTools("own", OWN, prefix="", only=["add", "fail"], without=["fail"])) as tools:
        assert list(tools) == ["add"]
    with pytest.raises(ConfigurationError, match="prefix"):
        MCPTools("own", OWN, prefix="no__good")


async def test_rules_are_given_by_server_and_by_tool_and_hints_count_only_where_trusted() -> None:
    source = MCPTools(
        "own",
        OWN,
        needs_approval=["add"],
        flags={"timeout": 5, "retries": 2},
        tool_flags={"fail": {"parallel": False, "timeout": 1}},
        trust_annotations=True,
    )
    async with opened(source) as tools:
        add, fail, die_once = tools["own__add"], tools["own__fail"], tools["own__die_once"]
        assert (add.needs_approval, add.timeout, add.idempotent, add.retries) == (True, 5, True, 2)
        assert (fail.needs_approval, fail.timeout, fail.idempotent, fail.retries) == (False, 1, False, 0)
        assert (fail.parallel, die_once.idempotent) == (False, True)
    async with opened(MCPTools("own", OWN, needs_approval=True)) as tools:
        assert all(item.needs_approval is True for item in tools.values())


async def test_a_rule_for_a_tool_that_is_not_there_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(MCPTools("own", OWN, needs_approval=["dlete"])):
        assert "the settings name a tool 'dlete', which the server does not have" in caplog.text


async def test_images_and_files_become_parts() -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        image = ImagePart(base64.b64encode(PIXEL).decode(), "image/png")
        assert await call(tools["own__picture"]) == [TextPart("a pixel"), image]
        assert await call(tools["own__everything"]) == [
            TextPart("words"),
            FilePart("UklGRg==", "audio/wav", "audio.wav"),
            TextPart("notes in full"),
            FilePart("JVBERg==", "application/pdf", "paper.pdf"),
            TextPart('{"uri":"file:///far.txt","name":"far","description":"Far away"}'),
        ]


async def test_structured_content_alone_is_the_result() -> None:
    async with opened(MCPTools("old", old("pages"))) as tools:
        assert await call(tools["old__first"]) == '{"called":"first"}'


@pytest.mark.parametrize(
    ("text", "structured", "read"),
    [
        ("false", {"result": False}, "false"),
        ("Order 7", {"order": 7, "paid": False}, 'Order 7\n{"order":7,"paid":false}'),
        ("Order 7, paid: true", {"order": 7, "paid": True}, "Order 7, paid: true"),
        ("Order 7", {"order": 7, "note": None}, "Order 7"),
    ],
)
async def test_structured_content_is_added_where_the_text_does_not_say_it(
    text: str, structured: dict[str, Any], read: str
) -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        assert await call(tools["own__say"], text=text, structured=structured) == read


# ---- trouble


async def test_a_failed_tool_tells_the_model_and_other_failures_only_their_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        with pytest.raises(ToolError, match="the shelf is empty"):
            await call(tools["own__fail"])
        with pytest.raises(ToolError, match="validation"):
            await call(tools["own__add"], a="x")
    async with opened(MCPTools("old", old("pages"))) as tools:
        with pytest.raises(ServerFailed) as caught:
            await call(tools["old__refuse"])
        assert "hunter2" not in str(caught.value)


async def test_a_tool_that_cannot_be_used_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """SCHEMA-22: one invalid tool must not take the rest away, and is named."""
    async with opened(MCPTools("old", old("pages"))) as tools:
        assert list(tools) == ["old__first", "old__second", "old__grow", "old__refuse"]
        assert tools["old__second"].description == "new", "of two with one name the later counts"
        assert "tool 'too_large' cannot be used" in caplog.text


async def test_a_list_without_end_is_read_within_bounds() -> None:
    async with opened(MCPTools("old", old("endless"))) as tools:
        assert 10 <= len(tools) <= MOST_TOOLS


async def test_a_list_that_never_comes_is_given_up() -> None:
    source = MCPTools("old", old("never"), connect_seconds=2)
    async with asyncio.timeout(WAIT):
        with pytest.raises(ServerFailed, match="TimeoutError"):
            await source.open()
        await source.aclose()


async def test_numbers_reach_the_server_as_the_model_wrote_them(server: FakeServer) -> None:
    """ARGS-11: 3.0 is an integer to JSON Schema; large integers keep their digits."""
    server.play(calls(("c1", "own__add", '{"a": 3.0, "b": 123456789012345678901234567890}')), says("Much."))
    async with LoopClient(base_url=server.base_url, model="m", tools=[MCPTools("own", OWN)]) as client:
        await client.ask("add")
    assert server.requests[1]["messages"][-1]["content"] == "123456789012345678901234567893"


async def test_a_server_that_dies_fails_the_call_and_is_started_again_for_the_next() -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        with pytest.raises(ServerLost):
            await call(tools["own__die"])
        assert await call(tools["own__add"], a=2, b=2) == "4"


async def test_calls_under_way_all_fail_when_the_server_dies(tmp_path: Path) -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        hanging = [asyncio.create_task(call(tools["own__hang"], marker=str(tmp_path / str(n)))) for n in range(3)]
        with pytest.raises(ServerLost):
            await call(tools["own__die"])
        async with asyncio.timeout(WAIT):
            ends = await asyncio.gather(*hanging, return_exceptions=True)
        assert [type(end) for end in ends] == [ServerLost] * 3


async def test_a_cancelled_call_is_cancelled_at_the_server(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    async with opened(MCPTools("own", OWN)) as tools:
        hanging = asyncio.create_task(call(tools["own__hang"], marker=str(marker)))
        await asyncio.sleep(0)
        assert await call(tools["own__add"], a=1, b=1) == "2", "behind the other call, so that one has begun"
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        await until(lambda: marker.exists() and marker.read_text() == "cancelled")
        assert await call(tools["own__add"], a=2, b=2) == "4"


async def test_a_server_that_cannot_be_started_fails_where_it_is_required(caplog: pytest.LogCaptureFixture) -> None:
    for server in (StdioServer("no-such-command-anywhere"), StdioServer(sys.executable, ["-c", "raise SystemExit(3)"])):
        source = MCPTools("bad", server)
        with pytest.raises(ServerLost, match="the MCP server bad cannot be connected"):
            await source.open()
        with pytest.raises(ServerLost, match="a moment ago"):
            await source.list_tools()
        await source.aclose()
        await (lenient := MCPTools("bad", server, required=False)).open()
        await lenient.aclose()


async def test_a_server_that_says_nothing_is_given_up_and_ended() -> None:
    source = MCPTools("mute", StdioServer(sys.executable, ["-c", "import sys; sys.stdin.read()"]), connect_seconds=0.2)
    with pytest.raises(ServerLost, match="TimeoutError"):
        await source.open()
    async with asyncio.timeout(WAIT):
        await source.aclose()
    assert len(asyncio.all_tasks()) == 1


async def test_a_source_may_be_closed_while_it_connects_and_opened_again() -> None:
    mute = MCPTools("mute", StdioServer(sys.executable, ["-c", "import sys; sys.stdin.read()"]))
    opening = asyncio.create_task(mute.open())
    await until(lambda: mute._connection._keepers)
    async with asyncio.timeout(WAIT):
        await mute.aclose()
        with pytest.raises(ServerLost):
            await opening
    source = MCPTools("own", OWN)
    for _ in range(2):
        async with opened(source) as tools:
            assert await call(tools["own__add"], a=1, b=1) == "2"
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (StdioServer(""), "a command is expected"),
        (StdioServer("x", env={"A": "env:NOT_SET_ANYWHERE"}), "env.A: the environment variable NOT_SET_ANYWHERE"),
        (HttpServer("example.com/mcp"), "an address such as"),
        (HttpServer("https://user:word@example.com/mcp"), "put a name and password into a header"),
        (HttpServer("https://example.com", {"x": "env:NOT_SET_ANYWHERE"}), "headers.x: the environment variable"),
        (HttpServer("https://example.com", {"x": "Bearer a\n"}), "headers.x: no header may hold this value"),
        (HttpServer("https://example.com", {"x y": "a"}), "headers: 'x y' is no name of a header"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(server: StdioServer | HttpServer, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        MCPTools("bad", server)


# ---- the program that is started


async def test_the_program_gets_little_of_our_environment_and_what_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUR_SECRET", "s")
    monkeypatch.setenv("THEIR_TOKEN", "t")
    server = StdioServer(OWN.command, OWN.args, env={"TOKEN": "env:THEIR_TOKEN", "PLAIN": "p"})
    async with opened(MCPTools("own", server)) as tools:
        names = set((await call(tools["own__environment"])).split())
        assert {"PATH", "TOKEN", "PLAIN"} <= names
        assert names.isdisjoint({"OUR_SECRET", "THEIR_TOKEN"})
    assert "env:THEIR_TOKEN" not in repr(server)


async def test_what_the_program_writes_to_standard_error_goes_to_the_log_alone(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "loop_client.mcp.own")
    async with opened(MCPTools("own", OWN)) as tools:
        await call(tools["own__complain"])
    await until(lambda: "a complaint of the server" in caplog.text)
    assert "complaint" not in capfd.readouterr().err


# ---- news


async def test_progress_is_reported() -> None:
    async with opened(MCPTools("own", OWN)) as tools:
        reports: list[Progress] = []
        assert await call(tools["own__steps"], reports) == "done"
        assert [(report.progress, report.total, report.message) for report in reports] == [
            (1, 3, "step 1"),
            (2, 3, "step 2"),
            (3, 3, "step 3"),
        ]


async def test_a_changed_list_is_read_again_whichever_way_the_server_tells() -> None:
    for name, server in (("own", OWN), ("old", old("pages"))):
        source = MCPTools(name, server)
        async with opened(source) as tools:
            assert f"{name}__grown" not in tools
            assert await source.list_tools() is await source.list_tools(), "nothing is asked while nothing changed"
            await call(tools[f"{name}__grow"])
            await until_listed(source, f"{name}__grown")


async def until_listed(source: MCPTools, name: str, *, listed: bool = True) -> None:
    async with asyncio.timeout(WAIT):
        while (name in by_name(await source.list_tools())) is not listed:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)


# ---- over HTTP


@asynccontextmanager
async def own_over_http(guard: Callable[[ASGIApp], ASGIApp] = lambda app: app, port: int = 0) -> AsyncIterator[str]:
    async with serving(guard(make_server().streamable_http_app()), port) as address:
        yield f"{address}/mcp"


class Guard:
    """Lets in who brings the token, and leads some astray."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != "Bearer secret-token":
            return PlainTextResponse("who are you?", 401)
        if request.url.path == "/astray":
            return RedirectResponse("http://127.0.0.1:9/mcp", 307)
        return RedirectResponse("/mcp", 307) if request.url.path == "/moved" else None


async def test_over_http_everything_is_the_same() -> None:
    async with own_over_http() as url:
        source = MCPTools("own", HttpServer(url))
        async with opened(source) as tools:
            assert await call(tools["own__add"], a=1, b=2) == "3"
            reports: list[Progress] = []
            assert await call(tools["own__steps"], reports) == "done"
            assert len(reports) == 3
            await call(tools["own__grow"])
            await until_listed(source, "own__grown")
            await call(tools["own__shrink"])
            await until_listed(source, "own__grown", listed=False)


async def test_headers_come_from_the_environment_and_a_refusal_says_nothing_of_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with own_over_http(Guard) as url:
        monkeypatch.setenv("MCP_TOKEN", "secret-token")
        async with opened(MCPTools("own", HttpServer(url, {"Authorization": "Bearer env:MCP_TOKEN"}))) as tools:
            assert await call(tools["own__add"], a=1, b=2) == "3"
        monkeypatch.setenv("MCP_TOKEN", "wrong-token")
        refused = MCPTools("own", HttpServer(url, {"Authorization": "Bearer env:MCP_TOKEN"}))
        with pytest.raises(ServerLost) as caught:
            await refused.open()
        await refused.aclose()
        assert "wrong-token" not in str(caught.value) + caplog.text


async def test_a_redirect_is_followed_within_the_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_TOKEN", "secret-token")
    async with own_over_http(Guard) as url:
        headers = {"Authorization": "Bearer env:MCP_TOKEN"}
        async with opened(MCPTools("own", HttpServer(url.replace("/mcp", "/moved"), headers))) as tools:
            assert await call(tools["own__add"], a=1, b=2) == "3"
        astray = MCPTools("own", HttpServer(url.replace("/mcp", "/astray"), headers))
        with pytest.raises(ServerLost):
            await astray.open()
        await astray.aclose()


async def test_a_server_may_come_late_go_away_and_come_back() -> None:
    async with serving(Starlette()) as free:
        port = int(free.rpartition(":")[2])
    source = MCPTools("own", HttpServer(f"http://127.0.0.1:{port}/mcp", connect_seconds=2), required=False)
    try:
        await source.open()
        with pytest.raises(ServerLost):
            await source.list_tools()
        async with own_over_http(port=port):
            add = (await listed_at_last(source))["own__add"]
            assert await call(add, a=1, b=2) == "3"
        with pytest.raises(ServerLost):
            await call(add, a=1, b=2)
        async with own_over_http(port=port):
            await listed_at_last(source)
            assert await call(add, a=1, b=2) == "3"
    finally:
        await source.aclose()


async def listed_at_last(source: MCPTools) -> dict[str, Tool]:
    """The tools of a server that was not there a moment ago."""
    async with asyncio.timeout(WAIT):
        while True:
            try:
                return by_name(await source.list_tools())
            except ServerLost:
                await asyncio.sleep(0.05)


async def test_a_session_that_the_server_forgot_is_begun_anew_for_the_next_call() -> None:
    """What became of the call that found it gone, nobody can tell: it is not sent again by itself."""
    far = OldHttpServer()
    async with serving(far.app()) as address, opened(MCPTools("old", HttpServer(f"{address}/mcp"))) as tools:
        assert await call(tools["old__count"]) == "1"
        far.sessions.clear()
        with pytest.raises(ServerLost):
            await call(tools["old__count"])
        assert await call(tools["old__count"]) == "2"
    assert (far.opened, far.calls) == (2, 2)


async def test_a_server_that_does_not_answer_a_goodbye_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop_client.mcp.connection._CLOSING_SECONDS", 0.3)
    far = OldHttpServer(mute=(released := asyncio.Event()))
    async with serving(far.app()) as address, asyncio.timeout(WAIT):
        source = MCPTools("old", HttpServer(f"{address}/mcp"))
        await source.open()
        await source.aclose()
        assert (far.goodbyes, released.is_set()) == (1, False)
        released.set()


# ---- in a whole loop


async def test_a_server_that_dies_in_a_run_gives_an_error_result_and_the_run_goes_on(
    server: FakeServer, tmp_path: Path
) -> None:
    """LOOP-06: every call is answered. A tool that may be repeated is, on a new connection."""
    server.play(
        calls(("c1", "own__die", "{}"), ("c2", "own__add", '{"a": 1, "b": 2}')),
        calls(("c3", "own__die_once", f'{{"marker": "{tmp_path / "marker"}"}}')),
        says("It went on."),
    )
    source = MCPTools("own", OWN, trust_annotations=True, flags={"retries": 2})
    async with LoopClient(base_url=server.base_url, model="m", tools=[source]) as client:
        events = [event async for event in client.stream("go")]
    errors = {event.call_id: event for event in events if isinstance(event, ToolOutputError)}
    outputs = {event.call_id: event.output for event in events if isinstance(event, ToolOutputAvailable)}
    assert errors["c1"].code == "exception"
    assert errors["c1"].error_text == "the tool failed: ServerLost"
    assert outputs["c3"] == "alive again"
    assert {*errors, *outputs} == {"c1", "c2", "c3"}
    begun = [event for event in events if isinstance(event, ToolInputAvailable) and event.call_id == "c3"]
    assert [event.attempt for event in begun] == [None, 2]


async def test_a_list_that_changes_in_a_run_changes_what_the_model_is_offered(server: FakeServer) -> None:
    """A server before 2026 tells of the change before it answers the call, so the next round must know."""
    server.play(calls(("c1", "old__grow", "{}")), calls(("c2", "old__grown", "{}")), says("Grown."))
    async with LoopClient(base_url=server.base_url, model="m", tools=[MCPTools("old", old("pages"))]) as client:
        result = await client.ask("grow")
    assert result.text == "Grown."
    first, second, _ = ({item["function"]["name"] for item in request["tools"]} for request in server.requests)
    assert second - first == {"old__grown"}
    assert server.requests[2]["messages"][-1]["content"] == '{"called":"grown"}'


async def test_tools_that_a_tool_brings_are_called_at_its_server(server: FakeServer) -> None:
    server.play(
        calls(("c1", "own__get_tools", "{}")),
        calls(("c2", RAIN, '{"city": "Rome"}'), ("c3", RAIN, "{}")),
        says("It rains."),
    )
    source = MCPTools("own", OWN, brings_tools=["get_tools"], needs_approval=False)
    async with LoopClient(base_url=server.base_url, model="m", tools=[source]) as client:
        events = [event async for event in client.stream("rain?")]
    first, second, _ = ({item["function"]["name"] for item in request["tools"]} for request in server.requests)
    assert second - first == {RAIN}
    (rain,) = (event for event in events if isinstance(event, ToolOutputAvailable) and event.call_id == "c2")
    assert rain.output == "rain in Rome"
    (wrong,) = (event for event in events if isinstance(event, ToolOutputError))
    assert wrong.code == "schema_mismatch", "what was brought is checked before it runs, too"


async def test_progress_and_images_reach_the_events_and_the_model(server: FakeServer) -> None:
    server.play(calls(("c1", "own__steps", "{}"), ("c2", "own__picture", "{}")), says("Seen."))
    async with LoopClient(base_url=server.base_url, model="m", tools=[MCPTools("own", OWN)]) as client:
        events = [event async for event in client.stream("look")]
    assert [event.message for event in events if isinstance(event, ToolProgress)][-1] == "step 3"
    picture: Any = server.requests[1]["messages"][-1]["content"]
    assert [part["type"] for part in picture] == ["text", "image_url"]


async def test_a_hanging_tool_is_stopped_in_time_and_nothing_is_left(server: FakeServer, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    server.play(calls(("c1", "own__hang", f'{{"marker": "{marker}"}}')), says("Too slow."))
    source = MCPTools("own", OWN, flags={"timeout": 0.3})
    async with LoopClient(base_url=server.base_url, model="m", tools=[source]) as client:
        result = await client.ask("hang")
        await until(marker.exists)
    assert "did not finish within" in result.messages[-2]["content"]
    gc.collect()
    assert len(asyncio.all_tasks()) == 1
