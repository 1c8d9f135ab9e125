"""Names and definitions of tools that were written elsewhere, and tools that a tool brings in the middle of a run."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loop_client import ConfigurationError, LoopClient, ToolContext, schema_tool
from loop_client.definitions import LARGEST_SCHEMA, MOST_DEFINITIONS, ToolDefinition, read_definitions
from loop_client.events import RunNotice, ToolOutputError
from loop_client.jsontext import dumps
from loop_client.provided_tools import provided_by
from loop_client.tool_names import checked_prefix, offered_name
from tests.loop_client.fake_server import FakeServer, calls, says

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MCP_SHAPE = {
    "name": "rain",
    "title": "Rain",
    "description": "Tell of rain.",
    "inputSchema": SCHEMA,
    "annotations": {"readOnlyHint": True},
}
OPENAI_SHAPE = {
    "type": "function",
    "function": {"name": "snow", "description": "Tell of snow.", "parameters": SCHEMA, "strict": True},
}

# ---- names

PREFIXES = st.from_regex(r"[A-Za-z0-9-]{1,8}(_[A-Za-z0-9-]{1,4})?", fullmatch=True)
NAMES = st.one_of(st.text(max_size=100), st.from_regex(r"[A-Za-z0-9_-]{1,70}", fullmatch=True))


@given(PREFIXES, NAMES, PREFIXES, NAMES)
@example("a", "x" * 80 + "1", "a", "x" * 80 + "2")
@example("a", "get.x", "a", "get_x")
@example("a", "get.x", "a", offered_name("a", "get.x")[3:])
@example("a_b", "c", "a", "b__c")
@example("a", "_b", "a", "b")
def test_every_name_becomes_legal_and_no_two_become_one(prefix: str, name: str, other: str, second: str) -> None:
    """SCHEMA-15, SCHEMA-16: injective, the hash over the whole original name."""
    first_name, second_name = offered_name(prefix, name), offered_name(other, second)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", first_name)
    assert (first_name == second_name) is ((prefix, name) == (other, second))


def test_a_legal_name_stays_readable() -> None:
    assert offered_name("files", "read_file") == "files__read_file"
    assert offered_name("", "read_file") == "read_file"
    assert offered_name("files", "read.file").startswith("files__read_file_")


@pytest.mark.parametrize("prefix", ["a__b", "a_", "_a", "a b", "a.b", "x" * 33, "ä"])
def test_a_prefix_that_would_make_names_ambiguous_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        checked_prefix(prefix)


# ---- definitions


def test_both_shapes_are_read_in_one_list() -> None:
    rain = ToolDefinition("rain", "Tell of rain.", SCHEMA, "Rain", {"readOnlyHint": True})
    snow = ToolDefinition("snow", "Tell of snow.", SCHEMA)
    assert read_definitions({"tools": [MCP_SHAPE, OPENAI_SHAPE]}) == [rain, snow]
    assert read_definitions([OPENAI_SHAPE]) == [snow]


def test_what_a_definition_leaves_out_is_filled_with_what_says_least() -> None:
    (bare,) = read_definitions([{"name": "bare"}])
    assert bare == ToolDefinition("bare", "bare", {"type": "object", "properties": {}})
    (titled,) = read_definitions([{"name": "x", "annotations": {"title": "The X"}, "inputSchema": {"properties": {}}}])
    assert (titled.title, titled.description) == ("The X", "The X")
    assert titled.parameters == {"type": "object", "properties": {}}


def test_of_two_with_one_name_the_later_counts() -> None:
    (only,) = read_definitions([MCP_SHAPE, {**MCP_SHAPE, "description": "Newer."}])
    assert only.description == "Newer."


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("words", "a list of tools is expected"),
        ({"tools": {}}, "a list of tools is expected"),
        ([5], r"tools\[0\]: an object is expected"),
        ([MCP_SHAPE, {"name": ""}], r"tools\[1\]: a name is expected"),
        ([{"type": "function", "function": 5}], r"tools\[0\]: a name is expected"),
        ([{"name": "x", "inputSchema": []}], "the schema of x is no object"),
        ([{"name": "x", "inputSchema": {"description": "x" * LARGEST_SCHEMA}}], "the schema of x is larger than"),
        ([{"name": f"t{n}"} for n in range(MOST_DEFINITIONS + 1)], f"more than {MOST_DEFINITIONS} tools"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_as_a_whole(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_definitions(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["tools", "name", "type", "function", "inputSchema", "description"]), inner
            )
        ),
    )
)
def test_whatever_comes_is_read_or_refused(value: Any) -> None:
    try:
        found = read_definitions(value)
    except ValueError:
        return
    for item in found:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", offered_name("", item.name))
        assert dumps(item.parameters).startswith('{"')


# ---- tools that a tool brings


class Remote:
    """What stands behind the tools that are brought."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.executed: list[tuple[str, dict[str, Any], str]] = []

    async def get_tools(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        return self.answers.pop(0)

    async def execute(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.executed.append((name, arguments, context.call_id))
        return {"city": arguments["city"], "rain": True}

    def client(self, server: FakeServer, *more: Any, **settings: Any) -> LoopClient:
        getter = schema_tool(
            "get_tools", "Get further tools.", {"type": "object"}, self.get_tools, provides=provided_by(self.execute)
        )
        return LoopClient(base_url=server.base_url, model="m", tools=[getter, *more], **settings)


def names(request: dict[str, Any]) -> list[str]:
    return [item["function"]["name"] for item in request["tools"]]


@pytest.mark.parametrize("value", [{"tools": [MCP_SHAPE]}, json.dumps({"tools": [MCP_SHAPE]}), [MCP_SHAPE]])
async def test_what_a_tool_brings_is_offered_from_the_next_round_and_run_by_the_executor(
    server: FakeServer, value: Any
) -> None:
    remote = Remote(value)
    server.play(
        calls(("c1", "get_tools", "{}"), ("c2", "rain", '{"city": "Rome"}')),
        calls(("c3", "rain", '{"city": "Rome"}')),
        says("Rain."),
    )
    async with remote.client(server) as client:
        events = [event async for event in client.stream("rain?")]
    (early,) = (event for event in events if isinstance(event, ToolOutputError))
    assert (early.call_id, early.code) == ("c2", "unknown_tool"), "in the round that brings it, it is not there yet"
    assert [names(request) for request in server.requests] == [
        ["get_tools"],
        ["get_tools", "rain"],
        ["get_tools", "rain"],
    ]
    assert remote.executed == [("rain", {"city": "Rome"}, "c3")]
    assert server.requests[2]["messages"][-1]["content"] == '{"city":"Rome","rain":true}'


async def test_later_tools_are_merged_by_name_and_the_executor_gets_the_original_name(server: FakeServer) -> None:
    dotted = {**MCP_SHAPE, "name": "get.rain", "description": "Dotted."}
    remote = Remote([MCP_SHAPE, dotted], [{**MCP_SHAPE, "description": "Newer."}, OPENAI_SHAPE])
    offered = offered_name("", "get.rain")
    server.play(
        calls(("c1", "get_tools", "{}")),
        calls(("c2", "get_tools", "{}"), ("c3", offered, '{"city": "Rome"}')),
        says("Rain."),
    )
    async with remote.client(server) as client:
        await client.ask("rain?")
    last = server.requests[2]["tools"]
    assert names(server.requests[2]) == ["get_tools", "rain", offered, "snow"]
    assert last[1]["function"]["description"] == "Newer."
    assert remote.executed == [("get.rain", {"city": "Rome"}, "c3")]


async def test_a_tool_that_is_there_is_never_replaced_and_the_number_is_bounded(server: FakeServer) -> None:
    """SERVER-05: what a tool brings must not stand in for one that needs approval, or that is ours."""

    def rain(city: str) -> str:
        """Ours."""
        return f"ours: {city}"

    remote = Remote([MCP_SHAPE, {**MCP_SHAPE, "name": "get_tools"}, OPENAI_SHAPE, {**MCP_SHAPE, "name": "hail"}])
    server.play(calls(("c1", "get_tools", "{}")), calls(("c2", "rain", '{"city": "Rome"}')), says("Rain."))
    async with remote.client(server, rain, max_tools=3) as client:
        events = [event async for event in client.stream("rain?")]
    assert names(server.requests[1]) == ["get_tools", "rain", "snow"]
    assert server.requests[2]["messages"][-1]["content"] == "ours: Rome"
    assert remote.executed == []
    notices = " ".join(event.message for event in events if isinstance(event, RunNotice))
    assert "tool rain of get_tools" in notices
    assert "tool hail of get_tools is beyond 3 tools" in notices


async def test_a_value_that_holds_no_tools_is_an_error_result(server: FakeServer) -> None:
    server.play(calls(("c1", "get_tools", "{}")), says("None."))
    async with Remote("no tools today").client(server) as client:
        await client.ask("rain?")
    assert "a list of tools is expected" in server.requests[1]["messages"][-1]["content"]


async def test_what_is_brought_follows_the_rules_given_for_it(server: FakeServer) -> None:
    def brought(**flags: Any) -> Any:
        (item,) = provided_by(Remote().execute, prefix="far", **flags)([MCP_SHAPE])
        return item

    assert (brought().name, brought().dynamic, brought().title) == ("far__rain", True, "Rain")
    assert brought(needs_approval=True, timeout=3).needs_approval is True
    assert brought().idempotent is False, "readOnlyHint is only a hint"
    with pytest.raises(ConfigurationError, match="prefix"):
        provided_by(Remote().execute, prefix="a__b")
