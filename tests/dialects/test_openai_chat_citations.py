"""Citations of chat answers: whole and streamed alike, for callers of other dialects and of this one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.parts import TextPart
from providers.spec.response import Response
from tests.catalogue.support import CHAT, RESPONSES, chunk, context, data_of, events_of, folded, read, sse, written

CITED = {"start_index": 0, "end_index": 4, "url": "https://a.example/1", "title": "A"}
ANNOTATIONS = [{"type": "url_citation", "url_citation": CITED}]
STREAM = sse(
    chunk({"role": "assistant", "content": "Rome is"}),
    chunk({"content": " old."}),
    chunk({"annotations": ANNOTATIONS}),
    chunk({}, "stop"),
)
MESSAGE = {"role": "assistant", "content": "Rome is old.", "annotations": ANNOTATIONS}
PLAIN = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m"}
PLAIN |= {"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}


@pytest.mark.parametrize("answer", [read(PLAIN), folded(STREAM)], ids=["plain", "stream"])
def test_other_dialects_read_them(answer: Response) -> None:
    (part,) = answer.candidates[0].parts
    assert isinstance(part, TextPart)
    assert part.annotations == ({"type": "url_citation", **CITED},)
    body: Any = json.loads(json.dumps(DIALECTS[RESPONSES].encode_response(answer, context())))
    assert body["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **CITED}]


def test_a_stream_of_another_dialect_has_them_once() -> None:
    added = [one for one in data_of(written(events_of(STREAM), RESPONSES)) if "annotation.added" in one["type"]]
    assert [one["annotation"] for one in added] == [{"type": "url_citation", **CITED}]


def test_its_own_callers_read_them_once_and_as_they_were() -> None:
    body: Any = DIALECTS[CHAT].encode_response(read(PLAIN), context())
    assert body["choices"][0]["message"]["annotations"] == ANNOTATIONS
    deltas = [one["choices"][0]["delta"] for one in data_of(written(events_of(STREAM), CHAT))]
    assert [delta["annotations"] for delta in deltas if "annotations" in delta] == [ANNOTATIONS]


@pytest.mark.parametrize("odd", [[], {}, ["url_citation"], 1, None])
def test_an_annotation_of_no_known_kind_is_no_fault_of_ours(odd: Any) -> None:
    message = {**MESSAGE, "annotations": [{"type": odd}]}
    answer = read({**PLAIN, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    body: Any = DIALECTS[RESPONSES].encode_response(answer, context())
    assert body["output"][0]["content"][0]["annotations"] == []
