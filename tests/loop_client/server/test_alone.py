"""The service by itself: its table, the command, and who may reach it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from loop_client import ConfigurationError, cli
from loop_client.server import ServiceSettings
from loop_client.server.alone import Address, read_server_table
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says
from tests.loop_client.server.chatting import SECRET, ask, text_of, user
from tests.loop_client.server.command import command


def test_a_table_says_where_to_listen_and_what_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_KEYS", "key-1, key-2")
    address, settings = read_server_table(
        {
            "host": "0.0.0.0",  # noqa: S104  # nothing is bound
            "port": 9000,
            "keys": "env:CHAT_KEYS",
            "reasoning": False,
            "allow_origins": ["https://app.example.com"],
            "keep_alive_seconds": 5,
        }
    )
    assert address == Address("0.0.0.0", 9000, ("key-1", "key-2"))  # noqa: S104
    assert settings == ServiceSettings(
        reasoning=False, allow_origins=("https://app.example.com",), keep_alive_seconds=5
    )


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"reasonning": True}, r"server\.reasonning: there is no such setting"),
        ({"error_text": "x"}, r"server\.error_text: there is no such setting"),
        ({"port": "80"}, r"server\.port: a value of type int"),
        ({"port": True}, r"server\.port"),
        ({"reasoning": 1}, r"server\.reasoning: a value of type bool"),
        ({"max_body_bytes": True}, r"server\.max_body_bytes"),
        ({"allow_origins": "https://a"}, r"server\.allow_origins: a list"),
        ({"keys": "sk-123"}, r"server\.keys: env:NAME is expected"),
        ({"keys": "env:NOT_SET_ANYWHERE"}, r"server\.keys: the environment variable NOT_SET_ANYWHERE"),
        ({"allow_origins": ["*"], "allow_credentials": True}, "server: allow_credentials"),
        ({"host": "0.0.0.0"}, r"server\.host 0\.0\.0\.0 is reachable"),  # noqa: S104
        ({"host": "example.com"}, r"server\.host example\.com is reachable"),
    ],
)
def test_a_table_that_cannot_work_is_refused(table: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        read_server_table(table)
    assert "sk-123" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_the_loopback_address_needs_no_key(host: str) -> None:
    assert Address(host).keys == ()


def test_who_wants_it_open_says_so() -> None:
    assert Address("0.0.0.0", open=True).open  # noqa: S104


async def test_the_command_serves_files_tools_approvals_and_keys(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("buy milk")
    config = tmp_path / "chat.toml"
    config.write_text('[server]\nkeys = "env:CHAT_KEYS"\nreasoning = false\n')
    server.play(calls(("c1", "filetree_read", '{"source_id": "here", "path": "note.txt"}')), says("Milk."))
    arguments = ["--base-url", server.base_url, "--model", "test/model", "--root", f"here={tmp_path}"]
    more = ["--config", str(config), "--secret", "env:CHAT_SECRET"]
    with command(*arguments, *more, CHAT_KEYS="key-1", CHAT_SECRET=SECRET) as address:
        async with httpx2.AsyncClient(base_url=address, timeout=WAIT) as http:
            assert (await http.get("/healthz")).text == "ok"
            assert (await http.get("/readyz")).text == "ok"
            refused = await http.post("/chat", json={"messages": [user("hi")]})
            assert refused.status_code == 401
            http.headers["authorization"] = "Bearer key-1"
            assert text_of(await ask(http, user("what is to be done?"), tools=[{"name": "pick"}])) == "Milk."
    assert "buy milk" in server.requests[1]["messages"][-1]["content"]
    assert server.requests[0]["tools"][-1]["function"]["name"] == "pick"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--host", "0.0.0.0"], "is reachable from other machines"),  # noqa: S104
        (["--config", "no/such.toml"], "no/such.toml: No such file"),
        (["--secret", "hunter2"], "env:NAME is expected"),
        (["--keys", "env:NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (["--role", "worker"], "jobs.role: with store = memory there is only this process"),
        (["--role", "boss"], "invalid choice: 'boss'"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", "--base-url", "http://127.0.0.1:1/v1", "--model", "m", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert text in error
    assert "hunter2" not in error


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("loop_client.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    with pytest.raises(SystemExit):
        cli.main(["serve", "--base-url", "http://127.0.0.1:1/v1", "--model", "m"])
    assert 'pip install "./loop_client[server]"' in capsys.readouterr().err
