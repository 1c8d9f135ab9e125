"""Lists of MCP servers whose authors did not keep to the protocol, over a real program's standard output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loop_client import LoopClient
from loop_client.mcp import MCPTools, StdioServer
from tests.loop_client.fake_server import FakeServer, calls, says
from tests.loop_client.sources.calling import call, opened

ODD = StdioServer(sys.executable, [str(Path(__file__).parent / "old_server.py"), "odd"])


async def test_a_tool_that_is_written_wrongly_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """SCHEMA-22: the SDK refuses the whole list for one entry, so that the server had no tools at all."""
    async with opened(MCPTools("odd", ODD)) as tools:
        kept = ["plain", "untyped", "referring", "either", "nullable", "bare", "decorated", "silent"]
        assert list(tools) == [f"odd__{name}" for name in kept]
        assert {tool.parameters["type"] for tool in tools.values()} == {"object"}
        assert tools["odd__untyped"].parameters["required"] == ["number"]
        assert tools["odd__referring"].parameters["$ref"] == "#/$defs/Number"
        assert tools["odd__decorated"].description == "decorated"
    for name in ("texts", "nothing", "lasting"):
        assert f"tool '{name}' cannot be used" in caplog.text
    assert "tool None cannot be used: name is not what the protocol says" in caplog.text
    assert "an entry of its list of tools is no object" in caplog.text
    assert len(caplog.records) == 5


async def test_a_result_that_is_not_what_was_announced_is_read_all_the_same() -> None:
    """The call did its work: a failure without its text would have the model call again."""
    async with opened(MCPTools("odd", ODD)) as tools:
        assert await call(tools["odd__silent"]) == "four"


async def test_arguments_are_held_against_the_mended_schema(server: FakeServer) -> None:
    wrong, right = ("c1", "odd__untyped", '{"number": "x"}'), ("c2", "odd__untyped", '{"number": 4}')
    server.play(calls(wrong), calls(right), says("Done."))
    async with LoopClient(base_url=server.base_url, model="m", tools=[MCPTools("odd", ODD)]) as client:
        await client.ask("go")
    assert "$.number: should be of type integer" in server.requests[1]["messages"][-1]["content"]
    assert server.requests[2]["messages"][-1]["content"] == '{"called":"untyped"}'
