"""The page on what becomes of each feature is true, and what it says is sent the providers' rules allow."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response as OpenAIResponse

from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.requests import body_of, path_of
from tests.e2e.faces.stage import DIALECTS as WIRE_DIALECTS
from tests.e2e.faces.stage import provider_row
from tests.e2e.service import client, router_service
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat
from tests.fakes.refusal import Refusal
from tests.fakes.server import running
from tests.fidelity import FEATURES, MODELS, NAMES, PAGE, ROWS, cell, page
from tests.fidelity_written import ANSWERS, CITED, WRITTEN


def test_the_page_is_what_the_codecs_do() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.fidelity"


@pytest.mark.parametrize("wire", NAMES, ids=NAMES.values())
@pytest.mark.parametrize("face", NAMES, ids=NAMES.values())
@pytest.mark.parametrize("feature", [*FEATURES, *WRITTEN])
def test_a_cell_is_a_request_that_the_provider_takes(feature: str, face: str, wire: str) -> None:
    """Whatever is sent is legal; whatever is not said is told with its place."""
    found = cell(feature, face, wire)
    if found.outcome == "no words":
        return
    assert all(found.told)
    assert found.told or found.outcome == "native"
    if found.sent is None:
        assert found.outcome == "refused"
        return
    body = loads_object(dumps(found.sent))
    if face == wire:
        # A caller's own words to the vendor whose words they are: that vendor may refuse them.
        with contextlib.suppress(Refusal):
            check(body, wire)
        return
    check(body, wire)


@pytest.mark.parametrize("wire", NAMES, ids=NAMES.values())
@pytest.mark.parametrize("feature", ANSWERS)
def test_a_cell_is_what_callers_read(tmp_path: Path, feature: str, wire: str) -> None:
    """Over HTTP, with each face, as its vendor's own client reads it: what is there, or that it is lost."""
    provider = CannedProvider()
    provider.whole(dumps(ANSWERS[feature][wire]))
    name = WIRE_NAMES[wire]
    with (
        running(provider.app) as upstream,
        router_service(tmp_path, provider_row(name, upstream)) as url,
        client(url) as http,
    ):
        for face, reads in READERS.items():
            spoken = "gemini" if face == "google-generate-content" else FACE_NAMES[face]
            model = f"{name}/{MODELS[wire]}"
            answer = http.post(path_of(spoken, model), json=body_of(spoken, model))
            assert answer.status_code == 200, answer.text
            outcome = cell(feature, face, wire).outcome
            assert reads(answer.json()) == ([] if outcome == "reported" else [CITED]), (face, outcome)
            told = [one for one in adjustments(answer) if one["path"] == "response.annotations"]
            assert [one["action"] for one in told] == (["dropped"] if outcome == "reported" else [])


def adjustments(answer: Any) -> list[Any]:
    """What the router said of an answer, wherever its face has the place."""
    said = answer.headers.get("x-router")
    told = answer.json().get("router") or (json.loads(said) if said else {})
    return list(told.get("adjustments", []))


def _in_chat(body: Any) -> list[str]:
    (choice,) = ChatCompletion.model_validate(body).choices
    return [one.url_citation.url for one in choice.message.annotations or ()]


def _in_responses(body: Any) -> list[str]:
    (item,) = OpenAIResponse.model_validate(body).output
    assert item.type == "message"
    (text,) = item.content
    assert text.type == "output_text"
    return [one.url for one in text.annotations if one.type == "url_citation"]


def _in_messages(body: Any) -> list[str]:
    (block,) = AnthropicMessage.model_validate(body).content
    assert block.type == "text"
    return [one.url for one in block.citations or () if one.type == "web_search_result_location"]


def _in_gemini(body: Any) -> list[str]:
    (candidate,) = GenerateContentResponse.model_validate(body).candidates or []
    chunks = candidate.grounding_metadata.grounding_chunks if candidate.grounding_metadata else None
    return [str(chunk.web.uri) for chunk in chunks or () if chunk.web]


READERS: Mapping[str, Callable[[Any], list[str]]] = {
    "openai-chat": _in_chat,
    "openai-responses": _in_responses,
    "anthropic-messages": _in_messages,
    "google-generate-content": _in_gemini,
}
FACE_NAMES = {"openai-chat": "chat", "openai-responses": "responses", "anthropic-messages": "messages"}
WIRE_NAMES = {dialect: name for name, dialect in WIRE_DIALECTS.items()}


def check(body: JsonObject, wire: str) -> None:
    """Raise Refusal for what the wire's vendor would refuse."""
    match wire:
        case "openai-chat":
            check_chat(body)
        case "openai-responses":
            check_responses(body)
        case "anthropic-messages":
            check_messages(body)
        case _:
            check_generate(body, MODELS[wire])


def test_a_caller_of_a_dialect_has_its_own_vendors_words() -> None:
    """What a dialect can say reaches its own vendor as it is."""
    for face in NAMES:
        for feature in ROWS:
            outcome = cell(feature, face, face).outcome
            # Marks in chat are no words of OpenAI's: its callers know them from other hosts.
            foreign = "another provider" in feature or ("marks" in feature and face == "openai-chat")
            assert outcome in {"native", "no words"} or foreign, (feature, face, outcome)
