"""Configuration files: what they can say, that nothing is opened by reading one, and how mistakes are told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from loop_client import ConfigurationError, Limits, LoopClient, Price, Retry, SqliteRunStore, Timeouts, Tool, cli
from loop_client import tool as make_tool
from loop_client.config import load_config
from loop_client.http_tools import HttpTools
from loop_client.mcp import MCPTools
from tests.loop_client.fake_server import FakeServer, calls, says

WHOLE = """
model = "anthropic/claude"
base_url = "http://127.0.0.1:8080/v1"
api_key = "env:ROUTER_KEY"
system = "Be brief."
tool_choice = "auto"
result_images = "user"
max_tools = 64
secrets = ["env:LOOP_SECRET"]
store = "runs.sqlite"
expires_after = 86400

[headers]
x-tenant = "acme"

[options]
temperature = 0.2

[limits]
max_rounds = 5
max_seconds = 30
on_limit = "answer"
max_cost = 1.5

[timeouts]
first_event = 30

[retry]
retries = 1

[prices."anthropic/claude"]
input = 3
output = 15.0

[stop]
after_rounds = 4
when_called = ["finish"]

[tools]
current_time = true
calculate = true
functions = ["tests.loop_client.test_config:weather", "tests.loop_client.test_config:MADE"]

[tools.files]
roots = { docs = "docs" }
descriptions = { docs = "The manual" }

[tools.rules.filetree_read]
needs_approval = true
timeout = 5

[mcp.files]
command = "node"
args = ["server.js"]
env = { TOKEN = "env:FILES_TOKEN" }
cwd = "docs"
needs_approval = ["write_file"]

[mcp.remote]
url = "https://example.com/mcp"
bearer = "env:REMOTE_TOKEN"
only = ["search"]
required = false
rules = { timeout = 20 }
tools = { search = { max_result_bytes = 1000 } }

[http_tools.lookup]
description = "Look something up."
url = "https://example.com/lookup"
bearer = "env:REMOTE_TOKEN"
parameters = { type = "object", properties = { key = { type = "string" } } }
rules = { idempotent = true, retries = 2 }

[deferred.ask_user]
description = "Ask the user."
parameters = "ask.json"
answer = { type = "string" }

[server]
port = 9000
"""


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


MADE = make_tool(weather, name="weather_again")
NEITHER = 5


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROUTER_KEY", "sk-router")
    monkeypatch.setenv("LOOP_SECRET", "sixteen bytes or more")
    monkeypatch.setenv("FILES_TOKEN", "files-token")
    monkeypatch.setenv("REMOTE_TOKEN", "remote-token")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("buy milk", encoding="utf-8")
    (tmp_path / "ask.json").write_text(json.dumps({"type": "object", "properties": {}}), encoding="utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "loop.toml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_a_file_says_all_that_a_client_needs(folder: Path) -> None:
    config = load_config(written(folder, WHOLE))
    settings = dict(config.settings)
    offered = settings.pop("tools")
    store = settings.pop("store")
    assert isinstance(store, SqliteRunStore)
    stop = settings.pop("stop")
    assert [str(condition) for condition in stop] == ["after_rounds(4)", "when_called('finish')"]
    assert settings == {
        "model": "anthropic/claude",
        "base_url": "http://127.0.0.1:8080/v1",
        "api_key": "env:ROUTER_KEY",
        "system": "Be brief.",
        "tool_choice": "auto",
        "result_images": "user",
        "max_tools": 64,
        "secret": ("env:LOOP_SECRET",),
        "expires_after": 86400,
        "headers": {"x-tenant": "acme"},
        "options": {"temperature": 0.2},
        "limits": Limits(max_rounds=5, max_seconds=30, on_limit="answer", max_cost=1.5),
        "timeouts": Timeouts(first_event=30),
        "retry": Retry(retries=1),
        "prices": {"anthropic/claude": Price(3, 15.0)},
    }
    assert config.server == {"port": 9000}
    tools = {item.name: item for item in offered if isinstance(item, Tool)}
    assert list(tools) == [
        "filetree_list_sources",
        "filetree_list",
        "filetree_read",
        "filetree_search",
        "current_time",
        "calculate",
        "weather",
        "weather_again",
        "ask_user",
    ]
    assert (tools["filetree_read"].needs_approval, tools["filetree_read"].timeout) == (True, 5)
    assert tools["filetree_list"].needs_approval is False
    assert tools["ask_user"].is_deferred
    assert tools["ask_user"].answer_schema == {"type": "string"}
    http, *servers = (item for item in offered if not isinstance(item, Tool))
    assert isinstance(http, HttpTools)
    (lookup,) = await http.list_tools()
    assert (lookup.name, lookup.idempotent, lookup.retries) == ("lookup", True, 2)
    assert [server.name for server in servers if isinstance(server, MCPTools)] == ["files", "remote"]
    async with LoopClient(**config.settings):
        pass


def test_a_file_may_say_nothing(folder: Path) -> None:
    config = load_config(written(folder, ""))
    assert (config.settings, config.server, config.has_tools) == ({"result_images": "tool", "tools": []}, {}, False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model =", "loop.toml: Invalid value"),
        ("modell = 'm'", "loop.toml: modell: there is no such setting"),
        ("model = 5", "loop.toml: model: input should be a valid string"),
        ("api_key = 'sk-secret'", "loop.toml: api_key: env:NAME is expected"),
        ("api_key = 'Bearer env:X'", "loop.toml: api_key: env:NAME is expected"),
        ("secrets = ['sk-secret']", r"loop.toml: secrets\[0\]: env:NAME is expected"),
        ("[headers]\nAuthorization = 'Bearer sk-secret'", "loop.toml: headers: the value of Authorization must be env"),
        ("[limits]\nmax_round = 1", "loop.toml: limits.max_round: there is no such setting"),
        ("[limits]\nmax_rounds = '1'", "loop.toml: limits.max_rounds: input should be a valid integer"),
        ("[limits]\nmax_rounds = true", "loop.toml: limits.max_rounds: input should be a valid integer"),
        ("[limits]\nmax_rounds = 0", "loop.toml: limits: max_rounds and max_parallel must be at least 1"),
        ("[limits]\non_limit = 'never'", "loop.toml: limits.on_limit: input should be 'stop', 'answer' or 'raise'"),
        ("[prices.m]\ninput = 1", "loop.toml: prices.m.output: is required"),
        ("[retry]\nretries = -1", "loop.toml: retry: no number may be negative"),
        ("store = 'no/such/runs.sqlite'", "loop.toml: store: "),
        ("[tools]\nfunctions = ['weather']", r"loop.toml: tools.functions\[0\]: package.module:name is expected"),
        ("[tools]\nfunctions = ['no_such_module:f']", r"loop.toml: tools.functions\[0\]: .* cannot be imported"),
        ("[tools]\nfunctions = ['tests.loop_client.test_config:NEITHER']", r"functions\[0\]: .* is neither a function"),
        ("[tools.files]\nroots = { docs = 'nowhere' }", "loop.toml: tools.files.roots: root docs: there is no folder"),
        ("[tools.rules.calculate]\ntimeout = 5", "loop.toml: tools.rules.calculate: there is no such tool"),
        ("[tools]\ncalculate = true\nrules.calculate.timeout = -1", "loop.toml: tools.rules.calculate: tool calculate"),
        ("[mcp.x]", "loop.toml: mcp.x: either command or url is expected"),
        ("[mcp.x]\ncommand = 'c'\nurl = 'http://h'", "loop.toml: mcp.x: either command or url is expected"),
        ("[mcp.x]\ncommand = 'c'\nbearer = 'env:A'", "loop.toml: mcp.x: bearer makes no sense with command"),
        ("[mcp.x]\nurl = 'http://h'\nargs = []", "loop.toml: mcp.x: args makes no sense with url"),
        ("[mcp.x]\nurl = 'h'", "loop.toml: mcp.x: MCP server x: an address such as"),
        ("[mcp.x]\nurl = 'http://u:sk-secret@h'", "loop.toml: mcp.x: MCP server x: put a name and password"),
        ("[mcp.x]\nurl = 'http://h'\nbearer = 'sk-secret'", "loop.toml: mcp.x.bearer: env:NAME is expected"),
        ("[mcp.x]\nurl = 'http://h'\nbearer = 'env:NOT_SET'", "mcp.x: MCP server x: headers.authorization: .* NOT_SET"),
        ("[mcp.x]\ncommand = 'c'\nenv.A = 'env:NOT_SET'", "mcp.x: MCP server x: env.A: .* NOT_SET is not set"),
        ("[mcp.x]\ncommand = 'c'\nneeds_approval = 'all'", "loop.toml: mcp.x.needs_approval: true, false or a list"),
        ("[mcp.x]\ncommand = 'c'\nprefix = 'a__b'", "loop.toml: mcp.x: prefix 'a__b'"),
        ("[mcp.x]\ncommand = 'c'\ntools.t.timeut = 1", "loop.toml: mcp.x.tools.t.timeut: there is no such setting"),
        ("[http_tools.x]\nurl = 'http://h'", "loop.toml: http_tools.x.description: is required"),
        (
            "[http_tools.x]\ndescription = 'd'\nurl = 'ftp://h'\nparameters = {}",
            "loop.toml: http_tools.x: HTTP tool x: an address such as",
        ),
        (
            "[http_tools.x]\ndescription = 'd'\nurl = 'http://h'\nparameters = {}\nrules.retries = 1",
            "loop.toml: http_tools: tool x: retries must not be negative, and only an idempotent",
        ),
        ("[deferred.x]\ndescription = 'd'\nparameters = 5", "loop.toml: deferred.x.parameters: a JSON Schema as a"),
        ("[deferred.x]\ndescription = 'd'\nparameters = 'no.json'", "deferred.x.parameters: no.json: No such file"),
        ("[deferred.x]\ndescription = 'd'\nparameters = 'loop.toml'", "deferred.x.parameters: loop.toml: "),
        ("[deferred.'x y']\ndescription = 'd'\nparameters = {}", "loop.toml: deferred.x y: tool name 'x y'"),
        ("server = 5", "loop.toml: server: input should be a valid dictionary"),
    ],
)
def test_a_mistake_is_told_by_file_key_and_reason_and_without_the_value(folder: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        load_config(written(folder, text))
    assert "sk-secret" not in str(caught.value)


def test_every_mistake_is_told_at_once(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(written(folder, "modell = 'm'\nbase_url = 5\n" + "".join(f"k{n} = 1\n" for n in range(20))))
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1].endswith(": and 12 more")


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml: No such file"):
        load_config(folder / "missing.toml")
    (folder / "latin.toml").write_bytes(b"model = 'caf\xe9'")
    with pytest.raises(ConfigurationError, match=r"latin\.toml: .*utf-8"):
        load_config(folder / "latin.toml")


def test_without_the_extra_a_file_that_needs_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("loop_client.mcp", "mcp"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=r"mcp\.x: the module loop_client\.mcp is missing: .*\[mcp\]"):
        load_config(written(folder, "[mcp.x]\ncommand = 'c'"))


# ---- the command


def look(server: FakeServer) -> None:
    server.play(calls(("c1", "filetree_read", '{"source_id": "docs", "path": "a.txt"}')), says("Buy milk."))


def test_the_command_asks_as_the_file_says(
    server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look(server)
    path = written(
        folder,
        f'model = "m"\nbase_url = "{server.base_url}"\napi_key = "env:ROUTER_KEY"\n'
        '[tools.files]\nroots = { docs = "docs" }\n[options]\ntemperature = 0.5\n',
    )
    assert cli.main(["ask", "what is there to buy?", "--config", str(path), "--quiet"]) == 0
    assert capsys.readouterr().out == "Buy milk.\n"
    first, second = server.requests
    assert [item["function"]["name"] for item in first["tools"]][2] == "filetree_read"
    assert first["temperature"] == 0.5
    assert server.headers[0]["authorization"] == "Bearer sk-router"
    assert "buy milk" in second["messages"][-1]["content"]


def test_options_of_the_command_win_over_the_file(server: FakeServer, folder: Path) -> None:
    server.play(says("Yes."))
    path = written(folder, "model = 'm'\nbase_url = 'http://127.0.0.1:9/v1'\n[limits]\nmax_rounds = 1\nmax_calls = 7\n")
    options = ["--base-url", server.base_url, "--model", "other", "--max-rounds", "3", "--no-files", "--quiet"]
    assert cli.main(["ask", "?", "--config", str(path), *options]) == 0
    assert server.requests[0]["model"] == "other"


@pytest.mark.parametrize(
    ("text", "more", "told"),
    [
        ("model = 'm'", [], "--base-url is required, or base_url in the file of --config"),
        ("base_url = 'http://h/v1'", [], "--model is required"),
        ("nonsense = 1", [], "loop.toml: nonsense: there is no such setting"),
        ("model = 'm'\nbase_url = 'http://h/v1'\n[tools]\ncalculate = true", ["--no-files"], "the tools are those of"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, more: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["ask", "?", "--config", str(written(folder, text)), *more])
    assert caught.value.code == cli.USAGE
    assert told in capsys.readouterr().err


def test_every_plain_setting_of_the_client_has_a_key(folder: Path) -> None:
    """What only code can give is named here, so that a new setting is not forgotten in the file."""
    parameters: Any = LoopClient.__init__.__annotations__.keys() - {"return"}
    only_in_code = {"http_client", "prepare_round", "repair", "callbacks"}
    assert set(load_config(written(folder, WHOLE)).settings) == parameters - only_in_code
