"""`docs/tool-sources.md`, executed: each snippet is run, and the file is read and asked with."""

from __future__ import annotations

import re
import sys
import tomllib
import types
from pathlib import Path
from typing import Any

import pytest

from loop_client import LoopClient, cli, load_config
from loop_client.config_tables import ConfigFile
from loop_client.definitions import MOST_DEFINITIONS
from loop_client.handlers import text_search
from loop_client.mcp import StdioServer
from tests.loop_client.fake_server import FakeServer, calls, says

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tool-sources.md").read_text("utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(FILE,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's files are, with all the variables and the module that it names."""
    monkeypatch.chdir(tmp_path)
    for name in ("LOOP_CLIENT_SECRET", "AI_ROUTER_KEY", "TICKETS_TOKEN", "SHOP_TOKEN"):
        monkeypatch.setenv(name, "a secret of some length")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "manual.txt").write_text("turn it off and on again", encoding="utf-8")
    (tmp_path / "choose-seat.json").write_text('{"type": "object", "properties": {}}', encoding="utf-8")

    def refund(order: str) -> str:
        """Pay back what an order cost."""
        return f"paid back {order}"

    module = types.ModuleType("shop.tools")
    module.__dict__["refund"] = refund
    monkeypatch.setitem(sys.modules, "shop", types.ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.tools", module)
    return tmp_path


def run(place: int, server: FakeServer, names: dict[str, Any]) -> None:
    text = SNIPPETS[place].replace("http://127.0.0.1:8080/v1", server.base_url)
    exec(text.replace('StdioServer("python"', f"StdioServer({sys.executable!r}"), names)  # noqa: S102  # that is the test


async def test_the_page_does_what_it_says(server: FakeServer, folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "snippet"}
    run(0, server, names)
    server.play(calls(("c1", "time__get_current_time", '{"timezone": "Etc/UTC"}')), says("It is late."))
    names["tickets"] = names["clock"].__class__("tickets", StdioServer("no-such-command-anywhere"), required=False)
    assert await names["ask"]("What time is it?") == "It is late."
    assert '"timezone": "Etc/UTC"' in server.requests[1]["messages"][-1]["content"]

    run(1, server, names)
    (order,) = await names["orders"].list_tools()
    assert (order.name, order.timeout, order.retries) == ("find_order", 10, 2)

    run(2, server, names)
    server.play(
        calls(("c1", "get_tools", '{"topic": "invoices"}')),
        calls(("c2", "find_invoice", '{"number": "7"}')),
        says("Found."),
    )
    async with LoopClient(base_url=server.base_url, model="m", tools=[names["get_tools"]]) as client:
        assert (await client.ask("Find invoice 7.")).text == "Found."
    assert server.requests[-1]["messages"][-1]["content"] == '{"ran":"find_invoice","with":{"number":"7"}}'

    run(3, server, names)
    assert [item.name for item in names["files"].tools()][-1] == "filetree_search"
    server.play(calls(("c1", "filetree_read", '{"source_id": "docs", "path": "manual.txt"}')), says("Off and on."))
    assert await names["ask_about_the_manual"]("What shall I do?") == "Off and on."
    assert "turn it off and on again" in server.requests[-1]["messages"][-1]["content"]

    run(4, server, names)
    (folder / "loop.toml").write_text(f'model = "m"\nbase_url = "{server.base_url}"', encoding="utf-8")
    server.play(says("As configured."))
    assert await names["ask_as_configured"]("?") == "As configured."
    assert len(SNIPPETS) == 5


async def test_the_file_of_the_page_is_sound_and_makes_a_client(folder: Path) -> None:
    (folder / "loop.toml").write_text(FILE, encoding="utf-8")
    config = load_config(folder / "loop.toml")
    async with LoopClient(**config.settings) as client:
        assert [item.name for item in client.tools][-2:] == ["refund", "choose_seat"]
        assert client.can_suspend
    assert config.server == {"port": 8090}


def test_the_command_asks_as_the_file_of_the_page_says(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FILE.replace('command = "python"', f'command = "{sys.executable}"').replace(
        "http://127.0.0.1:8080/v1", server.base_url
    )
    tables = [table for table in re.split(r"(?m)^(?=\[)", text) if not table.startswith("[mcp.tickets]")]
    (folder / "loop.toml").write_text("".join(tables), encoding="utf-8")
    server.play(
        calls(
            ("c1", "filetree_search", '{"source_id": "docs", "query": "off and on"}'),
            ("c2", "time__get_current_time", '{"timezone": "Etc/UTC"}'),
        ),
        says("Turn it off and on again."),
    )
    assert cli.main(["ask", "What shall I do?", "--config", str(folder / "loop.toml"), "--quiet"]) == 0
    assert capsys.readouterr().out == "Turn it off and on again.\n"
    found, time = (message["content"] for message in server.requests[1]["messages"][-2:])
    assert "manual.txt" in found
    assert "Etc/UTC" in time


def test_every_table_of_a_file_is_on_the_page() -> None:
    named = {name for name in ConfigFile.model_fields if re.search(rf"(?m)^{name} = |\[{name}[\].]", PAGE)}
    assert ConfigFile.model_fields.keys() - named == {"headers", "tool_choice", "result_images", "max_tools"}
    assert tomllib.loads(FILE).keys() <= ConfigFile.model_fields.keys()


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    told = " ".join(PAGE.split())
    assert f"at most {text_search.MOST_FILES:,} files" in told
    assert f"reads at most {text_search.MOST_BYTES >> 20} MiB" in told
    assert f"of one file at most {text_search.MOST_BYTES_OF_ONE_FILE >> 20} MiB" in told
    assert f"at most {text_search.MOST_SECONDS:g} seconds" in told
    assert f"at most {MOST_DEFINITIONS} of them" in told
