"""What goes wrong reaches each vendor's client as that client's own exception, in its dialect's shape."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors as google_errors

from tests.e2e import conversation
from tests.e2e.faces.stage import MODELS, WIRES, Stage, new_fakes, staged
from tests.e2e.faces.voices import (
    FACES,
    GEMINI_TOOLS,
    MESSAGES_TOOLS,
    QUESTION,
    RESPONSES_TOOLS,
    anthropic_client,
    google_client,
    openai_client,
)
from tests.fakes.server import CutMidStream, EndlessStream, ErrorMidStream, HttpError

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
EACH = pytest.mark.parametrize("wire", WIRES)
ON_EACH = pytest.mark.parametrize("face", FACES)


def ask_chat(url: str, model: str, *, stream: bool) -> str:
    with openai_client(url) as client:
        messages: Any = [{"role": "user", "content": QUESTION}]
        request: dict[str, Any] = {"model": model, "messages": messages, "tools": conversation.TOOLS}
        return str(conversation.assistant_message(client, stream, **request).content)


def ask_messages(url: str, model: str, *, stream: bool) -> str:
    with anthropic_client(url) as client:
        request: dict[str, Any] = {
            "model": model,
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": QUESTION}],
            "tools": MESSAGES_TOOLS,
        }
        if stream:
            with client.messages.stream(**request) as streamed:
                return str(streamed.get_final_message().content)
        return str(client.messages.create(**request).content)


def ask_responses(url: str, model: str, *, stream: bool) -> str:
    with openai_client(url) as client:
        request: dict[str, Any] = {"model": model, "input": QUESTION, "tools": RESPONSES_TOOLS}
        if stream:
            with client.responses.stream(**request) as streamed:
                return str(streamed.get_final_response().output)
        return str(client.responses.create(**request).output)


def ask_gemini(url: str, model: str, *, stream: bool) -> str:
    with google_client(url) as client:
        request: dict[str, Any] = {"model": model, "contents": QUESTION, "config": {"tools": GEMINI_TOOLS}}
        if stream:
            return str(list(client.models.generate_content_stream(**request)))
        return str(client.models.generate_content(**request))


ASK: Mapping[str, Callable[..., str]] = {
    "chat": ask_chat,
    "messages": ask_messages,
    "responses": ask_responses,
    "gemini": ask_gemini,
}
_BASES = {
    "chat": openai.APIStatusError,
    "messages": anthropic.APIStatusError,
    "responses": openai.APIStatusError,
    "gemini": google_errors.APIError,
}
_CLASSES: Mapping[str, Mapping[int, type[Exception]]] = {
    "chat": {400: openai.BadRequestError, 429: openai.RateLimitError, 500: openai.InternalServerError},
    "messages": {400: anthropic.BadRequestError, 429: anthropic.RateLimitError, 500: anthropic.InternalServerError},
    "responses": {400: openai.BadRequestError, 429: openai.RateLimitError, 500: openai.InternalServerError},
    "gemini": {400: google_errors.ClientError, 429: google_errors.ClientError, 500: google_errors.ServerError},
}


def status_and_words(error: Any) -> tuple[int, str]:
    """What a client's exception says."""
    if isinstance(error, google_errors.APIError):
        return error.code, str(error.message)
    return error.status_code, str(error.message)


@ON_EACH
@EACH
@BOTH
@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_providers_error_is_the_clients_own_exception(
    stage: Stage, face: str, wire: str, stream: bool, status: int
) -> None:
    """ERROR-02, ERROR-05, ERROR-08."""
    stage.fakes[wire].fail(HttpError(status, message="the provider's own words", retry_after="7"))
    with pytest.raises(_BASES[face]) as caught:
        ASK[face](stage.url, MODELS[wire], stream=stream)
    assert type(caught.value) is _CLASSES[face][status]
    told, words = status_and_words(caught.value)
    assert told == status
    assert "the provider's own words" in words
    response: Any = caught.value.response  # type: ignore[attr-defined]
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-request-id"]


@ON_EACH
@BOTH
def test_an_unknown_provider_is_the_clients_not_found(stage: Stage, face: str, stream: bool) -> None:
    with pytest.raises(_BASES[face]) as caught:
        ASK[face](stage.url, "nobody/model", stream=stream)
    status, words = status_and_words(caught.value)
    assert status == 404
    assert "nobody" in words


_STREAM_ERRORS: Mapping[str, type[Exception]] = {
    "chat": openai.APIError,
    "messages": anthropic.APIError,
    "responses": openai.APIError,
    "gemini": google_errors.APIError,
}


@ON_EACH
@EACH
@pytest.mark.parametrize("fault", [ErrorMidStream(after=6), CutMidStream(after=6)], ids=["error", "cut"])
def test_a_broken_stream_is_the_clients_exception(stage: Stage, face: str, wire: str, fault: Any) -> None:
    """STREAM-14, STREAM-15: translated or relayed, never a quiet end."""
    stage.fakes[wire].fail(fault)
    with pytest.raises(_STREAM_ERRORS[face]) as caught:
        ASK[face](stage.url, MODELS[wire], stream=True)
    assert str(caught.value)


@ON_EACH
def test_a_silent_stream_is_the_clients_exception(tmp_path: Path, face: str) -> None:
    """STREAM-20: on the wire of the face itself, where bytes are relayed, and on another."""
    fakes = new_fakes()
    with staged(tmp_path, fakes, extra="timeout = { between_events = 0.3 }") as stage:
        for wire in WIRES:
            fakes[wire].fail(EndlessStream(after=6))
            with pytest.raises(_STREAM_ERRORS[face]) as caught:
                ASK[face](stage.url, MODELS[wire], stream=True)
            assert "next event" in str(caught.value)


@ON_EACH
def test_a_missing_router_key_is_the_clients_authentication_error(tmp_path: Path, face: str) -> None:
    """And each client's own way to send its key is taken."""
    keys = f'[[keys]]\nname = "test"\nhash = "{_HASH}"\n'
    with staged(tmp_path, new_fakes(), tail=keys) as stage, pytest.raises(_BASES[face]) as caught:
        ASK[face](stage.url, MODELS["chat"], stream=False)
    assert status_and_words(caught.value)[0] == 401


_HASH = "sha256:" + "0" * 64
