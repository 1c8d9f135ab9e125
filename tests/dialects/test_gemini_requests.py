"""What a request of any dialect becomes for Gemini: its path, its spelling, media and turns."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.gemini import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.parts import MediaPart, OpaquePart, ReasoningPart, ToolCallPart, ToolResultPart
from providers.spec.request import FunctionTool, Request
from providers.wire.json import dumps_text
from tests.dialects.gemini_history import ASK, PNG, call, encoded, message, result, said, signature
from tests.dialects.gemini_support import MODEL, target

# ---- the path


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-x", "/v1beta/models/gemini-x:generateContent"),
        ("models/gemini-x", "/v1beta/models/gemini-x:generateContent"),
        ("tunedModels/mine-1", "/v1beta/tunedModels/mine-1:generateContent"),
        ("../a:b?c#d", "/v1beta/models/..%2Fa%3Ab%3Fc%23d:generateContent"),
    ],
)
def test_the_model_stands_in_the_path_and_cannot_leave_it(model: str, path: str) -> None:
    assert DIALECT.encode_request(Request(messages=(ASK,)), target(model), Report()).path == path


def test_a_stream_is_asked_for_as_events() -> None:
    """SCHEMA-19: the body is the same for both."""
    plain = DIALECT.encode_request(Request(messages=(ASK,)), target(), Report())
    streamed = DIALECT.encode_request(Request(messages=(ASK,), stream=True), target(), Report())
    assert streamed.path == f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    assert streamed.body == plain.body


# ---- spelling


def test_snake_case_is_read_and_written_back() -> None:
    body: Any = {
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {}}, "thought_signature": "YQ=="}]},
            {"parts": [{"function_response": {"name": "f", "response": {"result": 1.0}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": "12", "top_k": 40.0, "thinking_config": {"thinking_level": "low"}},
        "safety_settings": [{"category": "c", "threshold": "t"}],
    }
    request = DIALECT.decode_request(body)
    assert (request.max_output_tokens, request.top_k, request.tool_choice and request.tool_choice.names) == (
        12,
        40,
        ("f",),
    )
    assert request.reasoning is not None
    assert request.reasoning.effort == "low"
    assert isinstance(request.messages[2].parts[0], ToolCallPart)
    assert request.messages[2].parts[0].state is not None
    assert request.messages[3].role == "tool"
    report = Report()
    out = DIALECT.encode_request(request, target(), report).body
    assert dumps_text(out) == dumps_text(body)
    assert report.adjustments == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "contents"),
        ({"contents": {}}, "contents"),
        ({"contents": [{"role": "user", "parts": {}}]}, "contents[0].parts"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"function_call": {"args": {}}}]}]}, "contents[0].parts[0].function_call.name"),
        ({"contents": [], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"contents": [], "generationConfig": {"topK": "x"}}, "generationConfig.topK"),
        (
            {"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "X"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(body: Any, path: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        DIALECT.decode_request(body)
    assert caught.value.path == path


# ---- media


def test_an_image_of_a_result_stands_in_the_response_from_gemini_3_on() -> None:
    """HIST-14."""
    image = MediaPart(kind="image", data=PNG)
    body, reported = encoded(ASK, message("assistant", call(state=signature())), message("tool", result("c1", image)))
    response = body["contents"][2]["parts"][0]["functionResponse"]
    assert response["parts"] == [{"inlineData": {"mimeType": "image/png", "data": PNG}}]
    assert response["response"] == {"output": ""}
    assert reported == []


def test_an_image_of_a_result_follows_it_on_older_models() -> None:
    """HIST-03, HIST-14: beside a response it would break the count."""
    image = MediaPart(kind="image", data=PNG)
    history = (ASK, message("assistant", call()), message("tool", result("c1", said("see"), image)))
    body, reported = encoded(*history, model="gemini-2.5-flash")
    assert [list(part) for part in body["contents"][2]["parts"]] == [["functionResponse"]]
    assert body["contents"][3]["parts"] == [
        {"text": "Media of the result of call c1:"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
    ]
    assert reported == [("messages[2].content[0].content", "mapped")]


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            MediaPart(kind="image", url="https://x.example/a.PNG?b=1"),
            {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a.PNG?b=1"}},
        ),
        (
            MediaPart(kind="document", data="JVBERi0="),
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
        ),
        (MediaPart(kind="document", text="hé"), {"inlineData": {"mimeType": "text/plain", "data": "aMOp"}}),
        (
            MediaPart(kind="audio", media_type="audio/wav", data="AA=="),
            {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}},
        ),
    ],
)
def test_media_go_by_bytes_or_address(part: MediaPart, sent: Any) -> None:
    body, reported = encoded(message("user", part))
    assert body["contents"][0]["parts"] == [sent]
    assert reported == []


@pytest.mark.parametrize(
    "part",
    [
        MediaPart(kind="image", file_id="file-1"),
        MediaPart(kind="image", url="gs://b/a"),
        MediaPart(kind="audio", data="AA=="),
    ],
)
def test_media_without_words_here_are_refused_by_path(part: MediaPart) -> None:
    with pytest.raises(UnsupportedError) as caught:
        encoded(message("user", said("x"), part))
    assert caught.value.path == "messages[0].content[1]"


# ---- turns


def test_system_messages_lead_and_later_ones_are_marked() -> None:
    """HIST-23."""
    body, reported = encoded(
        message("system", said("a")), message("developer", said("b")), ASK, message("system", said("c"))
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "go"}, {"text": "<system>\nc\n</system>"}]}]
    assert reported == [("messages[3]", "mapped")]


def test_empty_turns_go_and_neighbours_of_one_role_are_one() -> None:
    """HIST-02, HIST-15, HIST-16."""
    body, reported = encoded(
        message("assistant", said("hello")),
        message("user", said("a")),
        message("assistant", said("")),
        message("user", said("b")),
    )
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "(The conversation begins.)"}]},
        {"role": "model", "parts": [{"text": "hello"}]},
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
    ]
    assert reported == [("messages", "repaired")]


def test_thoughts_of_others_are_left_out_and_never_said_aloud() -> None:
    """REASON-13."""
    body, reported = encoded(
        ASK, message("assistant", ReasoningPart(text="psst"), said("ok")), message("user", said("x"))
    )
    assert "psst" not in dumps_text(body)
    assert reported == [("messages[1].content[0].reasoning", "dropped")]


def test_what_another_dialect_carries_is_reported_by_name() -> None:
    """SERVER-03."""
    foreign = OpaquePart(dialect="anthropic-messages", type="web_search_tool_result", value={})
    ran = ToolCallPart(id="s", name="search", arguments="{}", executed_by="provider")
    _, reported = encoded(
        ASK,
        message("assistant", foreign, ran, said("x")),
        ext={"openai-chat": {"logit_bias": {"1": 2}}},
        tools=(FunctionTool(name="f", ext={"anthropic-messages": {"cache_control": {}}}),),
    )
    assert reported == [
        ("logit_bias", "dropped"),
        ("messages[1].content[0]", "dropped"),
        ("messages[1].content[1]", "dropped"),
        ("tools[0].cache_control", "dropped"),
    ]


def test_nulls_are_spelling_and_no_fields_to_be_lost() -> None:
    body: Any = {
        "contents": [
            {"role": "user", "parts": [{"text": "x", "functionCall": None, "videoMetadata": None}], "note": None}
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": None}], "codeExecution": None}],
        "generationConfig": {"temperature": None, "responseSchema": None, "speechConfig": None},
        "safetySettings": None,
    }
    request = DIALECT.decode_request(body)
    assert [node.ext for node in (request, request.messages[0], request.messages[0].parts[0])] == [{}, {}, {}]
    assert dumps_text(DIALECT.encode_request(request, target(), Report()).body) == dumps_text(body)


def test_a_result_without_an_id_has_its_call_s_for_others_and_none_for_google() -> None:
    """HIST-09, ID-13: Google pairs by name and order, and its clients leave ids out."""
    calls: list[Any] = [{"functionCall": {"id": name + "1", "name": name}} for name in ("f", "g")]
    answers: list[Any] = [{"functionResponse": {"name": name, "response": {"output": name}}} for name in ("g", "f")]
    body: Any = {
        "contents": [
            {"role": "user", "parts": [{"text": "x"}]},
            {"role": "model", "parts": [*calls, {"functionCall": {"name": "h"}}]},
            {"role": "user", "parts": [*answers, {"functionResponse": {"name": "h", "response": {}}}]},
        ]
    }
    request = DIALECT.decode_request(body)
    assert [part.call_id for part in request.messages[2].parts if isinstance(part, ToolResultPart)] == ["g1", "f1", ""]
    plain = target("gemini-2.5-flash")
    assert dumps_text(DIALECT.encode_request(request, plain, Report()).body) == dumps_text(body)
