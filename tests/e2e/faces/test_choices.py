"""The tool-choice matrix: every mode of every face on every wire, in that wire's own words; the strict fakes judge."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.e2e.faces.requests import body_of, calls_in, path_of
from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.e2e.faces.voices import FACES
from tests.e2e.service import client

MODES = ("auto", "none", "required", "named", "allowed", "single")
_GEMINI: dict[str, Any] = {
    "auto": {"mode": "AUTO"},
    "none": {"mode": "NONE"},
    "required": {"mode": "ANY"},
    "named": {"mode": "ANY", "allowedFunctionNames": ["convert"]},
    "allowed": {"mode": "VALIDATED", "allowedFunctionNames": ["convert"]},
}


@pytest.fixture(scope="module")
def http(module_stage: Stage) -> Iterator[httpx2.Client]:
    with client(module_stage.url) as speaker:
        yield speaker


def asked(face: str, mode: str) -> dict[str, Any] | None:
    """The choice in a face's words; None where it has none for it."""
    words: dict[str, dict[str, Any]]
    match face:
        case "chat":
            named: dict[str, Any] = {"type": "function", "function": {"name": "convert"}}
            words = {
                "named": {"tool_choice": named},
                "allowed": {
                    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
                },
                "single": {"parallel_tool_calls": False},
            }
            return words.get(mode, {"tool_choice": mode})
        case "responses":
            named = {"type": "function", "name": "convert"}
            words = {
                "named": {"tool_choice": named},
                "allowed": {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [named]}},
                "single": {"parallel_tool_calls": False},
            }
            return words.get(mode, {"tool_choice": mode})
        case "messages":
            words = {
                "auto": {"type": "auto"},
                "none": {"type": "none"},
                "required": {"type": "any"},
                "named": {"type": "tool", "name": "convert"},
                "single": {"type": "auto", "disable_parallel_tool_use": True},
            }
            return {"tool_choice": words[mode]} if mode in words else None
        case _:
            return {"toolConfig": {"functionCallingConfig": _GEMINI[mode]}} if mode in _GEMINI else None


def said_to(wire: str, body: dict[str, Any]) -> str:
    """The mode that a wire was asked for, in our words; how it was said is asserted on the way."""
    match wire:
        case "chat" | "responses":
            choice = body.get("tool_choice", "auto")
            if body.get("parallel_tool_calls") is False:
                return "single"
            if isinstance(choice, str):
                return choice
            if choice["type"] == "allowed_tools":
                inner = choice.get("allowed_tools", choice)
                assert inner["mode"] == "auto"
                assert [tool.get("name") or tool["function"]["name"] for tool in inner["tools"]] == ["convert"]
                return "allowed"
            assert (choice.get("name") or choice["function"]["name"]) == "convert"
            return "named"
        case "anthropic":
            choice = body.get("tool_choice") or {"type": "auto"}
            if choice.get("disable_parallel_tool_use"):
                return "single"
            if choice["type"] == "auto" and [tool["name"] for tool in body["tools"]] == ["convert"]:
                return "allowed"
            if choice["type"] == "tool":
                assert choice["name"] == "convert"
            return {"any": "required", "tool": "named"}.get(choice["type"], str(choice["type"]))
        case _:
            config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {"mode": "AUTO"}
            return next(mode for mode, words in _GEMINI.items() if words == config)


CASES = [(face, mode) for face in FACES for mode in MODES if asked(face, mode) is not None]


@pytest.mark.parametrize(("face", "mode"), CASES)
@pytest.mark.parametrize("wire", WIRES)
def test_every_choice_reaches_every_wire(stage: Stage, http: httpx2.Client, face: str, wire: str, mode: str) -> None:
    """CHOICE-01, CHOICE-09, CHOICE-10: in its words; reported where it has none (one call at a time on Gemini)."""
    choice = asked(face, mode) or {}
    answer = http.post(path_of(face, MODELS[wire]), json=body_of(face, MODELS[wire], **choice))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    (body,) = stage.sent(wire)
    if (wire, mode) == ("google", "single"):
        adjustments = json.loads(answer.headers["x-router"])["adjustments"]
        assert any("parallel" in each["path"] for each in adjustments)
        return
    assert said_to(wire, body) == mode
    names = [name for name, _ in calls_in(face, told)]
    expected = {
        "auto": ["get_weather", "get_weather"],
        "none": [],
        "required": ["get_weather", "get_weather"],
        "named": ["convert"],
        "allowed": [],
        "single": ["get_weather"],
    }
    assert names == expected[mode]
