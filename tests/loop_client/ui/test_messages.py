"""UI messages as `useChat` sends them, read into chat messages and answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from loop_client.ui import Conversation, InvalidUIMessages, LeftOut, read_ui_messages

STEP = {"type": "step-start"}
OURS: dict[str, Any] = {"callProviderMetadata": {"loopClient": {"runId": "run_1", "token": "t1"}}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "u", "role": "user", "parts": list(parts)}


def assistant(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "a", "role": "assistant", "parts": list(parts)}


def tool_part(state: str, call_id: str = "c1", **members: Any) -> dict[str, Any]:
    return {"type": "tool-look_up", "toolCallId": call_id, "state": state, "input": {"q": 1}, **members}


def read(*messages: dict[str, Any], **options: Any) -> Conversation:
    return read_ui_messages(list(messages), **options)


def results(conversation: Conversation) -> list[str]:
    return [message["content"] for message in conversation.messages if message["role"] == "tool"]


def test_a_plain_question_is_a_plain_message() -> None:
    assert read(user(text("Hello"))).messages == ({"role": "user", "content": "Hello"},)


def test_each_step_becomes_a_turn_with_its_results_behind_it() -> None:
    conversation = read(
        user(text("go")),
        assistant(
            STEP,
            {"type": "reasoning", "text": "hm", "state": "done"},
            text("Let me see."),
            tool_part("output-available", "c1", output={"found": [1, 2]}),
            {**tool_part("output-available", "c2", output="plain"), "type": "dynamic-tool", "toolName": "other-tool"},
            STEP,
            {"type": "source-url", "sourceId": "s", "url": "https://example.com"},
            text("Done."),
        ),
        user(text("thanks")),
    )
    function = {"name": "look_up", "arguments": '{"q":1}'}
    other = {"name": "other-tool", "arguments": '{"q":1}'}
    assert conversation.messages[1:] == (
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": function},
                {"id": "c2", "type": "function", "function": other},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"found":[1,2]}'},
        {"role": "tool", "tool_call_id": "c2", "content": "plain"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "thanks"},
    )
    assert conversation.left_out == (
        LeftOut("messages[1].parts[1]", "reasoning"),
        LeftOut("messages[1].parts[6]", "source-url"),
    )


@pytest.mark.parametrize(
    ("part", "result"),
    [
        (tool_part("output-error", errorText="no such row"), "Error: no such row"),
        (
            tool_part("output-denied", approval={"id": "c1", "approved": False, "reason": "too dear"}),
            "Error: the user denied the call: too dear",
        ),
        (tool_part("output-denied", approval={"id": "c1", "approved": False}), "Error: the user denied the call"),
        (tool_part("approval-requested", approval={"id": "c1"}), "Error: the call was not answered"),
        (tool_part("input-available"), "Error: the call was not answered"),
        (tool_part("output-available", preliminary=True, output="half"), "Error: the call was not answered"),
        (
            tool_part("approval-responded", approval={"id": "c1", "approved": False}),
            "Error: the user denied the call",
        ),
    ],
)
def test_every_call_of_the_history_is_answered(part: dict[str, Any], result: str) -> None:
    """HIST-07: whatever state a call was left in, the next request has a result for it."""
    conversation = read(assistant(STEP, part), user(text("and now?")))
    assert results(conversation) == [result]
    assert conversation.answers == ()


def test_an_approval_that_names_no_run_runs_nothing() -> None:
    """Arguments come from the browser here, so a click on its page is no proof of what was approved."""
    part = tool_part("approval-responded", approval={"id": "c1", "approved": True})
    conversation = read(user(text("go")), assistant(STEP, part))
    assert conversation.answers == ()
    assert results(conversation) == ["Error: the approval could not be verified, so the call was not run"]


def test_a_call_that_was_still_being_written_was_never_made() -> None:
    conversation = read(user(text("go")), assistant(STEP, text("I will"), tool_part("input-streaming")))
    assert conversation.messages[-1] == {"role": "assistant", "content": "I will"}


def test_the_last_step_brings_answers_for_the_run_its_calls_name() -> None:
    answered_before = tool_part("output-available", "c0", output=1, **OURS)
    conversation = read(
        user(text("go")),
        assistant(
            STEP,
            answered_before,
            STEP,
            tool_part("output-available", "c1", output={"ok": True}, **OURS),
            tool_part("output-error", "c2", errorText="camera is off", **OURS),
            tool_part("approval-responded", "c3", approval={"id": "c3", "approved": True}, **OURS),
            tool_part("approval-responded", "c4", approval={"id": "c4", "approved": False, "reason": "no"}, **OURS),
            tool_part("approval-requested", "c5", approval={"id": "c5"}, **OURS),
            tool_part("output-available", "c6", output="of a tool that ran on the server"),
        ),
    )
    assert [(answer.call_id, answer.outcome, answer.value, answer.text) for answer in conversation.answers] == [
        ("c1", "value", {"ok": True}, None),
        ("c2", "error", None, "camera is off"),
        ("c3", "approved", None, None),
        ("c4", "denied", None, "no"),
    ]
    assert {(answer.run_id, answer.token, answer.tool_name) for answer in conversation.answers} == {
        ("run_1", "t1", "look_up")
    }


def test_answers_count_only_where_the_conversation_ends() -> None:
    part = tool_part("output-available", output="late", **OURS)
    assert read(assistant(STEP, part), user(text("never mind"))).answers == ()
    assert read(user(text("go")), assistant(STEP, part, STEP)).answers == ()


@pytest.mark.parametrize(
    ("kept", "seen_by_javascript"),
    [
        ('{"id": 12345678901234567890}', {"id": 12345678901234567000}),
        ('{"a": 1.0, "2": 1e400}', {"2": None, "a": 1}),
        ('{"a":  1.50}', {"a": 1.5}),
    ],
)
def test_arguments_come_back_as_the_model_wrote_them(kept: str, seen_by_javascript: Any) -> None:
    """ARGS-10, ARGS-12: the browser rounds and reorders; the text that went along does not."""
    metadata = {"callProviderMetadata": {"loopClient": {"text": kept}}}
    part = tool_part("output-available", output=1) | {"input": seen_by_javascript} | metadata
    (call,) = read(assistant(STEP, part), user(text("go"))).messages[0]["tool_calls"]
    expected = kept if None not in seen_by_javascript.values() else '{"2":null,"a":1}'
    assert call["function"]["arguments"] == expected


def test_a_kept_text_that_says_something_else_is_not_used() -> None:
    part = tool_part("output-available", output={"n": 2}, resultProviderMetadata={"loopClient": {"text": '{"n": 1.0}'}})
    assert results(read(assistant(STEP, part), user(text("go")))) == ['{"n":2}']


def test_arguments_that_are_no_json_go_back_as_they_were_written() -> None:
    """ARGS-08: they are not turned into an empty object."""
    part = tool_part("output-error", errorText="not JSON") | {"input": '{"q": '}
    (call,) = read(assistant(STEP, part), user(text("go"))).messages[0]["tool_calls"]
    assert call["function"]["arguments"] == '{"q": '


def data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("media_type", "url", "expected"),
    [
        (
            "image/png",
            "https://example.com/a.png",
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ),
        (
            "image",
            data_url("image/png", b"x"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
        ),
        (
            "audio/mpeg",
            data_url("audio/mpeg", b"x"),
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}},
        ),
        ("text/markdown", data_url("text/markdown", b"# hi"), {"type": "text", "text": "a.bin:\n\n# hi"}),
        ("text/plain", "data:text/plain,a%20b", {"type": "text", "text": "a.bin:\n\na b"}),
        (
            "application/pdf",
            data_url("application/pdf", b"%PDF"),
            {"type": "file", "file": {"filename": "a.bin", "file_data": data_url("application/pdf", b"%PDF")}},
        ),
    ],
)
def test_files_go_as_the_chat_wire_has_them(media_type: str, url: str, expected: dict[str, Any]) -> None:
    part = {"type": "file", "mediaType": media_type, "url": url, "filename": "a.bin"}
    (message,) = read(user(part, text("what is this?"))).messages
    assert message["content"] == [expected, {"type": "text", "text": "what is this?"}]


def test_a_data_part_is_what_the_service_makes_of_it() -> None:
    part = {"type": "data-place", "data": {"city": "Paris"}}
    assert read(user(text("here?"), part)).left_out == (LeftOut("messages[0].parts[1]", "data-place"),)

    def data_part(name: str, data: Any) -> dict[str, Any]:
        return {"type": "text", "text": f"{name}: {data['city']}"}

    (message,) = read(user(part, text("here?")), data_part=data_part).messages
    assert message["content"] == [{"type": "text", "text": "place: Paris"}, {"type": "text", "text": "here?"}]


def test_system_messages_are_taken_only_where_they_are_wanted() -> None:
    message = {"id": "s", "role": "system", "parts": [text("Obey.")]}
    with pytest.raises(InvalidUIMessages, match=r"messages\[0\]\.role: system messages are not accepted"):
        read(message)
    assert read(message, allow_system=True).messages == ({"role": "system", "content": "Obey."},)


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        ({}, "messages"),
        ([], "messages"),
        (["hi"], "messages[0]"),
        ([{"role": "user"}], "messages[0].parts"),
        ([{"role": "tool", "parts": [text("x")]}], "messages[0].role"),
        ([user()], "messages[0].parts"),
        ([user({"text": "x"})], "messages[0].parts[0].type"),
        ([user({"type": "text", "text": 1})], "messages[0].parts[0].text"),
        ([assistant(tool_part("running"))], "messages[0].parts[0].state"),
        ([assistant(tool_part("output-error"))], "messages[0].parts[0].errorText"),
        ([assistant({"type": "tool-", "state": "input-available"})], "messages[0].parts[0].type"),
        ([assistant(tool_part("approval-responded"))], "messages[0].parts[0].approval.approved"),
        (
            [assistant(tool_part("input-available", callProviderMetadata={"loopClient": 1}))],
            "messages[0].parts[0].callProviderMetadata.loopClient",
        ),
        ([assistant(tool_part("input-available"), tool_part("input-available"))], "messages[0].parts[1].toolCallId"),
        ([user({"type": "file", "mediaType": "image/png", "url": "file:///etc/passwd"})], "messages[0].parts[0].url"),
        ([user({"type": "file", "mediaType": "application/pdf", "url": "https://x/a"})], "messages[0].parts[0].url"),
        (
            [user({"type": "file", "mediaType": "audio/wav", "url": "data:audio/wav;base64,?"})],
            "messages[0].parts[0].url",
        ),
    ],
)
def test_what_the_protocol_does_not_allow_is_refused_with_its_place(messages: Any, path: str) -> None:
    with pytest.raises(InvalidUIMessages) as caught:
        read_ui_messages(messages)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
