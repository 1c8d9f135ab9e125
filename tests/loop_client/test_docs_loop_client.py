"""`docs/loop-client.md`, executed from its first line to its last, against a scripted server."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import pytest

from loop_client import AnswerRefused
from loop_client.answers import AnswerCode
from loop_client.function_tool import ToolFlags, tool
from tests.loop_client.fake_server import FakeServer, calls, says

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "loop-client.md").read_text("utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_does_what_it_says(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOOP_CLIENT_SECRET", "a secret of some length")
    monkeypatch.setenv("AI_ROUTER_KEY", "key")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "snippet"}

    def run(place: int) -> str:
        exec(SNIPPETS[place].replace("http://127.0.0.1:8080/v1", server.base_url), names)  # noqa: S102  # that is the test
        return capsys.readouterr().out

    server.play(calls(("c1", "weather", '{"city": "Rome"}')), says("No umbrella."))
    assert run(0) == "No umbrella. stop 2 43\n"
    assert server.headers[0]["authorization"] == "Bearer key"
    assert server.requests[1]["messages"][-1]["content"] == '{"city":"Rome","days":1,"sky":"sunny"}'

    server.play(calls(("c1", "charge", '{"euros": 20}')), says("Charged."))
    shown = run(1)
    assert "asking the bank" in shown
    assert "Ada" in server.requests[-1]["messages"][-1]["content"]
    schema = server.requests[-1]["tools"][0]["function"]["parameters"]
    assert list(schema["properties"]) == ["euros"]

    run(2)
    assert [tool.name for tool in names["careful"].tools] == ["weather", "finish"]

    server.play(calls(("c1", "refund", '{"order": "A-1", "euros": 300}')), says("Paid back."))
    run(3)
    assert [call.kind for call in names["waiting"].pending] == ["approval"]
    assert run(4) == 'refund {"order": "A-1", "euros": 300}\nPaid back.\n'
    assert server.requests[-1]["messages"][-1]["content"] == '{"order":"A-1","refunded":300}'
    call = names["waiting"].pending[0]
    with pytest.raises(AnswerRefused) as caught:
        names["asyncio"].run(names["approve"](names["waiting"].run_id, call.call_id, call.token))
    assert caught.value.code == "ALREADY_ANSWERED"

    server.play(calls(("c1", "choose_seat", '{"row": 7}')), says("Booked."))
    shown = run(5)
    assert shown.startswith("choose_seat {'seat': '7C', 'booked': True}\n")
    assert shown.endswith("run-finish\n")
    assert names["chosen"] == [("ada", "7C")]
    assert len(SNIPPETS) == 6


def test_every_code_of_a_refusal_is_on_the_page() -> None:
    named = set(re.findall(r"`([A-Z_]{7,})`", PAGE))
    assert named == set(get_args(AnswerCode)) - {"TOOL_EXECUTION_FAILED"}


def test_every_flag_on_the_page_is_one() -> None:
    rows = re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert {"timeout", "parallel", "on_answer"} <= named
    assert named <= set(ToolFlags.__annotations__) | set(signature(tool).parameters)
