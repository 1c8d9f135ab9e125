"""MCP servers that nobody here wrote, each used through a whole loop: from PyPI the time, from npm the files."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loop_client import LoopClient
from loop_client.events import ToolOutputAvailable, ToolOutputError
from loop_client.mcp import MCPTools, StdioServer
from tests.loop_client.fake_server import FakeServer, calls, says
from tests.loop_client.javascript import node
from tests.programs_plugin import SCRIPTS

TIME = StdioServer(sys.executable, ["-m", "mcp_server_time", "--local-timezone", "Etc/UTC"])
FILES = SCRIPTS / "node_modules" / "@modelcontextprotocol" / "server-filesystem" / "dist" / "index.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with something outside; its true path, because that is what the server compares."""
    folder = tmp_path.resolve() / "folder"
    folder.mkdir()
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "secret.txt").write_text("the secret outside", encoding="utf-8")
    return folder


def offered(request: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["function"]["name"]: item["function"] for item in request["tools"]}


async def test_the_time_server_tells_the_time(server: FakeServer) -> None:
    server.play(
        calls(
            ("c1", "time__get_current_time", '{"timezone": "Asia/Tokyo"}'),
            (
                "c2",
                "time__convert_time",
                '{"source_timezone": "Etc/UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}',
            ),
            ("c3", "time__get_current_time", '{"timezone": "Atlantis/Capital"}'),
            ("c4", "time__get_current_time", "{}"),
        ),
        says("It is late in Tokyo."),
    )
    async with LoopClient(base_url=server.base_url, model="m", tools=[MCPTools("time", TIME)]) as client:
        events = [event async for event in client.stream("What time is it in Tokyo?")]
    outputs = {event.call_id: event.output for event in events if isinstance(event, ToolOutputAvailable)}
    errors = {event.call_id: event for event in events if isinstance(event, ToolOutputError)}
    told = json.loads(outputs["c1"])
    assert datetime.fromisoformat(told["datetime"]).utcoffset() == timedelta(hours=9)
    assert json.loads(outputs["c2"])["time_difference"] == "+9.0h"
    assert errors["c3"].code == "tool_error"
    assert "Atlantis/Capital" in errors["c3"].error_text, "the server's own words are for the model"
    assert errors["c4"].code == "schema_mismatch", "it never reached the server"
    first, second = server.requests
    assert set(offered(first)) == {"time__get_current_time", "time__convert_time"}
    assert [message["tool_call_id"] for message in second["messages"][2:]] == ["c1", "c2", "c3", "c4"]


@pytest.mark.needs_node
async def test_the_file_server_writes_reads_and_keeps_to_its_folder(server: FakeServer, folder: Path) -> None:
    def path(name: str) -> str:
        return str(folder / name)

    server.play(
        calls(("c1", "files__write_file", json.dumps({"path": path("list.txt"), "content": "buy milk"}))),
        calls(
            ("c2", "files__read_text_file", json.dumps({"path": path("list.txt")})),
            ("c3", "files__read_text_file", json.dumps({"path": path("../secret.txt")})),
            ("c4", "files__read_media_file", json.dumps({"path": path("picture.png")})),
            ("c5", "files__list_directory", json.dumps({"path": str(folder)})),
        ),
        says("Buy milk."),
    )
    files = MCPTools("files", StdioServer(node(), [str(FILES), str(folder)]), without=["move_file"])
    async with LoopClient(base_url=server.base_url, model="m", tools=[files]) as client:
        result = await client.ask("Write a list and read it.")
    assert result.text == "Buy milk."
    assert (folder / "list.txt").read_text(encoding="utf-8") == "buy milk"
    first, _, last = server.requests
    assert "files__move_file" not in offered(first)
    assert offered(first)["files__read_text_file"]["parameters"]["required"] == ["path"]
    answers = {message["tool_call_id"]: message["content"] for message in last["messages"] if message["role"] == "tool"}
    assert answers["c2"] == "buy milk", "once, although the server says it as structured content, too"
    assert answers["c3"].startswith("Error: Access denied")
    assert [part["type"] for part in answers["c4"]] == ["image_url"]
    assert "[FILE] list.txt" in answers["c5"]


@pytest.mark.needs_node
async def test_both_serve_one_run_and_no_name_of_one_is_taken_by_the_other(server: FakeServer, folder: Path) -> None:
    server.play(
        calls(("c1", "time__get_current_time", '{"timezone": "Etc/UTC"}'), ("c2", "a__list_allowed_directories", "{}")),
        says("Done."),
    )
    command = StdioServer(node(), [str(FILES), str(folder)])
    sources = [MCPTools("time", TIME), MCPTools("a", command), MCPTools("b", command)]
    async with LoopClient(base_url=server.base_url, model="m", tools=sources) as client:
        await client.ask("Which folders are there?")
    names = list(offered(server.requests[0]))
    assert len(names) == len(set(names))
    assert {"a__read_file", "b__read_file"} <= set(names)
    assert str(folder) in server.requests[1]["messages"][-1]["content"]
