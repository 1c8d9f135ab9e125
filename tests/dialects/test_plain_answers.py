"""The compiled readers of whole answers say to every other face what the codecs say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.spec.dialect import FaceContext
from providers.spec.errors import RouterError
from providers.spec.parts import Origin
from providers.wire.json import dumps, loads_object
from tests.dialects.test_openai_chat_plain import _with, among, maybe, mostly
from tests.dialects.test_openai_chat_plain_answers import ANSWERS as CHAT_ANSWERS
from tests.dialects.test_openai_chat_plain_answers import said
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic

CHAT, MESSAGES, GEMINI = "openai-chat", "anthropic-messages", "google-generate-content"
WIRES = (CHAT, MESSAGES, GEMINI)
CONTEXT = FaceContext(response_id="r1", model="p/m", created=1, router={"provider": "p"})

VALUES = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.50, 1e5, -0.0, 2**70, "", "é😀", 'a"\\/\n', "\x7f\u2028"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "é", "a b"]), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.sampled_from(["city", "n", "-0"]), VALUES, max_size=3)
TEXTS = among("a", "é😀", "", "<x>\n", odd=[None, 1])
NAMES = among("look", "get_weather", odd=["", None])
COUNTS = among(0, 3, 7, None, odd=["3", 1.5, True, {}])

BLOCKS = st.one_of(
    st.builds(
        _with,
        st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
        st.fixed_dictionaries({"citations": maybe(among(None, [], [{"type": "char_location", "n": 1.0}], odd=["x"]))}),
    ),
    st.builds(
        _with,
        st.fixed_dictionaries({"type": st.just("tool_use"), "id": among("t1", "t2", odd=["", None]), "name": NAMES}),
        st.fixed_dictionaries(
            {"input": mostly(OBJECTS, st.sampled_from(["{}", None, [], ...])), "caller": maybe(st.just({"type": "x"}))}
        ),
    ),
    st.builds(
        _with,
        st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXTS}),
        st.fixed_dictionaries({"signature": maybe(among("c2ln", "", None, "router.v1.W10", odd=[1]))}),
    ),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": among("c2VhbGVk", odd=["router.v1.W10", 1])}),
    among({"type": "text", "text": "x"}, odd=[{"type": "image", "source": {}}, {"type": "new"}, 1, {}]),
)  # fmt: skip
USAGE = st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": COUNTS,
        "output_tokens": COUNTS,
        "cache_read_input_tokens": COUNTS,
        "cache_creation_input_tokens": COUNTS,
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": COUNTS}),
        "cost": st.just(0.10),
    },
)
STOPS = ["end_turn", "tool_use", "max_tokens", "stop_sequence", "refusal", "pause_turn", "new_one", None]
MESSAGE_ANSWERS = st.builds(
    _with,
    st.fixed_dictionaries({"content": mostly(st.lists(BLOCKS, max_size=3), st.sampled_from([None, "x"]))}),
    st.fixed_dictionaries(
        {
            "id": maybe(among("msg_1", odd=[None, 1])),
            "type": maybe(among("message", odd=["error", None])),
            "role": maybe(among("assistant", odd=["user", None])),
            "model": maybe(among("claude", odd=[None])),
            "stop_reason": among(*STOPS, odd=[..., 1]),
            "stop_sequence": maybe(among(None, "END", odd=[1])),
            "stop_details": maybe(among(None, {"type": "refusal", "explanation": "no"}, {"explanation": 1}, odd=["x"])),
            "usage": maybe(mostly(USAGE, st.sampled_from([None, 5]))),
        }
    ),
    among({}, {"context_management": None}, {"container": {"id": "c"}}, odd=[{"error": {"message": "m"}}, {"more": 1}]),
)

SIGNATURES = maybe(among("c2ln", "", odd=[None, 1, "cm91dGVyLnYxLlcxMA=="]))
PARTS = st.one_of(
    st.builds(
        _with,
        st.fixed_dictionaries({"text": TEXTS}),
        st.fixed_dictionaries({"thoughtSignature": SIGNATURES, "thought": maybe(among(True, False, odd=[None, "x"]))}),
    ),
    st.builds(
        _with,
        st.fixed_dictionaries(
            {
                "functionCall": st.builds(
                    _with,
                    st.fixed_dictionaries({"name": NAMES}),
                    st.fixed_dictionaries(
                        {
                            "args": mostly(OBJECTS | st.just(...), st.sampled_from([None, "{}", []])),
                            "id": maybe(among("c1", "", None, odd=[1])),
                        }
                    ),
                    among({}, odd=[{"willContinue": True}]),
                )
            }
        ),
        st.fixed_dictionaries({"thoughtSignature": SIGNATURES, "thought": maybe(among(False, odd=[True]))}),
        among({}, odd=[{"text": "x"}, {"partMetadata": {}}]),
    ),
    among({"text": "x"}, odd=[{}, {"executableCode": {}}, {"inlineData": {"data": "x"}}, {"thought": True}, 1]),
)  # fmt: skip
CANDIDATES = st.builds(
    _with,
    st.fixed_dictionaries(
        {
            "content": mostly(
                st.builds(
                    _with,
                    st.just({}),
                    st.fixed_dictionaries(
                        {
                            "role": maybe(among("model", odd=["user", None])),
                            "parts": maybe(mostly(st.lists(PARTS, max_size=3), st.just("x"))),
                        }
                    ),
                ),
                st.sampled_from([{}, None]),
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "finishReason": among("STOP", "MAX_TOKENS", "SAFETY", "NEW_ONE", odd=[..., None, 1]),
            "finishMessage": maybe(among("m", None, odd=[1])),
            "index": maybe(among(0, 1, odd=["0", 1.0, None])),
            "avgLogprobs": maybe(st.just(-0.25)),
            "safetyRatings": maybe(st.just([{"category": "c"}])),
        }
    ),
    among({}, odd=[{"groundingMetadata": {}}, {"finish_reason": "STOP"}]),
)
COUNT_NAMES = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")
GEMINI_USAGE = st.fixed_dictionaries({}, optional=dict.fromkeys(COUNT_NAMES, COUNTS))
GEMINI_ANSWERS = st.builds(
    _with,
    st.fixed_dictionaries({"candidates": mostly(st.lists(CANDIDATES, min_size=1, max_size=2), st.just([]))}),
    st.fixed_dictionaries(
        {
            "usageMetadata": maybe(mostly(GEMINI_USAGE, st.sampled_from([None, 5]))),
            "modelVersion": maybe(among("gemini", odd=[None, 1])),
            "responseId": maybe(among("r", "", odd=[None, 1])),
            "createTime": maybe(among("2026-01-02T03:04:05.678Z", "soon", odd=[None, 1])),
        }
    ),
    among({}, odd=[{"error": {"code": 500}}, {"error": None}, {"promptFeedback": {"blockReason": "SAFETY"}}]),
)  # fmt: skip


def check(wire: str, raw: bytes, origin: Origin | None = None) -> bool:
    """Whether it is read plainly; then it has to be what the codec reads, to every face that is not the wire's own."""
    origin = origin or Origin(dialect=wire, provider="p", model="m", scope="s")
    plain = DIALECTS[wire].read_answer(raw, origin)
    if plain is None:
        return False
    whole = DIALECTS[wire].decode_response(loads_object(raw), origin)
    assert said(plain) == said(whole)
    for name, face in DIALECTS.items():
        if name != wire:
            assert _written(face, plain) == _written(face, whole)
    return True


def _written(face: Any, answer: Any) -> bytes | str:
    try:
        return dumps(face.encode_response(answer, CONTEXT))
    except RouterError as error:
        return str(error)


@given(st.one_of(*(st.tuples(st.just(wire), answers) for wire, answers in (
    (CHAT, CHAT_ANSWERS), (MESSAGES, MESSAGE_ANSWERS), (GEMINI, GEMINI_ANSWERS)
))), st.booleans(), st.sampled_from([None, 1]))  # fmt: skip
def test_what_is_read_plainly_is_what_the_codec_reads(answer: tuple[str, Any], ascii: bool, indent: int | None) -> None:
    wire, body = answer
    check(wire, json.dumps(body, ensure_ascii=ascii, indent=indent).encode())


@given(st.sampled_from([MESSAGES, GEMINI]), st.data())
def test_a_member_that_stands_twice_is_read_alike(wire: str, data: st.DataObject) -> None:
    raw = json.dumps(data.draw({MESSAGES: MESSAGE_ANSWERS, GEMINI: GEMINI_ANSWERS}[wire])).encode()
    twice = ['"text":"2"', '"type":"text"', '"type":"tool_use"', '"id":"2"', '"index":4', '"name":"x"', '"role":1']
    member = data.draw(st.sampled_from(twice)).encode()
    place = 1 + data.draw(st.sampled_from([index for index, byte in enumerate(raw) if byte == ord("{")]))
    comma = b"" if raw[place : place + 1] == b"}" else b","
    try:
        check(wire, raw[:place] + member + comma + raw[place:])
    except RouterError:
        raise AssertionError("read plainly, and refused by the codec") from None


PLAIN = {
    MESSAGES: {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "t", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "c2ln"},
            {"type": "text", "text": "x", "citations": None},
            {"type": "tool_use", "id": "t", "name": "n", "input": {"n": 1.50}, "caller": {"type": "direct"}},
        ],
        "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    GEMINI: {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "t", "thought": True},
                        {"text": "x"},
                        {"functionCall": {"name": "n", "args": {"n": -0.5}}, "thoughtSignature": "c2ln"},
                        {"functionCall": {"name": "n"}},
                    ],
                },
                "finishReason": "STOP", "index": 0, "avgLogprobs": -0.0187,
            }
        ],
        "usageMetadata": {"promptTokenCount": 1}, "modelVersion": "g", "responseId": "r",
    },
}  # fmt: skip


@pytest.mark.parametrize("wire", PLAIN)
def test_what_providers_write_is_read_plainly(wire: str) -> None:
    """A law that nothing reaches would hold as well."""
    assert check(wire, json.dumps(PLAIN[wire], indent=1).encode())


def test_what_may_be_sealed_is_left_to_the_codec() -> None:
    raw = json.dumps(PLAIN[GEMINI]).encode()
    assert not check(GEMINI, raw, Origin(dialect=GEMINI))
    assert check(MESSAGES, json.dumps(PLAIN[MESSAGES]).encode(), Origin(dialect=MESSAGES))


@pytest.mark.parametrize("wire", [MESSAGES, GEMINI])
@pytest.mark.parametrize("number", ["-0", "[-0]", '{"a":-0}', "[1, -0 ]"])
def test_a_negative_zero_is_left_to_the_codec(wire: str, number: str) -> None:
    raw = json.dumps(PLAIN[wire]).replace('"input": {', f'"input": {{"z": {number}, ').encode()
    raw = raw.replace(b'"args": {', f'"args": {{"z": {number}, '.encode())
    assert not check(wire, raw)


@pytest.mark.parametrize("wire", [MESSAGES, GEMINI])
@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"{}", b"\xff", b'{"content":1}', b'{"candidates":[]}'])
def test_what_is_no_answer_is_left_to_the_codec(wire: str, raw: bytes) -> None:
    assert not check(wire, raw)


@needs_traffic
@pytest.mark.parametrize("exchange", [each for wire in WIRES for each in exchanges(wire)], ids=exchange_id)
def test_every_recorded_answer_reads_alike(exchange: Exchange) -> None:
    read = exchange.kind == "body" and check(exchange.dialect, exchange.response_body)
    assert not (read and exchange.status >= 300)


@needs_traffic
@pytest.mark.parametrize("wire", [MESSAGES, GEMINI])
def test_nearly_every_recorded_answer_is_read_plainly(wire: str) -> None:
    bodies = [each for each in exchanges(wire) if each.kind == "body" and each.status < 300 and not each.stream]
    assert sum(check(wire, each.response_body) for each in bodies) >= 0.8 * len(bodies)
