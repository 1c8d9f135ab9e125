"""Events survive JSON, and every display can show every kind of them."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loop_client import AnyEvent, Event, RunFinish, TextDelta, ToolApprovalRequested, ToolInputStart, event_from_json
from loop_client.display import PlainDisplay
from loop_client.display_live import LiveDisplay
from loop_client.errors import ErrorDetail
from loop_client.jsontext import dumps, loads
from loop_client.run_events import PendingCall
from loop_client.usage import Usage

KINDS: tuple[type[Event], ...] = get_args(AnyEvent)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
numbers = st.integers(0, 1000).map(lambda number: number / 64)
text = st.text(max_size=8)
pending = st.builds(
    PendingCall,
    call_id=text,
    tool_name=text,
    arguments_text=text,
    kind=st.sampled_from(("approval", "answer")),
    round=st.integers(1, 9),
    token=text,
    answer_schema=st.none() | objects,
    title=st.none() | text,
)
for kind, strategy in (
    (Usage, st.builds(Usage, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))),
    (ErrorDetail, st.builds(ErrorDetail, text, text, st.booleans(), retry_after=st.none() | numbers)),
    (PendingCall, pending),
):
    st.register_type_strategy(kind, strategy)
st.register_type_strategy(float, numbers)


def events_of(kind: type[Event]) -> st.SearchStrategy[Any]:
    given_fields: dict[str, Any] = {}
    for field in fields(kind):
        if field.name == "exception":
            given_fields[field.name] = st.none()
        elif "JsonObject, ..." in str(field.type) or "Message, ..." in str(field.type):
            given_fields[field.name] = st.lists(objects, max_size=2).map(tuple)
        elif "JsonObject" in str(field.type):
            given_fields[field.name] = st.none() | objects
        elif field.type == "Any":
            given_fields[field.name] = json_values
    return st.builds(kind, **given_fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
@given(st.data())
def test_an_event_comes_back_from_its_json_as_it_was(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    body = loads(dumps(event.to_json()))
    assert body["type"] == kind.type
    assert body.get("state") == kind.state
    assert event_from_json(body) == event


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
@given(st.data())
def test_every_display_shows_every_event(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    call_id = getattr(event, "call_id", None)
    shown = [event] if call_id is None else [ToolInputStart(1, call_id, "look"), event]
    plain, live = io.StringIO(), io.StringIO()
    with PlainDisplay(plain) as lines, LiveDisplay(Console(file=live, force_terminal=True, width=80)) as view:
        for item in shown:
            lines.show(item)
            view.show(item)
    assert "\x07" not in plain.getvalue()


def test_what_a_later_version_adds_is_passed_over_and_what_is_missing_is_named() -> None:
    assert event_from_json({"type": "text-delta", "round": 1, "text": "hi", "new": 1}) == TextDelta(1, "hi")
    with pytest.raises(ValueError, match="event text-delta: text: "):
        event_from_json({"type": "text-delta", "round": 1})
    with pytest.raises(ValueError, match="no event of type 'no-such'"):
        event_from_json({"type": "no-such"})


def test_a_token_is_in_the_json_and_not_in_the_repr() -> None:
    event = ToolApprovalRequested(1, "c1", "delete", "{}", "the-token")
    assert "the-token" in json.dumps(event.to_json())
    assert "the-token" not in repr(event)


def test_the_exception_is_for_this_process_alone() -> None:
    finish = RunFinish("run_1", "stop", "", (), Usage(), 1, 0, 0.1)
    assert "exception" not in finish.to_json()
