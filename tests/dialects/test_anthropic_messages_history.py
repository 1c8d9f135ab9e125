"""Any history as turns that Anthropic takes: ids, order, empty texts, pictures, errors, opaque state."""

from __future__ import annotations

import base64
import json

import pytest

from providers.dialects.anthropic_messages import DIALECT
from providers.dialects.openai_chat import DIALECT as CHAT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.parts import MediaPart, OpaquePart, RefusalPart, TextPart, ToolResultPart
from providers.spec.request import Message, Request
from providers.spec.values import Json, JsonObject
from providers.upstreams.catalog import profile
from providers.wire.json import dumps
from tests.dialects.anthropic_messages_building import (
    ADAPTIVE,
    MODEL,
    USER,
    call,
    kinds,
    paths,
    result,
    said,
    sent,
    turn,
    turns,
)
from tests.dialects.anthropic_messages_support import NAME, target
from tests.fakes.anthropic_rules import check_messages

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# ---- turns


def test_leading_system_messages_become_the_system_field() -> None:
    """HIST-23."""
    body, report = sent(said("a", "system"), said("b", "developer"), USER)
    assert body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert report.adjustments == []


def test_a_system_message_in_the_middle_is_marked_text_of_the_users() -> None:
    """HIST-23: never deleted, never moved."""
    body, report = sent(USER, turn(TextPart(text="ok")), said("now in French", "system"), said("go"))
    assert body["messages"][-1] == {
        "role": "user",
        "content": [
            {"type": "text", "text": "<system>\nnow in French\n</system>"},
            {"type": "text", "text": "go"},
        ],
    }
    assert paths(report) == [("messages[2]", "mapped")]


def test_neighbours_of_one_role_become_one_turn() -> None:
    """HIST-04."""
    assert kinds(said("a"), said("b"), turn(TextPart(text="c")), turn(TextPart(text="d")), USER) == [
        ("user", ["text", "text"]),
        ("assistant", ["text", "text"]),
        ("user", ["text"]),
    ]


def test_results_come_first_and_in_the_order_of_their_calls() -> None:
    """HIST-04: whatever order the client sent them in."""
    history = (USER, turn(call("a"), call("b"), call("c")), result("c"), said("and?"), result("a"), result("b"))
    _, _, (_, last) = turns(*history)
    assert [block.get("tool_use_id") for block in last] == ["a", "b", "c", None]


def test_the_first_turn_is_the_users() -> None:
    body, report = sent(turn(TextPart(text="hello")), USER)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert paths(report) == [("messages", "repaired")]


def test_an_answer_that_has_begun_is_continued_where_the_model_can() -> None:
    body, report = sent(USER, said("once upon \n", "assistant"))
    assert body["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "once upon"}]}
    assert paths(report) == [("messages", "repaired")]
    body, report = sent(USER, said("once upon", "assistant"), model=ADAPTIVE)
    assert body["messages"][-1] == {"role": "user", "content": [{"type": "text", "text": "(Continue.)"}]}
    assert paths(report) == [("messages", "repaired")]


def test_empty_texts_and_the_turns_they_leave_empty_are_left_out() -> None:
    """HIST-15, HIST-16: what is more than nothing is reported."""
    history = (USER, turn(TextPart(text=""), call()), result(), turn(TextPart(text=" \n")), said(""), said("go"))
    body, report = sent(*history)
    assert [(each["role"], len(each["content"])) for each in body["messages"]] == [
        *(("user", 1), ("assistant", 1), ("user", 2))
    ]
    assert paths(report) == [("messages[3].content[0]", "dropped")]


def test_an_authors_name_is_reported() -> None:
    message = Message(role="user", parts=(TextPart(text="hi"),), name="Ann")
    assert paths(sent(message)[1]) == [("messages[0].name", "dropped")]


def test_a_refusal_is_said_again_as_text() -> None:
    assert turns(USER, turn(RefusalPart(text="I will not.")), USER)[1][1] == [{"type": "text", "text": "I will not."}]


# ---- ids


@pytest.mark.parametrize("original", ["functions.Bash:0", "call|1", "x" * 65, "ü", "a b", "call_1__thought__AbC+/="])
def test_an_id_that_anthropic_refuses_is_rewritten_alike_in_call_and_result(original: str) -> None:
    """ID-01, ID-03, ID-10."""
    body, report = sent(USER, turn(call(original)), result(original))
    written = body["messages"][1]["content"][0]["id"]
    assert body["messages"][2]["content"][0]["tool_use_id"] == written != original
    assert ("messages[1].content[0].id", "mapped") in paths(report)
    assert body == sent(USER, turn(call(original)), result(original))[0]


def test_a_legal_id_stays() -> None:
    body, report = sent(USER, turn(call("toolu_01-x")), result("toolu_01-x"))
    assert body["messages"][1]["content"][0]["id"] == "toolu_01-x"
    assert report.adjustments == []


def test_ids_that_differ_stay_different() -> None:
    """ID-02."""
    ids = ["a.b", "a:b", "a_b", "a b", "x" * 70, "x" * 71]
    body, _ = sent(USER, turn(*map(call, ids)), *map(result, ids))
    written = [block["id"] for block in body["messages"][1]["content"]]
    assert len(set(written)) == len(ids)
    assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == written


def test_ids_that_repeat_from_turn_to_turn_are_kept_apart() -> None:
    """ID-07: each result belongs to the nearest call before it."""
    history = (USER, turn(call("look:0")), result("look:0"), turn(call("look:0")), result("look:0", TextPart(text="2")))
    body, _ = sent(*history)
    first, second = body["messages"][1]["content"][0]["id"], body["messages"][3]["content"][0]["id"]
    assert first != second
    assert [body["messages"][index]["content"][0]["tool_use_id"] for index in (2, 4)] == [first, second]


def test_calls_without_ids_are_joined_to_their_results_by_name_and_order() -> None:
    """ID-06, ID-08."""
    calls = turn(call(""), call("", name="other"), call(""))
    answers = tuple(
        Message(role="tool", parts=(ToolResultPart(call_id="", name=name, content=(TextPart(text=text),)),))
        for name, text in (("other", "o"), ("look", "1"), ("look", "2"))
    )
    body, _ = sent(USER, calls, *answers)
    ids = [block["id"] for block in body["messages"][1]["content"]]
    assert len(set(ids)) == 3
    assert [(block["tool_use_id"], block["content"][0]["text"]) for block in body["messages"][2]["content"]] == [
        *((ids[0], "1"), (ids[1], "o"), (ids[2], "2"))
    ]


# ---- orphans


@pytest.mark.parametrize(
    ("history", "path", "named"),
    [
        ((USER, turn(call("c1")), USER, turn(TextPart(text="x"))), "messages[1].content[0]", "c1"),
        ((USER, turn(call("c1"), call("c2")), result("c1")), "messages[1].content[1]", "c2"),
        ((USER, turn(call("c1"))), "messages[1].content[0]", "c1"),
        ((USER, result("c9")), "messages[1].content[0]", "c9"),
        ((USER, turn(call("c1")), result("c1"), result("c1")), "messages[3].content[0]", "c1"),
        ((USER, turn(call("c1")), result("")), "messages[2].content[0]", "''"),
    ],
)
def test_orphans_are_refused_by_name(history: tuple[Message, ...], path: str, named: str) -> None:
    """HIST-07, ID-13."""
    with pytest.raises(InvalidRequestError, match=named) as caught:
        sent(*history)
    assert caught.value.path == path


def test_orphans_of_its_own_dialect_are_its_providers_to_judge() -> None:
    body: JsonObject = {
        "model": MODEL,
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "b", "content": "x"}]},
        ],
    }
    assert DIALECT.encode_request(DIALECT.decode_request(body), target(MODEL), Report()).body == body


# ---- calls and results


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", b"{}"),
        ("  ", b"{}"),
        ('{"b": 1.50, "a": 12345678901234567890}', b'{"b":1.50,"a":12345678901234567890}'),
        ('{"a": ', b'{"_raw":"{\\"a\\": "}'),
        ("[1]", b'{"_raw":"[1]"}'),
        (" null", b"{}"),
        ('"{}"', b'{"_raw":"\\"{}\\""}'),
    ],
)
def test_arguments_are_an_object_and_lose_nothing(arguments: str, expected: bytes) -> None:
    """ARGS-05, ARGS-08, ARGS-10: what is no object is never made ``{}`` of, but ``null``."""
    request = Request(messages=(USER, turn(call(arguments=arguments)), result()))
    body = DIALECT.encode_request(request, target(MODEL), Report()).body
    assert b'"input":' + expected + b"}" in dumps(body)
    check_messages(json.loads(dumps(body)))


def test_arguments_that_were_wrapped_are_reported() -> None:
    """ARGS-09."""
    assert paths(sent(USER, turn(call(arguments='{"a": ')), result())[1]) == [
        ("messages[1].content[0].arguments", "mapped")
    ]


@pytest.mark.parametrize(
    ("outcome", "flag", "reported"),
    [("ok", None, []), ("error", True, []), ("denied", True, [("messages[2].content[0].outcome", "downgraded")])],
)
def test_an_error_is_flagged(outcome: str, flag: bool | None, reported: list[tuple[str, str]]) -> None:
    """HIST-22."""
    body, report = sent(USER, turn(call()), result(outcome=outcome))
    assert body["messages"][2]["content"][0].get("is_error") is flag
    assert paths(report) == reported


@pytest.mark.parametrize("content", [(), (TextPart(text=""),), (TextPart(text="  "),)])
def test_a_result_without_text_is_still_one(content: tuple[TextPart, ...]) -> None:
    """HIST-08, HIST-15."""
    part = ToolResultPart(call_id="call_1", content=content)
    body, _ = sent(USER, turn(call()), Message(role="tool", parts=(part,)))
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "call_1"}]


def test_a_result_of_several_parts_keeps_them_all() -> None:
    """HIST-11, HIST-14: a picture stays a picture inside the result."""
    picture = MediaPart(kind="image", media_type="image/png", data=PNG)
    body, report = sent(USER, turn(call()), result("call_1", TextPart(text="a"), picture, TextPart(text="b")))
    assert body["messages"][2]["content"][0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "text", "text": "b"},
    ]
    assert report.adjustments == []


def test_tools_that_another_provider_ran_are_dropped_with_a_report() -> None:
    """SERVER-03."""
    ran = call(name="web_search", executed_by="provider")
    found = ToolResultPart(call_id="call_1", name="web_search", executed_by="provider")
    body, report = sent(USER, turn(ran, found, TextPart(text="Found.")), USER)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "Found."}]
    assert paths(report) == [("messages[1].content[0]", "dropped"), ("messages[1].content[1]", "dropped")]


def test_what_only_another_dialect_understands_is_dropped_with_a_report() -> None:
    """SCHEMA-21."""
    odd = OpaquePart(dialect="openai-responses", type="shell_call", value={})
    assert paths(sent(USER, turn(odd, TextPart(text="x")), USER)[1]) == [("messages[1].content[0]", "dropped")]


# ---- media


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (MediaPart(kind="image", data=PNG), {"type": "base64", "media_type": "image/png", "data": PNG}),
        (MediaPart(kind="image", url="https://host/a.png"), {"type": "url", "url": "https://host/a.png"}),
        (
            MediaPart(kind="document", media_type="application/pdf", data="JVBERi0="),
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        ),
        (
            MediaPart(kind="document", media_type="text/csv", data=base64.b64encode(b"a;b").decode()),
            {"type": "text", "media_type": "text/plain", "data": "a;b"},
        ),
        (MediaPart(kind="document", text="plain"), {"type": "text", "media_type": "text/plain", "data": "plain"}),
    ],
)
def test_media_get_anthropics_words(part: MediaPart, source: JsonObject) -> None:
    body, report = sent(Message(role="user", parts=(part,)))
    assert body["messages"][0]["content"] == [{"type": part.kind, "source": source}]
    assert report.adjustments == []


@pytest.mark.parametrize(
    "part",
    [
        MediaPart(kind="audio", media_type="audio/wav", data="UklGRg=="),
        MediaPart(kind="video", url="https://host/a.mp4"),
        MediaPart(kind="image", file_id="file_1"),
        MediaPart(kind="image", url="gs://bucket/a.png"),
        MediaPart(kind="image", data="AAAA"),
        MediaPart(kind="document", media_type="text/plain", data="////"),
    ],
)
def test_media_without_words_here_are_refused(part: MediaPart) -> None:
    """HIST-14: never left out in silence."""
    for history in ((Message(role="user", parts=(part,)),), (USER, turn(call()), result("call_1", part))):
        with pytest.raises(UnsupportedError) as caught:
            sent(*history)
        assert caught.value.path


# ---- a whole conversation of another dialect


def test_a_chat_history_with_everything_in_it_is_legal() -> None:
    """HIST-17, HIST-19, HIST-23."""
    calls: list[Json] = [
        {"id": f"functions.look:{n}", "type": "function", "function": {"name": "look", "arguments": text}}
        for n, text in enumerate(["", '{"a": 1'])
    ]
    picture: JsonObject = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    history: list[Json] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look."}, picture]},
        {"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "functions.look:1", "content": ""},
        {"role": "tool", "tool_call_id": "functions.look:0", "content": [{"type": "text", "text": "seen"}]},
        {"role": "system", "content": "In French."},
        {"role": "assistant", "content": "Vu."},
        {"role": "user", "content": "Again."},
    ]
    request = CHAT.decode_request({"model": "x", "messages": history})
    body = DIALECT.encode_request(request, target(MODEL, profile("anthropic")), Report()).body
    checked = check_messages(json.loads(dumps(body)))
    assert [message["role"] for message in checked["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["type"] for block in checked["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    assert body["system"] == [{"type": "text", "text": "Be brief."}]
    assert NAME not in str(body)
