"""The rules a tool may be given, the context it gets, what it may return, and where tools come from."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Sequence
from typing import Annotated, Any

import pytest

from loop_client import (
    Answer,
    AnyEvent,
    ConfigurationError,
    FilePart,
    ImagePart,
    Limits,
    LoopClient,
    RunFinish,
    RunNotice,
    RunSuspended,
    TextPart,
    Tool,
    ToolContext,
    ToolDefinitionError,
    ToolError,
    ToolInputAvailable,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputError,
    ToolProgress,
    ToolSourceError,
    schema_tool,
    tool,
)
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says


def client_for(server: FakeServer, *tools: Any, **settings: Any) -> LoopClient:
    return LoopClient(base_url=server.base_url, model="test/model", tools=tools, **settings)


async def events_of(client: LoopClient, **settings: Any) -> list[AnyEvent]:
    async with client, asyncio.timeout(WAIT):
        return [event async for event in client.stream("go", **settings)]


def results_in(request: dict[str, Any]) -> dict[str, Any]:
    return {item["tool_call_id"]: item["content"] for item in request["messages"] if item["role"] == "tool"}


def names_in(request: dict[str, Any]) -> list[str]:
    return [item["function"]["name"] for item in request.get("tools", ())]


# ---- context


async def test_a_tool_that_asks_for_it_gets_the_context_and_the_model_does_not_see_it(server: FakeServer) -> None:
    seen: list[ToolContext] = []

    def look(where: str, context: ToolContext) -> str:
        """Look somewhere."""
        seen.append(context)
        return where

    server.play(calls(("c1", "look", '{"where": "here"}')), says("ok"))
    async with client_for(server, look) as client:
        result = await client.ask("go", values={"user": "ann"})
    (context,) = seen
    assert list(server.requests[0]["tools"][0]["function"]["parameters"]["properties"]) == ["where"]
    assert (context.run_id, context.call_id, context.tool_name) == (result.run_id, "c1", "look")
    assert (context.round, context.attempt) == (1, 1)
    assert context.idempotency_key == f"{result.run_id}/1/c1"
    assert dict(context.values) == {"user": "ann"}
    assert context.logger.name == "loop_client.tools.look"
    assert context.seconds_left is not None
    assert 0 < context.seconds_left <= 60


@pytest.mark.parametrize("hint", [ToolContext, ToolContext | None, Annotated[ToolContext, "the context"]])
def test_the_context_may_be_declared_in_any_usual_way(hint: Any) -> None:
    def look(context, where) -> str:  # type: ignore[no-untyped-def]
        """Look."""
        return f"{where}"

    look.__annotations__ |= {"context": hint, "where": str}
    assert list(tool(look).parameters["properties"]) == ["where"]


def test_two_contexts_are_one_too_many() -> None:
    def look(one: ToolContext, two: ToolContext) -> None:
        """Look."""

    with pytest.raises(ToolDefinitionError, match="more than one parameter is a ToolContext"):
        tool(look)


async def test_a_model_cannot_give_the_context_itself(server: FakeServer) -> None:
    def look(context: ToolContext) -> str:
        """Look."""
        return "looked"

    server.play(calls(("c1", "look", '{"context": {"values": {}}}')), says("ok"))
    events = await events_of(client_for(server, look))
    assert [event.code for event in events if isinstance(event, ToolOutputError)] == ["schema_mismatch"]


async def test_a_thread_can_see_that_nobody_waits_any_more(server: FakeServer) -> None:
    ended = threading.Event()

    @tool(timeout=0.05)
    def work(context: ToolContext) -> str:
        """Work until it is cancelled."""
        assert not context.is_cancelled
        if context.cancellation.wait(WAIT):
            ended.set()
        return "too late"

    server.play(calls(("c1", "work", "{}")), says("ok"))
    await events_of(client_for(server, work))
    assert await asyncio.to_thread(ended.wait, WAIT)


async def test_progress_is_told_from_async_tools_and_from_threads(server: FakeServer) -> None:
    async def steps(context: ToolContext) -> str:
        """Work in steps."""
        for number in (1, 2):
            context.report_progress(number, 2, f"step {number}", {"so": "far"})
            for _ in range(3):
                await asyncio.sleep(0)
        return "done"

    def threaded(context: ToolContext) -> str:
        """Work in a thread."""
        context.report_progress(0.5)
        return "done"

    server.play(calls(("c1", "steps", "{}"), ("c2", "threaded", "{}")), says("ok"))
    events = await events_of(client_for(server, steps, threaded))
    told = [event for event in events if isinstance(event, ToolProgress)]
    assert [(item.progress, item.total, item.message) for item in told if item.call_id == "c1"] == [
        (1, 2, "step 1"),
        (2, 2, "step 2"),
    ]
    assert [item.progress for item in told if item.call_id == "c2"] == [0.5]
    ends = {event.call_id: events.index(event) for event in events if isinstance(event, ToolOutputAvailable)}
    assert all(events.index(item) < ends[item.call_id] for item in told), "no progress after the end"
    assert "so" not in json.dumps(server.requests), "the model does not see it"


async def test_a_flood_of_progress_is_thinned_to_the_latest(server: FakeServer) -> None:
    async def flood(context: ToolContext) -> str:
        """Report without pause."""
        for number in range(10_000):
            context.report_progress(number)
        await asyncio.sleep(0)
        return "done"

    server.play(calls(("c1", "flood", "{}")), says("ok"))
    told = [event for event in await events_of(client_for(server, flood)) if isinstance(event, ToolProgress)]
    assert len(told) < 10
    assert told[-1].progress == 9999


# ---- flags


async def test_an_idempotent_tool_is_tried_again_and_knows_it(server: FakeServer) -> None:
    keys: list[str] = []

    @tool(idempotent=True, retries=2)
    async def flaky(context: ToolContext) -> str:
        """Fail twice."""
        keys.append(context.idempotency_key)
        if context.attempt < 3:
            raise ConnectionError("not yet")
        return "third"

    server.play(calls(("c1", "flaky", "{}")), says("ok"))
    events = await events_of(client_for(server, flaky))
    assert results_in(server.requests[1]) == {"c1": "third"}
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert [event.attempt for event in events if isinstance(event, ToolInputAvailable)] == [None, 2, 3]


async def test_a_tools_own_error_and_a_tool_that_is_not_idempotent_are_not_tried_again(server: FakeServer) -> None:
    ran: list[str] = []

    @tool(idempotent=True, retries=2)
    def explains() -> str:
        """Explain."""
        ran.append("explains")
        raise ToolError("no such city")

    @tool
    def breaks() -> str:
        """Break."""
        ran.append("breaks")
        raise ValueError

    server.play(calls(("c1", "explains", "{}"), ("c2", "breaks", "{}")), says("ok"))
    await events_of(client_for(server, explains, breaks))
    assert sorted(ran) == ["breaks", "explains"]
    with pytest.raises(ToolDefinitionError, match="only an idempotent tool"):
        schema_tool("x", "X.", {"type": "object"}, _echo, retries=1)


async def test_a_tool_that_may_not_run_beside_others_does_not(server: FakeServer) -> None:
    running: list[str] = []
    overlaps: list[tuple[str, ...]] = []

    async def work(name: str) -> None:
        running.append(name)
        overlaps.append(tuple(running))
        for _ in range(5):
            await asyncio.sleep(0)
        running.remove(name)

    async def shared(n: int) -> None:
        """Run beside others."""
        await work(f"s{n}")

    @tool(parallel=False)
    async def alone() -> None:
        """Run alone."""
        await work("alone")

    wanted = [
        ("a", "shared", '{"n": 1}'),
        ("b", "shared", '{"n": 2}'),
        ("c", "alone", "{}"),
        ("d", "shared", '{"n": 3}'),
    ]
    server.play(calls(*wanted), says("ok"))
    await events_of(client_for(server, shared, alone))
    assert ("s1", "s2") in overlaps
    assert all(len(names) == 1 for names in overlaps if "alone" in names or "s3" in names)


async def test_a_long_result_is_cut_and_says_so_and_large_media_are_an_error(server: FakeServer) -> None:
    @tool(max_result_bytes=10)
    def long() -> str:
        """Return much."""
        return "é" * 100

    @tool(max_result_bytes=10)
    def picture() -> ImagePart:
        """Return an image."""
        return ImagePart("A" * 100, "image/png")

    server.play(calls(("c1", "long", "{}"), ("c2", "picture", "{}")), says("ok"))
    events = await events_of(client_for(server, long, picture))
    assert results_in(server.requests[1])["c1"] == "ééééé\n[cut: the first 10 of 200 bytes]"
    assert [event.code for event in events if isinstance(event, ToolOutputError)] == ["too_large"]


async def test_titles_and_what_is_dynamic_are_told(server: FakeServer) -> None:
    @tool(title="Look around", annotations={"readOnlyHint": True})
    def look() -> str:
        """Look."""
        return "seen"

    foreign = schema_tool("foreign", "Of a server.", {"type": "object"}, _echo, dynamic=True)
    server.play(calls(("c1", "look", "{}"), ("c2", "foreign", "{}"), ("c3", "unknown", "{}")), says("ok"))
    events = await events_of(client_for(server, look, foreign))
    starts = {event.tool_name: event for event in events if isinstance(event, ToolInputStart)}
    assert (starts["look"].title, starts["look"].dynamic) == ("Look around", None)
    assert starts["foreign"].dynamic is True
    assert starts["unknown"].dynamic is True


async def _echo(arguments: dict[str, Any], context: ToolContext) -> Any:
    return arguments


async def test_the_log_has_the_detail_that_the_event_masks(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks() -> None:
        """Break."""
        raise KeyError("the detail")

    server.play(calls(("c1", "breaks", "{}")), says("ok"))
    with caplog.at_level(logging.ERROR):
        events = await events_of(client_for(server, breaks))
    (event,) = (event for event in events if isinstance(event, ToolOutputError))
    assert event.error_id is not None
    assert event.error_id in caplog.text
    assert "the detail" in caplog.text
    assert "the detail" not in json.dumps(event.to_json())


# ---- content


async def test_a_tool_may_return_images_and_files(server: FakeServer) -> None:
    """HIST-14."""

    def screenshot() -> list[TextPart | ImagePart | FilePart]:
        """Take a screenshot."""
        return [TextPart("here:"), ImagePart("aWs=", "image/png"), FilePart("cGRm", "application/pdf", "a.pdf")]

    server.play(calls(("c1", "screenshot", "{}")), says("ok"))
    events = await events_of(client_for(server, screenshot))
    parts = [
        {"type": "text", "text": "here:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWs="}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
    ]
    assert results_in(server.requests[1])["c1"] == parts
    (event,) = (event for event in events if isinstance(event, ToolOutputAvailable))
    assert event.output == "here:\n[image, image/png]\n[file a.pdf, application/pdf]"
    assert list(event.parts or ()) == parts


async def test_a_plain_text_beside_an_image_is_a_part_too(server: FakeServer) -> None:
    """Or the model would read the image's base64 as JSON; a list that holds anything else stays JSON."""

    def screenshot() -> list[Any]:
        """Take a screenshot."""
        return ["here:", ImagePart("aWs=", "image/png")]

    def names() -> list[str]:
        """Name them."""
        return ["a", "b"]

    server.play(calls(("c1", "screenshot", "{}"), ("c2", "names", "{}")), says("ok"))
    await events_of(client_for(server, screenshot, names))
    assert results_in(server.requests[1]) == {
        "c1": [
            {"type": "text", "text": "here:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWs="}},
        ],
        "c2": '["a","b"]',
    }


async def test_media_may_go_into_a_user_message_behind_all_results(server: FakeServer) -> None:
    """HIST-14, HIST-03: for servers that take no media in tool messages."""

    def screenshot() -> ImagePart:
        """Take a screenshot."""
        return ImagePart("aWs=", "image/png")

    def words() -> list[TextPart]:
        """Say something."""
        return [TextPart("a"), TextPart("b")]

    server.play(calls(("c1", "screenshot", "{}"), ("c2", "words", "{}")), says("ok"))
    await events_of(client_for(server, screenshot, words, result_images="user"))
    assert results_in(server.requests[1]) == {"c1": "[image, image/png]", "c2": "a\nb"}
    last = server.requests[1]["messages"][-1]
    assert last["role"] == "user"
    assert "c1" in last["content"][0]["text"]
    assert last["content"][1]["image_url"]["url"] == "data:image/png;base64,aWs="


# ---- tools of a schema


async def test_arguments_of_a_schema_tool_are_checked_before_it_runs(server: FakeServer) -> None:
    """LOOP-05: the path is named, the value is not; a number keeps its spelling."""
    seen: list[dict[str, Any]] = []

    async def run(arguments: dict[str, Any], context: ToolContext) -> str:
        seen.append(arguments)
        return "ran"

    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}, "required": ["n"]}
    server.play(
        calls(("c1", "run", '{"n": "secret"}'), ("c2", "run", "{}"), ("c3", "run", '{"n": 3.0}'), ("c4", "run", "[")),
        says("ok"),
    )
    await events_of(client_for(server, schema_tool("run", "Run.", schema, run)))
    results = results_in(server.requests[1])
    assert results["c1"] == "Error: the arguments do not fit the schema: $.n: should be of type integer"
    assert results["c2"] == "Error: the arguments do not fit the schema: $.n: is required"
    assert results["c3"] == "ran"
    assert results["c4"].startswith("Error: the arguments are not valid JSON")
    assert seen == [{"n": 3}]


async def test_a_schema_that_makes_no_sense_does_not_block_its_tool(server: FakeServer) -> None:
    """LOOP-05."""
    schema = {"type": "object", "properties": {"a": {"type": "strnig", "pattern": "(", "$ref": "#/nowhere"}, "b": 7}}
    server.play(calls(("c1", "run", '{"a": 1, "b": 2}')), says("ok"))
    await events_of(client_for(server, schema_tool("run", "Run.", schema, _echo)))
    assert results_in(server.requests[1])["c1"] == '{"a":1,"b":2}'


# ---- sources


class Source:
    """A source whose tools can be changed."""

    def __init__(self, name: str, *tools: Tool) -> None:
        self.name = name
        self.tools: Sequence[Tool] = tools
        self.log: list[str] = []
        self.failing = ""

    async def open(self) -> None:
        """Open, unless it is to fail."""
        self.log.append("open")
        if self.failing == "open":
            raise ConnectionError("secret address")

    async def list_tools(self) -> Sequence[Tool]:
        """The tools of now."""
        self.log.append("list")
        if self.failing == "list":
            raise ConnectionError("secret address")
        return self.tools

    async def aclose(self) -> None:
        """Close."""
        self.log.append("close")


def named(name: str) -> Tool:
    return schema_tool(name, "A tool.", {"type": "object"}, _echo, dynamic=True)


async def test_a_source_is_asked_before_every_round_and_its_changes_count(server: FakeServer) -> None:
    source = Source("files", named("one"))

    def switch() -> str:
        """Change the tools."""
        source.tools = [named("two")]
        return "changed"

    server.play(calls(("c1", "switch", "{}")), calls(("c2", "one", "{}"), ("c3", "two", "{}")), says("ok"))
    await events_of(client_for(server, switch, source))
    assert [names_in(request) for request in server.requests] == [
        ["switch", "one"],
        ["switch", "two"],
        ["switch", "two"],
    ]
    results = results_in(server.requests[2])
    assert results["c2"].startswith("Error: there is no tool of that name")
    assert results["c3"] == "{}"
    assert source.log == ["open", "list", "list", "list", "close"]


async def test_a_tool_that_would_shadow_another_is_left_out_and_so_is_one_too_many(server: FakeServer) -> None:
    mine = schema_tool("read", "Mine.", {"type": "object"}, _echo)
    source = Source("files", named("read"), named("one"), named("two"))
    server.play(calls(("c1", "read", "{}")), says("ok"))
    events = await events_of(client_for(server, mine, source, max_tools=2))
    assert server.requests[0]["tools"][0]["function"]["description"] == "Mine."
    assert names_in(server.requests[0]) == ["read", "one"]
    notices = [event.message for event in events if isinstance(event, RunNotice)]
    assert len(notices) == 2, "each is told once, not in every round"
    assert "tool read of files has the name of a tool that is there" in notices[0]
    assert "tool two of files is beyond 2 tools" in notices[1]
    with pytest.raises(ConfigurationError, match="more than 1 tools"):
        client_for(server, mine, named("other"), max_tools=1)


async def test_a_tool_of_one_run_does_not_shadow_one_of_a_source(server: FakeServer) -> None:
    source = Source("files", named("read"))
    mine = schema_tool("read", "Of the browser.", {"type": "object"})
    server.play(calls(("c1", "read", "{}")), says("ok"))
    client = client_for(server, source, secret="a secret of some length")
    events = await events_of(client, tools=[mine])
    assert server.requests[0]["tools"][0]["function"]["description"] == "A tool."
    assert results_in(server.requests[1]) == {"c1": "{}"}
    assert any("tool read of this run" in event.message for event in events if isinstance(event, RunNotice))


async def test_a_source_that_fails_keeps_its_last_known_tools(server: FakeServer) -> None:
    source = Source("files", named("one"))

    def fail() -> None:
        """Let the source fail."""
        source.failing = "list"

    server.play(calls(("c1", "fail", "{}")), calls(("c2", "one", "{}")), says("ok"))
    events = await events_of(client_for(server, fail, source))
    assert results_in(server.requests[2])["c2"] == "{}"
    notices = [event for event in events if isinstance(event, RunNotice)]
    assert [(notice.code, notice.round) for notice in notices] == [("tool_source_failed", 2)]
    assert "secret address" not in notices[0].message


async def test_a_source_that_cannot_be_opened_ends_the_run_and_closes_what_was_opened(server: FakeServer) -> None:
    good, bad = Source("good", named("one")), Source("bad")
    bad.failing = "open"
    server.play(says("ok"))
    async with client_for(server, good, bad) as client:
        with pytest.raises(ToolSourceError, match="the tool source bad cannot be opened: ConnectionError"):
            await client.ask("go")
        assert server.requests == []
        assert good.log == ["open", "close"]
        bad.failing = ""
        assert (await client.ask("go")).text == "ok", "the next run tries again"


async def test_runs_at_the_same_time_open_a_source_once(server: FakeServer) -> None:
    source = Source("files", named("one"))
    server.play(then=says("ok"))
    async with client_for(server, source) as client:
        await asyncio.gather(*(client.ask("go") for _ in range(4)))
    assert source.log.count("open") == 1
    assert source.log.count("close") >= 1
    async with client_for(server) as client:
        with pytest.raises(ConfigurationError, match="belongs to the client"):
            client.stream("go", tools=[source])


# ---- tools that bring tools


def provider(name: str = "get_tools") -> Tool:
    def make(value: Any) -> list[Tool]:
        if not isinstance(value, list):
            raise ValueError("a list of names is expected")
        return [named(item) for item in value]

    async def bring(arguments: dict[str, Any], context: ToolContext) -> Any:
        return arguments.get("names")

    return schema_tool(name, "Get more tools.", {"type": "object"}, bring, provides=make)


async def test_a_tool_may_bring_tools_for_the_rounds_that_follow(server: FakeServer) -> None:
    server.play(
        calls(("c1", "get_tools", '{"names": ["search", "get_tools"]}'), ("c2", "search", "{}")),
        calls(("c3", "search", "{}"), ("c4", "get_tools", '{"names": "no"}')),
        says("ok"),
    )
    events = await events_of(client_for(server, provider()))
    assert [names_in(request) for request in server.requests] == [
        ["get_tools"],
        ["get_tools", "search"],
        ["get_tools", "search"],
    ]
    assert results_in(server.requests[1])["c2"].startswith("Error: there is no tool of that name")
    results = results_in(server.requests[2])
    assert results["c3"] == "{}"
    assert results["c4"] == "Error: the tools that were brought cannot be used: a list of names is expected"
    assert any(
        "get_tools of get_tools has the name" in event.message for event in events if isinstance(event, RunNotice)
    )


async def test_tools_that_were_brought_are_of_one_run_and_survive_its_suspension(server: FakeServer) -> None:
    settings: dict[str, Any] = {"secret": "a secret of some length", "limits": Limits(max_rounds=4)}
    outside = schema_tool("outside", "Ask outside.", {"type": "object"})
    server.play(
        calls(("c1", "get_tools", '{"names": ["search"]}')),
        calls(("c2", "outside", "{}")),
        calls(("c3", "search", "{}")),
        says("ok"),
        then=says("other"),
    )
    async with client_for(server, provider(), outside, **settings) as client:
        events = [event async for event in client.stream("go")]
    suspended = next(event for event in events if event.type == "run-suspended")
    async with client_for(server, provider(), outside, **settings) as client:
        assert isinstance(suspended, RunSuspended)
        (call,) = suspended.pending
        answer = Answer(call.call_id, call.token, value=1)
        resumed = [event async for event in await client.submit(suspended.signed_state, [answer])]
        last = resumed[-1]
        assert isinstance(last, RunFinish)
        assert (last.finish_reason, last.text, last.rounds) == ("stop", "ok", 4)
        assert results_in(server.requests[3])["c3"] == "{}"
        await client.ask("another run")
    assert names_in(server.requests[-1]) == ["get_tools", "outside"]
