"""What OpenAI is sent for conversations of other dialects."""

from __future__ import annotations

from typing import Any

import pytest

from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Origin,
    ReasoningPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.request import (
    Message,
)
from tests.dialects.openai_responses_building import GEMINI, MODEL, USER, call, paths, result, sent, turn

# ---- history


def test_a_turn_is_said_in_its_order() -> None:
    """HIST-17, HIST-23."""
    system = Message(role="system", parts=(TextPart(text="brief"),))
    late = Message(role="developer", parts=(TextPart(text="now"),))
    body, report = sent(system, USER, turn(TextPart(text="see"), call()), result(), late)
    assert body["input"] == [
        {"role": "system", "content": "brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "see"}]},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "18"},
        {"role": "developer", "content": "now"},
    ]
    assert report.adjustments == []


def test_ids_that_are_too_long_or_repeat_are_rewritten_in_both_places() -> None:
    """ID-03, ID-07."""
    long = "x" * 80
    history = (USER, turn(call(long)), result(long), turn(call("a")), result("a"), turn(call("a")), result("a"))
    body, report = sent(*history)
    ids = [item["call_id"] for item in body["input"][1:]]
    assert ids[0::2] == ids[1::2]
    assert len(set(ids)) == 3
    assert all(len(one) <= 64 for one in ids)
    assert [one.path for one in report.adjustments] == ["messages[1].content[0].id", "messages[5].content[0].id"]


def test_calls_without_an_id_get_one_that_their_results_share() -> None:
    """ID-06."""
    part = ToolResultPart(call_id="", name="look", content=(TextPart(text="18"),))
    body, _ = sent(USER, turn(call("")), Message(role="tool", parts=(part,)))
    assert body["input"][1]["call_id"] == body["input"][2]["call_id"] != ""


@pytest.mark.parametrize("history", [(USER, turn(call())), (USER, turn(call()), USER, turn()), (USER, result())])
def test_orphans_are_refused_with_their_path(history: tuple[Message, ...]) -> None:
    """HIST-07, ID-13."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(*history)
    assert caught.value.path is not None
    assert caught.value.path.startswith("messages[1]")


def test_results_of_free_text_calls_are_of_their_kind() -> None:
    """SCHEMA-20."""
    written = ToolCallPart(id="c", name="note", arguments="free", kind="custom")
    body, _ = sent(USER, turn(written), result("c"))
    assert body["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "note", "input": "free"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "18"},
    ]


def test_failed_results_say_so_in_their_text() -> None:
    """HIST-22."""
    body, report = sent(USER, turn(call()), result("call_1", TextPart(text="no city"), outcome="error"))
    assert body["input"][2]["output"] == "Error: no city"
    assert paths(report) == [("messages[2].content[0].outcome", "mapped")]


def test_results_keep_images_and_files() -> None:
    """HIST-14."""
    image = MediaPart(kind="image", data="iVBORw0", media_type="image/png")
    file = MediaPart(kind="document", data="JVBER", filename="a.pdf")
    body, _ = sent(USER, turn(call()), result("call_1", TextPart(text="see"), image, file))
    assert body["input"][2]["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBER"},
    ]


def test_results_of_nothing_are_an_empty_text() -> None:
    """HIST-08."""
    empty = Message(role="tool", parts=(ToolResultPart(call_id="call_1"),))
    assert sent(USER, turn(call()), empty)[0]["input"][2]["output"] == ""


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_media_without_words_here_are_refused(kind: Any) -> None:
    part = MediaPart(kind=kind, data="AA==", media_type=f"{kind}/mp4")
    with pytest.raises(UnsupportedError, match=kind):
        sent(Message(role="user", parts=(part,)))


def test_parts_of_other_dialects_are_reported() -> None:
    opaque = OpaquePart(dialect="anthropic-messages", type="search_result", value={})
    ran = ToolCallPart(id="s", name="web_search", arguments="{}", executed_by="provider")
    body, report = sent(USER, turn(opaque, ran, TextPart(text="so")), USER)
    assert len(body["input"]) == 3
    assert paths(report) == [("messages[1].content[0]", "dropped"), ("messages[1].content[1]", "dropped")]


# ---- reasoning

HERE = Origin(dialect="openai-responses", provider="openai", model=MODEL, scope="s1")
OWN = State(kind="encrypted_content", value="gAAAA", origin=HERE)


def test_own_reasoning_goes_back_byte_for_byte_before_its_call() -> None:
    """REASON-14, HIST-20."""
    body, report = sent(USER, turn(ReasoningPart(text="so", kind="summary", state=OWN), call()), result())
    assert body["input"][1] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "so"}],
        "encrypted_content": "gAAAA",
    }
    assert report.adjustments == []


@pytest.mark.parametrize(
    "origin",
    [
        GEMINI,
        Origin(dialect="openai-responses", provider="azure", model=MODEL, scope="s1"),
        Origin(dialect="openai-responses", provider="openai", model=MODEL, scope="s2"),
        Origin(dialect="openai-responses", provider="openai", model="gpt-5.3", scope="s1"),
    ],
)
def test_reasoning_issued_elsewhere_is_left_out_and_reported(origin: Origin) -> None:
    """REASON-05."""
    state = State(kind="encrypted_content", value="CANARY", origin=origin)
    body, report = sent(USER, turn(ReasoningPart(text="so", state=state), call(state=state)), result())
    assert "CANARY" not in str(body)
    assert paths(report) == [
        ("messages[1].content[0].reasoning", "dropped"),
        ("messages[1].content[1].state", "dropped"),
    ]


def test_reasoning_that_nothing_follows_is_left_out() -> None:
    body, report = sent(USER, turn(ReasoningPart(state=OWN), TextPart(text="")), USER)
    assert [item["role"] for item in body["input"]] == ["user", "user"]
    assert paths(report) == [("messages[1].reasoning", "dropped")]
