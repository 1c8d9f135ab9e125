"""What OpenAI is sent for requests of other dialects, and what is read from those of its own."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.openai_responses import DIALECT, check_stateless
from providers.dialects.openai_responses.grammar import minted_id
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, ProviderError, ProviderProtocolError, UnsupportedError
from providers.spec.parts import (
    ContentPart,
    MediaPart,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.request import (
    FunctionTool,
    Message,
    OutputFormat,
    ProviderTool,
    Reasoning,
    Request,
    ToolChoice,
)
from providers.spec.values import Form, Json, JsonObject
from tests.dialects.openai_responses_support import CONTEXT, ORIGIN, target
from tests.exact import assert_exact
from tests.fakes.changes import Body, broken_everywhere
from tests.fakes.openai_responses_rules import check_responses

MODEL = "gpt-5.4"
SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = FunctionTool(name="look", schema=SCHEMA)
USER = Message(role="user", parts=(TextPart(text="hi"),))
GEMINI = Origin(dialect="google-generate-content", provider="google", model="g", scope="s")


def call(call_id: str = "call_1", **fields: Any) -> ToolCallPart:
    return ToolCallPart(id=call_id, name="look", arguments="{}", **fields)


def turn(*parts: Part) -> Message:
    return Message(role="assistant", parts=parts)


def result(call_id: str = "call_1", *content: ContentPart, **fields: Any) -> Message:
    part = ToolResultPart(call_id=call_id, content=content or (TextPart(text="18"),), **fields)
    return Message(role="tool", parts=(part,))


def sent(*messages: Message, model: str = MODEL, verify: bool = False, **fields: Any) -> tuple[dict[str, Any], Report]:
    """The body as the strict fake takes it, and what was reported. ``verify``: reasoning must be the fake's own."""
    report = Report()
    request = Request(messages=messages or (USER,), **{"tools": (TOOL,), **fields})
    body = DIALECT.encode_request(request, target(model), report).body
    return check_responses(body, verify=verify), report


def paths(report: Report) -> list[tuple[str, str]]:
    return [(one.path, one.action) for one in report.adjustments]


# ---- of our own accord


def test_nothing_is_stored_and_reasoning_comes_back_sealed() -> None:
    """REASON-14."""
    body, report = sent()
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
    assert report.adjustments == []


def test_models_without_reasoning_are_not_asked_for_it() -> None:
    body, _ = sent(model="gpt-4o")
    assert (body["store"], "include" in body) == (False, False)


def test_what_the_caller_says_about_storing_stands() -> None:
    body, _ = sent(ext={"openai-chat": {"store": True}})
    assert (body["store"], "include" in body) == (True, False)


def test_fields_that_chat_has_under_the_same_name_are_kept_and_others_reported() -> None:
    ext: dict[str, JsonObject] = {
        "openai-chat": {"metadata": {"a": "b"}, "verbosity": "low", "logit_bias": {}, "stream_options": {}},
        "anthropic-messages": {"container": "x"},
    }
    body, report = sent(ext=ext)
    assert (body["metadata"], body["text"]) == ({"a": "b"}, {"verbosity": "low"})
    assert paths(report) == [("container", "dropped"), ("logit_bias", "dropped")]


def test_limits_below_openais_are_raised_to_it() -> None:
    """PARAM-02."""
    body, report = sent(max_output_tokens=5)
    assert body["max_output_tokens"] == 16
    assert paths(report) == [("max_output_tokens", "mapped")]


def test_sampling_is_left_out_where_the_model_has_it_fixed() -> None:
    """PARAM-03."""
    body, report = sent(temperature=0.2, top_p=1)
    assert ("temperature" in body, body["top_p"]) == (False, 1)
    assert paths(report) == [("temperature", "dropped")]
    body, report = sent(model="gpt-4.1", temperature=0.2)
    assert (body["temperature"], report.adjustments) == (0.2, [])


def test_parameters_without_a_word_here_are_reported() -> None:
    _, report = sent(stop=("x",), seed=1, top_k=3)
    assert paths(report) == [("top_k", "dropped"), ("seed", "dropped"), ("stop", "dropped")]


def test_several_answers_are_refused() -> None:
    with pytest.raises(UnsupportedError):
        sent(candidates=2)


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (Reasoning(effort="high", show="summarized"), {"effort": "high", "summary": "auto"}),
        (Reasoning(enabled=False), {"effort": "none"}),
        (Reasoning(enabled=True, budget_tokens=5000), {"effort": "medium"}),
        (Reasoning(enabled=True, budget_tokens=90_000, show="omitted"), {"effort": "xhigh"}),
        (Reasoning(enabled=True, adaptive=True), None),
    ],
)
def test_reasoning_of_other_dialects_becomes_an_effort(reasoning: Reasoning, expected: JsonObject | None) -> None:
    assert sent(reasoning=reasoning)[0].get("reasoning") == expected


def test_output_schemas_get_the_name_openai_wants() -> None:
    body, _ = sent(output=OutputFormat(kind="json_schema", schema=SCHEMA))
    assert body["text"] == {"format": {"type": "json_schema", "name": "output", "schema": SCHEMA}}
    assert sent(output=OutputFormat(kind="json"))[0]["text"] == {"format": {"type": "json_object"}}
    with pytest.raises(InvalidRequestError, match="schema is required"):
        sent(output=OutputFormat(kind="json_schema"))


# ---- tools


def test_tools_that_did_not_ask_for_strict_say_so() -> None:
    """SCHEMA-13."""
    body, report = sent()
    assert body["tools"] == [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
    assert report.adjustments == []


def test_strict_is_kept_where_the_schema_fits_and_given_up_with_a_report_where_not() -> None:
    """SCHEMA-14."""
    closed: JsonObject = {**SCHEMA, "required": ["city"], "additionalProperties": False}
    body, report = sent(tools=(FunctionTool(name="a", schema=closed, strict=True),))
    assert (body["tools"][0]["strict"], report.adjustments) == (True, [])
    nested: JsonObject = {**closed, "properties": {"city": SCHEMA}}
    body, report = sent(tools=(FunctionTool(name="a", schema=nested, strict=True),))
    assert body["tools"][0]["strict"] is False
    assert paths(report) == [("tools[0].strict", "downgraded")]


def test_strict_of_openais_own_chat_is_openais_to_judge() -> None:
    """SCHEMA-13."""
    report = Report()
    tool = FunctionTool(name="a", schema=SCHEMA, strict=True, form=Form(dialect="openai-chat"))
    body = DIALECT.encode_request(Request(messages=(USER,), tools=(tool,)), target(), report).body
    assert isinstance(body["tools"], list)
    assert isinstance(body["tools"][0], dict)
    assert (body["tools"][0]["strict"], report.adjustments) == (True, [])


@pytest.mark.parametrize("schema", [None, {}, True, {"type": "object"}, {"properties": {}}])
def test_tools_without_parameters_get_an_empty_object(schema: Any) -> None:
    """SCHEMA-09."""
    parameters = sent(tools=(FunctionTool(name="a", schema=schema),))[0]["tools"][0]["parameters"]
    assert parameters["type"] == "object"


def test_arrays_without_items_get_permissive_ones() -> None:
    """SCHEMA-10."""
    schema: JsonObject = {"type": "object", "properties": {"x": {"type": "array"}}}
    body, report = sent(tools=(FunctionTool(name="a", schema=schema),))
    assert body["tools"][0]["parameters"]["properties"]["x"] == {"type": "array", "items": {}}
    assert paths(report) == [("tools[0].parameters", "mapped")]


def test_free_text_tools_keep_their_grammar_flat() -> None:
    """SCHEMA-20."""
    inner: JsonObject = {"syntax": "lark", "definition": "start: X"}
    tool = FunctionTool(name="note", kind="custom", grammar={"type": "grammar", "grammar": inner})
    body, _ = sent(tools=(tool,), tool_choice=ToolChoice(mode="required", names=("note",)))
    assert body["tools"] == [{"type": "custom", "name": "note", "format": {"type": "grammar", **inner}}]
    assert body["tool_choice"] == {"type": "custom", "name": "note"}


def test_tools_of_other_providers_are_refused_by_name() -> None:
    """SERVER-04."""
    tool = ProviderTool(dialect="anthropic-messages", type="web_search_20250305", value={})
    with pytest.raises(UnsupportedError, match="web_search_20250305"):
        sent(tools=(tool,))


OTHER = FunctionTool(name="other", schema=SCHEMA)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(mode="auto"), "auto"),
        (ToolChoice(mode="none"), "none"),
        (ToolChoice(mode="required"), "required"),
        (ToolChoice(mode="required", names=("look",)), {"type": "function", "name": "look"}),
        (
            ToolChoice(mode="required", names=("look", "other")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "look"}, {"type": "function", "name": "other"}],
            },
        ),
        (
            ToolChoice(mode="auto", names=("other",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "other"}]},
        ),
        (ToolChoice(parallel=False), None),
    ],
)
def test_every_choice_has_its_word(choice: ToolChoice, expected: Json) -> None:
    """CHOICE-01, CHOICE-09."""
    body, report = sent(tools=(TOOL, OTHER), tool_choice=choice)
    assert body.get("tool_choice") == expected
    assert body.get("parallel_tool_calls") == choice.parallel
    assert report.adjustments == []


def test_choices_without_tools_are_left_out_and_forced_ones_refused() -> None:
    """CHOICE-07, CHOICE-08."""
    body, report = sent(tools=(), tool_choice=ToolChoice(mode="auto", parallel=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)
    assert paths(report) == [("tool_choice", "dropped"), ("parallel_tool_calls", "dropped")]
    with pytest.raises(InvalidRequestError):
        sent(tools=(), tool_choice=ToolChoice(mode="required"))
    with pytest.raises(InvalidRequestError, match="no tool 'x'"):
        sent(tool_choice=ToolChoice(mode="required", names=("x",)))


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
