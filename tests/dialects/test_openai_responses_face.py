"""What is read from requests of this dialect, and what of them is refused."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.openai_responses import DIALECT, check_stateless
from providers.dialects.openai_responses.grammar import minted_id
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, ProviderError, ProviderProtocolError, UnsupportedError
from providers.spec.parts import (
    ToolCallPart,
)
from providers.spec.request import (
    Request,
)
from providers.spec.values import Json, JsonObject
from tests.dialects.openai_responses_building import MODEL, SCHEMA, paths
from tests.dialects.openai_responses_support import CONTEXT, ORIGIN, target
from tests.exact import assert_exact
from tests.fakes.changes import Body, broken_everywhere


def native(*items: JsonObject, **fields: Json) -> Request:
    return DIALECT.decode_request({"model": MODEL, "input": list(items), **fields})


def reencoded(request: Request) -> tuple[Any, Report]:
    report = Report()
    return DIALECT.encode_request(request, target(MODEL), report).body["input"], report


CALL: JsonObject = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "look", "arguments": "{}"}
OUTPUT: JsonObject = {"type": "function_call_output", "call_id": "c", "output": "18"}


def test_reasoning_by_id_alone_goes_back_only_where_it_is_stored() -> None:
    """REASON-15: and what was bound to it by its id goes on without one (REASON-14)."""
    thought: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": []}
    items, report = reencoded(native(thought, CALL, OUTPUT))
    assert (items, report.adjustments) == ([thought, CALL, OUTPUT], [])
    items, report = reencoded(native(thought, CALL, OUTPUT, store=False))
    assert items == [{key: value for key, value in CALL.items() if key != "id"}, OUTPUT]
    assert paths(report) == [("messages[0].content[0].reasoning", "dropped")]


def test_items_that_are_not_modelled_stay_in_their_place() -> None:
    """SCHEMA-21, SERVER-03."""
    search: JsonObject = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}}
    patch: JsonObject = {"type": "apply_patch_call", "call_id": "p", "operation": {"type": "delete_file"}}
    applied: JsonObject = {"type": "apply_patch_call_output", "call_id": "p", "status": "completed"}
    request = native(search, CALL, OUTPUT, patch, applied)
    assert [message.role for message in request.messages] == ["assistant", "tool", "assistant", "user"]
    assert [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCallPart)] == [
        "look"
    ]
    assert reencoded(request)[0] == [search, CALL, OUTPUT, patch, applied]


def test_what_the_model_said_in_a_row_is_one_message() -> None:
    """HIST-20."""
    said: JsonObject = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "output_text", "text": "a", "annotations": []},
            {"type": "refusal", "refusal": "b"},
            {"type": "new_kind", "x": 1},
        ],
    }
    plain: JsonObject = {"role": "assistant", "content": "c"}
    request = native({"role": "user", "content": "hi"}, said, plain, CALL, OUTPUT)
    assert [(message.role, len(message.parts)) for message in request.messages] == [
        ("user", 1),
        ("assistant", 5),
        ("tool", 1),
    ]
    assert reencoded(request)[0] == [{"role": "user", "content": "hi"}, said, plain, CALL, OUTPUT]


def test_ids_of_our_own_making_go_to_no_provider() -> None:
    """REASON-15."""
    item = {**CALL, "id": minted_id("fc", "resp", 0)}
    assert reencoded(native(item, OUTPUT))[0] == [{key: value for key, value in CALL.items() if key != "id"}, OUTPUT]


def test_a_call_of_nothing_reads_as_an_empty_object_and_goes_back_as_it_was() -> None:
    """ARGS-01."""
    empty = {**CALL, "arguments": ""}
    request = native(empty, OUTPUT)
    assert request.messages[0].parts[0].arguments == "{}"  # type: ignore[union-attr]
    assert reencoded(request)[0] == [empty, OUTPUT]


# ---- the face


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
    ],
)
def test_what_refers_to_something_stored_is_refused_by_name(field: str, value: Json) -> None:
    """ID-12."""
    with pytest.raises(InvalidRequestError, match=field) as caught:
        check_stateless({"model": "m", "input": "x", field: value})
    assert caught.value.path == field
    assert DIALECT.decode_request({"model": "m", "input": "x", field: value}).ext["openai-responses"] == {field: value}


def test_item_references_are_refused_by_path() -> None:
    """ID-12."""
    items: list[Json] = [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "rs_1"}]
    with pytest.raises(InvalidRequestError) as caught:
        check_stateless({"input": items})
    assert caught.value.path == "input[1]"


def test_what_needs_nothing_stored_is_taken() -> None:
    check_stateless({"model": "m", "input": "x", "previous_response_id": None, "background": False, "store": True})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "critic", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "assistant"}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": {}}]}, "input[0].output"),
        ({"input": [{"type": "reasoning", "encrypted_content": 1}]}, "input[0].encrypted_content"),
        ({"input": "x", "tools": {}}, "tools"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "x", "tools": [{"type": "function", "name": "f", "parameters": 1}]}, "tools[0].parameters"),
        ({"input": "x", "tool_choice": "sometimes"}, "tool_choice"),
        ({"input": "x", "tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"input": "x", "tool_choice": {"type": "allowed_tools", "mode": "x"}}, "tool_choice.mode"),
        ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"input": "x", "max_output_tokens": "9"}, "max_output_tokens"),
        ({"input": "x", "reasoning": {"effort": 1}}, "reasoning.effort"),
        ({"input": "x", "instructions": []}, "instructions"),
    ],
)
def test_wrong_types_are_refused_with_their_path(body: JsonObject, path: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        DIALECT.decode_request(body)
    assert caught.value.path == path


def test_what_says_nothing_is_no_loss_for_another_dialect() -> None:
    """Stock clients send ``null`` and what is given anyway; a policy that refuses losses must not refuse them."""
    text: JsonObject = {"type": "output_text", "text": "a", "annotations": [], "logprobs": []}
    said: JsonObject = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    thought: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "status": None}
    body: JsonObject = {
        "model": MODEL,
        "input": [{"role": "user", "content": "hi"}, {**thought, "encrypted_content": "g"}, said, CALL, OUTPUT],
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "truncation": "disabled",
        "background": False,
        "metadata": None,
        "previous_response_id": None,
        "tools": [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": None, "defer_loading": None}],
    }
    request = DIALECT.decode_request(body)
    carried = [request.ext, *(tool.ext for tool in request.tools or ())]
    carried += [part.ext for message in request.messages for part in (message, *message.parts)]
    assert [ext for ext in carried if ext] == []
    report = Report()
    assert_exact(DIALECT.encode_request(request, target(MODEL), report).body, body)
    assert report.adjustments == []


def test_what_says_something_is_carried_by_its_name() -> None:
    body: JsonObject = {"model": MODEL, "input": "x", "store": True, "include": [], "truncation": "auto"}
    assert DIALECT.decode_request(body).ext == {
        "openai-responses": {"store": True, "include": [], "truncation": "auto"}
    }


WHOLE: Body = {
    "model": MODEL,
    "instructions": "be brief",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "u"}]},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "s"}],
            "encrypted_content": "g",
        },
        {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "t"}]},
        CALL,
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_data": "d"}]},
    ],
    "tools": [
        {"type": "function", "name": "look", "parameters": SCHEMA},
        {"type": "custom", "name": "n", "format": {}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}, "verbosity": "low"},
    "stream": True,
}


def test_any_broken_request_is_read_or_refused_with_its_path() -> None:
    """Malformed input gives our error and no other exception; what is read is written back as it was."""
    read = refused = pathless = 0
    for body in broken_everywhere(WHOLE):
        try:
            request = DIALECT.decode_request(body)
        except InvalidRequestError as error:
            refused += 1
            pathless += error.path is None
            continue
        read += 1
        try:
            out = DIALECT.encode_request(request, target(request.model), Report())
        except (InvalidRequestError, UnsupportedError):
            continue
        assert_exact(out.body, body)
    assert pathless == 0
    assert read > 100
    assert refused > 100


def test_any_broken_answer_is_read_or_is_the_providers_fault() -> None:
    """STREAM-16: never another exception than ours."""
    answer: Body = {"id": "r", "status": "completed", "output": WHOLE["input"][1:4], "usage": {"input_tokens": 1}}
    read = refused = 0
    for body in broken_everywhere(answer):
        try:
            response = DIALECT.decode_response(body, ORIGIN)
        except (ProviderError, ProviderProtocolError):
            refused += 1
            continue
        read += 1
        assert DIALECT.encode_response(response, CONTEXT)["output"] is not None
    assert read > 50
    assert refused > 20
