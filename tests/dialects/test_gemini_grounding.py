"""Grounded answers of Gemini: what they rest on is told to callers of other dialects, or said to be lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from providers.dialects import DIALECTS
from providers.spec.fold import fold
from providers.spec.parts import TextPart
from tests.catalogue.support import GEMINI, context, events_of, read
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.requests import body_of, path_of
from tests.e2e.faces.stage import provider_row
from tests.e2e.service import client, router_service
from tests.fakes.server import running

TEXT = "Äpfel sind rot. Rom ist alt."
PIECES = ["Äpfel si", "nd rot. Rom", " ist alt."]
GROUNDING: dict[str, Any] = {
    "webSearchQueries": ["rom"],
    "groundingChunks": [
        {"web": {"uri": "https://a.example/1", "title": "A"}},
        {"web": {"uri": "https://b.example/2"}},
        {"other": {}},
    ],
    "groundingSupports": [
        {"segment": {"endIndex": 16, "text": "Äpfel sind rot."}, "groundingChunkIndices": [0]},
        {"segment": {"startIndex": 17, "endIndex": 29}, "groundingChunkIndices": [0, 1, 2, 9]},
        {"segment": {"startIndex": 90, "endIndex": 99}, "groundingChunkIndices": [0]},
        {"segment": {}, "groundingChunkIndices": [0]},
        "odd",
    ],
}
CITED = [
    ("https://a.example/1", "Äpfel sind rot."),
    ("https://a.example/1", "Rom ist alt."),
    ("https://b.example/2", "Rom ist alt."),
]


def candidate(text: str, **more: Any) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}


PLAIN: dict[str, Any] = {
    "candidates": [candidate(TEXT, finishReason="STOP", groundingMetadata=GROUNDING)],
    "responseId": "r",
    "modelVersion": "gemini-2.5-flash",
}
CHUNKS = [
    {"candidates": [candidate(PIECES[0])], "responseId": "r", "modelVersion": "gemini-2.5-flash"},
    {"candidates": [candidate(PIECES[1])], "responseId": "r", "modelVersion": "gemini-2.5-flash"},
    {
        "candidates": [candidate(PIECES[2], finishReason="STOP", groundingMetadata=GROUNDING)],
        "responseId": "r",
        "modelVersion": "gemini-2.5-flash",
    },
]
STREAM = [b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in CHUNKS]
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def quoted(citations: list[Any]) -> list[tuple[str, str]]:
    return [(one["url"], TEXT[one["start_index"] : one["end_index"]]) for one in citations]


@BOTH
def test_places_in_bytes_become_places_in_the_text(stream: bool) -> None:
    """Rule 2: streamed or not; and what has no place or no address is no citation."""
    answer = fold(events_of(b"".join(STREAM), GEMINI)) if stream else read(PLAIN, GEMINI)
    (part,) = answer.candidates[0].parts
    assert isinstance(part, TextPart)
    assert quoted(list(part.annotations)) == CITED
    body: Any = DIALECTS[GEMINI].encode_response(answer, context())
    assert body["candidates"][0]["groundingMetadata"] == GROUNDING


@BOTH
@pytest.mark.parametrize("face", ["chat", "responses", "messages"])
def test_callers_of_other_dialects_read_them_or_that_they_are_lost(tmp_path: Path, face: str, stream: bool) -> None:
    """SERVER-01: grounding is not dropped in silence."""
    provider = CannedProvider()
    if stream:
        provider.events(*STREAM)
    else:
        provider.whole(json.dumps(PLAIN).encode())
    model = "google/gemini-2.5-flash"
    with running(provider.app) as upstream, router_service(tmp_path, provider_row("google", upstream)) as url:
        if face == "chat" and stream:
            # The official accumulator joins no lists of objects.
            speaker = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
            body = body_of(face, model, stream=False)
            with speaker.chat.completions.stream(model=model, messages=body["messages"]) as events:
                message: Any = events.get_final_completion().choices[0].message.to_dict()
            told = message["annotations"]
        else:
            with client(url) as http:
                answer = http.post(path_of(face, model, stream=stream), json=body_of(face, model, stream=stream))
            assert answer.status_code == 200, answer.text
            if face == "messages":
                if not stream:
                    (lost,) = json.loads(answer.headers["x-router"])["adjustments"][-1:]
                    assert (lost["path"], lost["action"]) == ("response.annotations", "dropped")
                return
            whole: Any = answer.json() if not stream else json.loads(answer.text.rsplit("data: ", 1)[1])["response"]
            message = whole["choices"][0]["message"] if face == "chat" else whole["output"][0]["content"][0]
            told = message["annotations"]
    assert quoted([one.get("url_citation", one) for one in told]) == CITED
