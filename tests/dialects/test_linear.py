"""A request of four times as much takes four times the steps, whatever there is more of."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.profile import Profile, Target
from providers.upstreams.catalog import builtin_profiles, builtin_rows
from providers.wire.json import dumps, loads_object
from providers.wire.orphans import without_orphans
from providers.wire.tool_names import names_for

USER: Any = {"role": "user", "content": "hi"}
FEW = 30
TIMES = 4


def tool(name: str, **more: Any) -> Any:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": schema, **more}}


def called(*calls: tuple[str, str]) -> Any:
    made = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}} for call_id, name in calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(call_id: str) -> Any:
    return {"role": "tool", "tool_call_id": call_id, "content": "r"}


def turns(call_id: str, name: str = "look") -> Callable[[int], Any]:
    def made(size: int) -> Any:
        numbers = range(size)
        told = [
            [USER, called((call_id.format(number), name.format(number))), result(call_id.format(number))]
            for number in numbers
        ]
        return {"messages": [message for turn in told for message in turn]}

    return made


def one_turn(size: int) -> Any:
    ids = [f"call_{number}" for number in range(size)]
    return {"messages": [USER, called(*[(each, "look") for each in ids]), *map(result, reversed(ids))]}


def allowed(size: int) -> Any:
    tools = [tool(f"tool_{number}") for number in range(size)]
    named = [{"type": "function", "function": {"name": each["function"]["name"]}} for each in tools]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": named}}
    return {"messages": [USER], "tools": tools, "tool_choice": choice}


KINDS: dict[str, Callable[[int], Any]] = {
    "turns": turns("call_{}"),
    "turns of one id": turns("call_x"),
    "turns of illegal ids": turns("c/é{}"),
    "turns of illegal names": turns("call_{}", "a.b/{}"),
    "calls of a turn, answered from behind": one_turn,
    "calls without result": lambda size: {
        "messages": [USER, called(*[(f"c_{at}", "look") for at in range(size)]), USER]
    },
    "results without call": lambda size: {"messages": [USER, *[result(f"call_{at}") for at in range(size)], USER]},
    "messages of one side": lambda size: {"messages": [USER] * size},
    "texts": lambda size: {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * size}]},
    "unknown members": lambda size: {"messages": [USER], **{f"x{number}": 1 for number in range(size)}},
    "tools": lambda size: {"messages": [USER], "tools": [tool(f"tool_{number}") for number in range(size)]},
    "strict tools": lambda size: {"messages": [USER], "tools": [tool(f"t_{at}", strict=True) for at in range(size)]},
    "tools of illegal names": lambda size: {"messages": [USER], "tools": [tool(f"a.b/{at}") for at in range(size)]},
    "allowed tools": allowed,
}


def target(provider: str) -> Target:
    row = builtin_rows()[provider]
    return Target(provider=provider, model="m", dialect=row.dialect, profile=builtin_profiles()[row.profile])


TARGETS = [
    *map(target, ("anthropic", "google", "openai", "mistral")),
    Target(provider="p", model="m", dialect="openai-responses", profile=Profile()),
    Target(provider="p", model="m", dialect="openai-chat", profile=Profile(allowed_tools=True)),
]


def steps(work: Callable[[], object]) -> int:
    """How many lines are run and functions entered: the same on every machine."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def translated(body: Any, to: Target) -> bytes:
    report = Report()
    request = without_orphans(DIALECTS["openai-chat"].decode_request(body), report)
    request = names_for(request, to.profile.tool_name).written(request, report)
    return dumps(DIALECTS[to.dialect].encode_request(request, to, report).body)


@pytest.mark.parametrize("to", TARGETS, ids=lambda to: f"{to.provider}-{to.dialect}")
@pytest.mark.parametrize("kind", KINDS)
def test_steps_grow_with_the_request(kind: str, to: Target) -> None:
    def taken(size: int) -> int:
        raw = json.dumps({"model": "a/b", **KINDS[kind](size)}).encode()
        return steps(lambda: translated(loads_object(raw), to))

    taken(1)
    few, many = taken(FEW), taken(TIMES * FEW)
    assert many <= 1.1 * TIMES * few
