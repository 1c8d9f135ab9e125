"""What a history of any dialect becomes for Gemini: signatures, ids and results."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.gemini import DIALECT
from providers.dialects.gemini.grammar import PLACEHOLDER_SIGNATURE, is_minted
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import MediaPart, OpaquePart, Origin, ReasoningPart, RefusalPart, TextPart, ToolResultPart
from providers.spec.request import Message
from providers.wire.json import dumps_text
from tests.dialects.gemini_history import ASK, CANARY, PNG, call, encoded, message, result, said, signature
from tests.dialects.gemini_support import MODEL, NAME, ORIGIN, target

# ---- signatures


def test_a_signature_goes_back_on_the_very_part_it_came_with() -> None:
    """REASON-01, REASON-04: text, thought and call alike, byte for byte."""
    body, reported = encoded(
        ASK,
        message(
            "assistant",
            ReasoningPart(text="hm", state=signature("dA==")),
            TextPart(text="a", state=signature("YQ==")),
            TextPart(text="", state=signature("Yg==")),
            call(state=signature("Yy+/")),
            call("c2"),
        ),
        message("tool", result(), result("c2")),
    )
    assert body["contents"][1]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "dA=="},
        {"text": "a", "thoughtSignature": "YQ=="},
        {"text": "", "thoughtSignature": "Yg=="},
        {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "Yy+/"},
        {"functionCall": {"id": "c2", "name": "f", "args": {}}},
    ]
    assert reported == []


FOREIGN = [
    Origin(dialect="anthropic-messages", provider="anthropic", model="m", scope="s1"),
    Origin(dialect=NAME, provider="vertex", model=MODEL, scope="s1"),
    Origin(dialect=NAME, provider="google", model="gemini-3-flash", scope="s1"),
    Origin(dialect=NAME, provider="google", model=MODEL, scope="other key"),
]


@pytest.mark.parametrize("origin", FOREIGN, ids=["dialect", "provider", "model", "scope"])
def test_no_state_of_another_origin_leaves(origin: Origin) -> None:
    """REASON-03, REASON-05: the first call gets the documented placeholder, all the rest is left out, all reported."""
    canary = signature(CANARY, origin)
    body, reported = encoded(
        ASK,
        message(
            "assistant",
            ReasoningPart(text="t", state=canary),
            TextPart(text="x", state=canary),
            RefusalPart(text="y", state=canary),
            MediaPart(kind="image", media_type="image/png", data=PNG, state=canary),
            OpaquePart(dialect=NAME, type="executableCode", value={"executableCode": {}}, state=canary),
            call(state=canary),
            call("c2", state=canary),
        ),
        message("tool", result(state=canary), result("c2")),
    )
    assert CANARY not in dumps_text(body)
    calls = [part for part in body["contents"][1]["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in calls] == [PLACEHOLDER_SIGNATURE, None]
    assert len([path for path, action in reported if path.endswith(".state") and action == "dropped"]) == 8
    assert ("messages[1].content[5].signature", "repaired") in reported


def test_every_step_of_the_current_turn_is_signed_and_no_other() -> None:
    """REASON-01: back to the user's last own words; earlier turns are not validated."""
    body, reported = encoded(
        ASK,
        message("assistant", call("old")),
        message("tool", result("old")),
        message("assistant", said("so")),
        message("user", said("and now")),
        message("assistant", call("a"), call("b")),
        message("tool", result("a"), result("b")),
        message("assistant", call("c")),
        message("tool", result("c")),
    )
    signed = [
        part["functionCall"]["id"]
        for content in body["contents"]
        for part in content["parts"]
        if "thoughtSignature" in part
    ]
    assert signed == ["a", "c"]
    assert [path for path, _ in reported] == ["messages[7].content[0].signature", "messages[5].content[0].signature"]


def test_models_that_need_no_signature_get_none() -> None:
    body, reported = encoded(ASK, message("assistant", call()), message("tool", result()), model="gemini-2.5-flash")
    assert "thoughtSignature" not in dumps_text(body)
    assert reported == []


# ---- ids and results


def test_results_stand_together_in_the_order_of_their_calls_with_id_and_name() -> None:
    """HIST-01, HIST-03, HIST-09."""
    body, _ = encoded(
        ASK,
        message("assistant", call("a", "first"), call("b", "second")),
        message("tool", result("b", said("2"))),
        message("tool", result("a", said("1"))),
        message("user", said("well?")),
    )
    assert body["contents"][2:] == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "first", "response": {"output": "1"}}},
                {"functionResponse": {"id": "b", "name": "second", "response": {"output": "2"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "well?"}]},
    ]


def test_a_minted_id_is_not_sent_to_the_provider_that_gave_none() -> None:
    """ID-05, ID-06: what the client was given comes back, and goes out as the call came in."""
    answer: Any = {
        "responseId": "r1",
        "candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}] * 2}, "finishReason": "STOP"}],
    }
    calls = DIALECT.decode_response(answer, ORIGIN).candidates[0].tool_calls
    assert len({made.id for made in calls}) == 2
    assert all(is_minted(made.id) for made in calls)
    other = DIALECT.decode_response({**answer, "responseId": "r2"}, ORIGIN).candidates[0].tool_calls
    assert {made.id for made in calls}.isdisjoint({made.id for made in other})
    body, reported = encoded(
        ASK,
        message("assistant", *calls),
        message("tool", result(calls[1].id, said("2")), result(calls[0].id, said("1"))),
        model="gemini-2.5-flash",
    )
    assert body["contents"][1]["parts"] == [{"functionCall": {"name": "f"}}] * 2
    outputs = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert outputs == [{"name": "f", "response": {"output": "1"}}, {"name": "f", "response": {"output": "2"}}]
    assert reported == []


def test_ids_that_repeat_in_one_conversation_are_told_apart() -> None:
    """ID-07."""
    body, reported = encoded(
        ASK,
        message("assistant", call("f:0")),
        message("tool", result("f:0")),
        message("assistant", call("f:0")),
        message("tool", result("f:0")),
        model="gemini-2.5-flash",
    )
    sent = [part for content in body["contents"] for part in content["parts"]]
    ids = [part["functionCall"]["id"] for part in sent if "functionCall" in part]
    assert ids[0] == "f:0"
    assert ids[1] != "f:0"
    assert [part["functionResponse"]["id"] for part in sent if "functionResponse" in part] == ids
    assert reported == [("messages[3].content[0].id", "mapped")]


@pytest.mark.parametrize(
    "messages",
    [
        (ASK, message("tool", result("lost"))),
        (ASK, message("assistant", call()), message("user", said("no"))),
        (ASK, message("assistant", call())),
        (ASK, message("assistant", call("a")), message("assistant", said("x")), message("user", said("y"))),
    ],
)
def test_orphans_are_refused_with_their_id(messages: tuple[Message, ...]) -> None:
    """HIST-07."""
    with pytest.raises(InvalidRequestError) as caught:
        encoded(*messages)
    assert caught.value.path


@pytest.mark.parametrize(
    ("part", "response"),
    [
        (result("c1", said('{"$ref": "#/x"}')), {"output": '{"$ref": "#/x"}'}),
        (result("c1", said("[1]")), {"output": "[1]"}),
        (result("c1", said("no"), outcome="error"), {"error": "no"}),
        (result("c1", said("no"), outcome="denied"), {"error": "no"}),
        (result("c1", said("a"), said("b")), {"output": "a\nb"}),
        (ToolResultPart(call_id="c1"), {"output": ""}),
    ],
)
def test_a_result_is_an_object_with_text_under_a_key_of_meaning(part: ToolResultPart, response: Any) -> None:
    """HIST-12, HIST-13, HIST-22."""
    body, reported = encoded(ASK, message("assistant", call()), message("tool", part), model="gemini-2.5-flash")
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == response
    assert reported == ([("messages[2].content[0].outcome", "downgraded")] if part.outcome == "denied" else [])


@pytest.mark.parametrize(
    ("response", "outcome", "text"),
    [
        ({"output": "x"}, "ok", "x"),
        ({"output": {"a": 1.0}}, "ok", '{"a":1.0}'),
        ({"error": "bad"}, "error", "bad"),
        ({"error": "bad", "code": 3}, "error", '{"error":"bad","code":3}'),
        ({"error": None, "rows": []}, "ok", '{"error":null,"rows":[]}'),
        ({"result": "x"}, "ok", '{"result":"x"}'),
        ({}, "ok", "{}"),
    ],
)
def test_a_response_is_read_by_its_keys_and_written_back(response: Any, outcome: str, text: str) -> None:
    """HIST-22."""
    body: Any = {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": response}}]}]}
    request = DIALECT.decode_request(body)
    part = request.messages[0].parts[0]
    assert isinstance(part, ToolResultPart)
    assert (part.outcome, part.content) == (outcome, (TextPart(text=text),))
    assert dumps_text(DIALECT.encode_request(request, target(), Report()).body) == dumps_text(body)


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ('{"b":1.0,"a":12345678901234567890}', None), ("null", {}), ("{oops", {"_raw": "{oops"})],
)
def test_arguments_are_an_object_with_every_literal(arguments: str, args: Any) -> None:
    """ARGS-06, ARGS-09, ARGS-10."""
    body, _ = encoded(ASK, message("assistant", call(arguments=arguments)), message("tool", result()))
    sent = dumps_text(body["contents"][1]["parts"][0]["functionCall"]["args"])
    assert sent == (arguments if args is None else dumps_text(args))
