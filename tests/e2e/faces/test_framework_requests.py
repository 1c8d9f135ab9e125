"""What frameworks for agents write as a matter of course reaches the provider, or is no loss to tell of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.e2e.service import client

PICTURE = "data:image/png;base64,iVBORw0KGgo="
FACES = ("chat", "responses")


def adjustments(stage: Stage, path: str, body: Any) -> list[dict[str, Any]]:
    """What was told of a request, beside the limit that Anthropic's requests need."""
    with client(stage.url) as http:
        told = http.post(f"/explain{path}", json=body)
        assert told.status_code == 200, told.text
        answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    (candidate,) = told.json()["candidates"]
    return [one for one in candidate.get("adjustments", []) if one.get("reason") != "Anthropic requires a limit"]


def looked_at(face: str, model: str, detail: str) -> tuple[str, dict[str, Any]]:
    """Path and body of a request with a picture, as the Agents SDK and LangChain write it."""
    if face == "chat":
        item = {"type": "image_url", "image_url": {"url": PICTURE, "detail": detail}}
        content: list[Any] = [{"type": "text", "text": "What is it?"}, item]
        return "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": content}]}
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": PICTURE, "detail": detail},
    ]
    return "/v1/responses", {"model": model, "input": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("wire", "word"), [("chat", "image_url"), ("responses", "input_image")])
def test_how_closely_a_picture_is_looked_at_is_said_in_both_of_openais_dialects(
    stage: Stage, face: str, wire: str, word: str
) -> None:
    path, body = looked_at(face, MODELS[wire], "low")
    assert adjustments(stage, path, body) == []
    (sent,) = stage.sent(wire)
    picture = next(item for item in (sent.get("messages") or sent["input"])[0]["content"] if item["type"] == word)
    assert (picture["image_url"] if wire == "chat" else picture)["detail"] == "low"


@pytest.mark.parametrize(
    ("face", "place"),
    [("chat", "messages[0].content[1].image_url.detail"), ("responses", "input[0].content[1].detail")],
)
@pytest.mark.parametrize("wire", ["anthropic", "google"])
def test_others_have_no_word_for_it(stage: Stage, face: str, place: str, wire: str) -> None:
    told = adjustments(stage, *looked_at(face, MODELS[wire], "low"))
    assert [(one["path"], one["action"], one["from"]) for one in told] == [(place, "dropped", "low")]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("wire", WIRES)
def test_a_picture_that_is_looked_at_as_the_model_likes_loses_nothing(stage: Stage, face: str, wire: str) -> None:
    """The field is required in Responses, so every framework writes ``auto``."""
    path, body = looked_at(face, MODELS[wire], "auto")
    assert adjustments(stage, path, {**body, "router": {"on_loss": "refuse"}}) == []


@pytest.mark.parametrize("wire", WIRES)
def test_lists_of_nothing_and_an_answer_in_text_are_no_loss(stage: Stage, wire: str) -> None:
    """``include`` of the Agents SDK, ``safetySettings`` of LangChain, ``responseModalities`` of pydantic-ai."""
    responses = {"model": MODELS[wire], "input": "How warm is it?", "include": []}
    assert adjustments(stage, "/v1/responses", responses) == []
    gemini = {
        "contents": [{"role": "user", "parts": [{"text": "How warm is it?"}]}],
        "safetySettings": [],
        "generationConfig": {"responseModalities": ["TEXT"]},
    }
    assert adjustments(stage, f"/v1beta/models/{MODELS[wire]}:generateContent", gemini) == []
    if wire == "google":
        assert stage.sent(wire)[-1] == gemini
