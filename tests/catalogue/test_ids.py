"""ID: what a call is known by, from provider to caller and back."""

from __future__ import annotations

import re

from providers.dialects import DIALECTS
from tests.catalogue.support import (
    CHAT,
    GEMINI,
    RESPONSES,
    called,
    chat,
    context,
    data_of,
    events_of,
    folded,
    read,
    result,
    sent,
    tool,
    typed_sse,
    user,
    written,
)
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_rules import check_chat

SIGNATURE = "c2lnbmF0dXJlIG9mIGEga2lsb2J5dGU" * 40


def test_a_signature_never_travels_in_an_id() -> None:
    """ID-10: it has a field of its own; the id is short and of harmless characters."""
    call = {"functionCall": {"name": "look", "args": {}}, "thoughtSignature": SIGNATURE}
    answer = read({"candidates": [{"content": {"role": "model", "parts": [call]}, "finishReason": "STOP"}]}, GEMINI)
    said = DIALECTS[CHAT].encode_response(answer, context())["choices"][0]["message"]["tool_calls"][0]  # type: ignore[index,call-overload]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", said["id"])  # type: ignore[index,call-overload,arg-type]
    assert SIGNATURE in str(said["extra_content"])  # type: ignore[index,call-overload]


def test_an_id_with_a_signature_in_it_is_cut_for_everyone_else() -> None:
    """ID-10: another gateway's ids; its owner gets back what was smuggled, nobody else sees it; the pair stays one."""
    smuggled = f"call_1__thought__{SIGNATURE}+/=="
    asked = chat(user(), called(smuggled), result(smuggled), tools=[tool()])
    messages, _ = sent(asked, "anthropic")
    completions, _ = sent(asked, "openai")
    contents, _ = sent(asked, "google")
    check_messages(messages)
    check_chat(completions)
    check_generate(contents, "gemini-3-pro-preview", verify_signatures=False)
    assert contents["contents"][1]["parts"][0]["thoughtSignature"] == f"{SIGNATURE}+/=="
    use, answer = messages["messages"][1]["content"][0], messages["messages"][2]["content"][0]
    assert use["id"] == answer["tool_use_id"]
    for body in (messages, completions):
        assert SIGNATURE not in str(body)


RESPONSES_CALL = {"type": "function_call", "id": "fc_9", "call_id": "call_1", "name": "look", "arguments": '{"a":1}'}


def test_a_call_of_responses_is_known_by_its_call_id() -> None:
    """ID-11: the item's own id is none that a result may refer to."""
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": [RESPONSES_CALL]}
    (call,) = read(body, RESPONSES).candidates[0].tool_calls
    assert call.id == "call_1"
    again, _ = sent(chat(user(), called(call.id), result(call.id), tools=[tool()]), "openai", wire=RESPONSES)
    outputs = [item["call_id"] for item in again["input"] if item.get("type") == "function_call_output"]
    assert outputs == ["call_1"]


def test_an_item_of_another_type_with_the_same_call_id_is_kept() -> None:
    """ID-11: items are told apart by type and id."""
    search = {"type": "web_search_call", "id": "call_1", "status": "completed", "action": {"type": "search"}}
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": [search, RESPONSES_CALL]}
    candidate = read(body, RESPONSES).candidates[0]
    assert len(candidate.parts) == 2
    assert [call.id for call in candidate.tool_calls] == ["call_1"]


def test_deltas_of_responses_are_joined_by_their_item() -> None:
    """ID-11: the item's id joins the deltas and is not shown; the caller sees the call's id."""
    opened = {**RESPONSES_CALL, "arguments": "", "status": "in_progress"}
    done = {**RESPONSES_CALL, "status": "completed"}
    whole = {"id": "resp_1", "object": "response", "status": "completed", "output": [done]}
    delta = {"type": "response.function_call_arguments.delta", "item_id": "fc_9", "output_index": 0}
    stream = typed_sse(
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
        {**delta, "delta": '{"a"'},
        {**delta, "delta": ":1}"},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": whole},
    )
    (call,) = folded(stream, RESPONSES).candidates[0].tool_calls
    assert (call.id, call.arguments) == ("call_1", '{"a":1}')
    shown = str(data_of(written(events_of(stream, RESPONSES), CHAT)))
    assert "call_1" in shown
    assert "fc_9" not in shown
