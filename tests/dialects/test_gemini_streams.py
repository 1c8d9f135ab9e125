"""Parts of streamed answers of Gemini: texts that join, calls in pieces, chunks that break the grammar."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.gemini.grammar import is_minted
from providers.dialects.gemini.partial_args import PartialArgs, steps_of
from providers.spec.errors import ProviderProtocolError
from providers.spec.events import ResponseStart, ResponseUpdate, StreamError
from providers.spec.fold import fold, unfold
from tests.dialects.gemini_support import NAME, ORIGIN, answer, decoded, encoded, error_of, events_of, read


def test_texts_join_and_signed_ones_stay_apart() -> None:
    """REASON-04: a late signature on an empty part is kept as a part of its own."""
    events = events_of(
        answer({"text": "t1", "thought": True}, reason=None),
        answer({"text": "t2", "thought": True}, reason=None),
        answer({"text": "a"}, reason=None),
        answer({"text": "b"}, {"text": ""}, reason=None),
        answer({"text": "c", "thoughtSignature": "cw=="}, reason=None),
        answer({"text": "d"}, reason=None),
        answer({"text": "", "thoughtSignature": "bGF0ZQ=="}),
    )
    parts = fold(events).candidates[0].parts
    said = [(type(part).__name__, getattr(part, "text", None), part.state and part.state.value) for part in parts]
    assert said == [
        ("ReasoningPart", "t1t2", None),
        ("TextPart", "ab", None),
        ("TextPart", "c", "cw=="),
        ("TextPart", "d", None),
        ("TextPart", "", "bGF0ZQ=="),
    ]
    assert all(part.state is None or part.state.origin == ORIGIN for part in parts)


def test_parallel_calls_in_separate_chunks_have_ids_of_their_own_in_both_modes() -> None:
    """ID-06, ID-08, STREAM-24."""
    calls: list[Any] = [{"functionCall": {"name": "f", "args": {"n": 1.0}}}, {"functionCall": {"name": "f"}}]
    plain = read(answer(*calls, responseId="r"))
    events = events_of(
        answer({"text": "a", "thought": True}, calls[0], reason=None, responseId="r"),
        answer(calls[1], responseId="r"),
    )
    streamed = fold(events)
    assert [call.arguments for call in plain.candidates[0].tool_calls] == ['{"n":1.0}', "{}"]
    assert streamed.candidates[0].tool_calls == plain.candidates[0].tool_calls
    ids = [call.id for call in plain.candidates[0].tool_calls]
    assert len(set(ids)) == 2
    assert all(map(is_minted, ids))


def partial(*pieces: Any, name: str | None = None, more: bool = True) -> Any:
    call: Any = {} if name is None else {"name": name}
    if pieces:
        call["partialArgs"] = list(pieces)
    return {"functionCall": {**call, **({"willContinue": True} if more else {})}}


PIECES = [
    answer(partial(name="f"), reason=None),
    answer(partial({"jsonPath": "$.a.b[0]", "stringValue": "x", "willContinue": True}), reason=None),
    answer(partial({"jsonPath": "$.a.b[0]", "stringValue": "y", "willContinue": True}), reason=None),
    answer(partial({"jsonPath": "$.a.b[0]", "stringValue": ""}), reason=None),
    answer(
        partial({"jsonPath": "$['n o']", "numberValue": 1}, {"jsonPath": "$.z", "nullValue": "NULL_VALUE"}), reason=None
    ),
    answer(partial({"jsonPath": "$.t", "boolValue": True}), reason=None),
]


def test_arguments_in_pieces_become_one_object() -> None:
    """STREAM-10: the call is whole when its last piece has come."""
    closing = answer(partial(more=False), {"functionCall": {"name": "g"}})
    calls = fold(events_of(*PIECES, closing)).candidates[0].tool_calls
    assert [(call.name, call.arguments) for call in calls] == [
        ("f", '{"a":{"b":["xy"]},"n o":1,"z":null,"t":true}'),
        ("g", "{}"),
    ]
    assert all(call.ext == {} for call in calls)


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "{"), (2, '{"a":{"b":["x'), (4, '{"a":{"b":["xy"'), (5, '{"a":{"b":["xy"]},"n o":1,"z":null')],
)
def test_arguments_that_never_end_read_as_cut(count: int, text: str) -> None:
    """FINISH-03, ARGS-08: never an object that looks whole."""
    events = events_of(*PIECES[:count], {"candidates": [{"finishReason": "MAX_TOKENS"}]})
    candidate = fold(events).candidates[0]
    assert candidate.tool_calls[0].arguments == text
    assert candidate.finish is not None
    assert candidate.finish.reason == "length"


@pytest.mark.parametrize("path", ["", "$", "a", "$[0]", "$.a..b", "$.a[", "$.a[*]", "$.a[x]", "$." + "a." * 200 + "a"])
def test_paths_of_another_kind_are_errors(path: str) -> None:
    with pytest.raises(ProviderProtocolError):
        steps_of(path)
    assert isinstance(error_of(answer(partial({"jsonPath": path, "stringValue": ""}, name="f"))), ProviderProtocolError)


def test_pieces_that_contradict_one_another_are_errors() -> None:
    args = PartialArgs({})
    with pytest.raises(ProviderProtocolError):
        args.add([{"jsonPath": "$.a[99999999]", "stringValue": "x"}])
    with pytest.raises(ProviderProtocolError):
        args.add([{"stringValue": "x"}])


@pytest.mark.parametrize(
    "chunk",
    [
        [],
        1,
        answer("text"),
        answer({"text": 1}),
        answer({"functionCall": {"args": {}}}),
        {"candidates": ["x"]},
        {"candidates": [{"content": {"parts": {}}}]},
    ],
)
def test_a_chunk_of_the_wrong_type_is_an_error(chunk: Any) -> None:
    assert isinstance(error_of(chunk), ProviderProtocolError)


def test_a_chunk_nested_too_deeply_is_an_error() -> None:
    deep = b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":'
    last = decoded([deep + b"[" * 5000 + b"]" * 5000 + b"}}}]}}]}\n\n"])[-1]
    assert isinstance(last, StreamError)


def test_candidates_are_told_apart() -> None:
    one = {
        "candidates": [
            {"index": 0, "content": {"parts": [{"text": "a"}]}},
            {"index": 1, "content": {"parts": [{"text": "b"}]}},
        ]
    }
    two = {"candidates": [{"index": 1, "finishReason": "STOP"}, {"index": 0, "finishReason": "MAX_TOKENS"}]}
    response = fold(events_of(one, two))
    assert [getattr(candidate.parts[0], "text", None) for candidate in response.candidates] == ["a", "b"]
    assert [candidate.finish and candidate.finish.raw for candidate in response.candidates] == ["MAX_TOKENS", "STOP"]
    again = fold(decoded([encoded(unfold(response))]))
    assert [len(candidate.parts) for candidate in again.candidates] == [1, 1]


def test_what_every_chunk_repeats_is_told_once() -> None:
    """STREAM-22."""
    time = "2026-05-04T20:01:02.264968Z"
    chunk = answer({"text": "a"}, reason=None, createTime=time, responseId="r", modelVersion="m")
    events = events_of(chunk, chunk, {**answer(), "createTime": time, "modelStatus": {"stage": "STABLE"}})
    about = [event for event in events if isinstance(event, ResponseStart | ResponseUpdate)]
    assert about == [
        ResponseStart(id="r", model="m", created=1777924862, ext={NAME: {"createTime": time}}),
        ResponseUpdate(ext={NAME: {"modelStatus": {"stage": "STABLE"}}}),
    ]
