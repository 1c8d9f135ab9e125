"""One router in front of a strict fake of each of the four wires."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.e2e.service import router_service
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.server import FakeProvider, running

MODELS: Mapping[str, str] = {
    "chat": "chat/gpt-4.1",
    "responses": "responses/gpt-5.1",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "google": "google/gemini-3-pro-preview",
}
"""What a caller asks for, by wire."""
WIRES = tuple(MODELS)
DIALECTS: Mapping[str, str] = {
    "chat": "openai-chat",
    "responses": "openai-responses",
    "anthropic": "anthropic-messages",
    "google": "google-generate-content",
}
_SUFFIXES = {"chat": "/v1", "responses": "/v1"}
_PROFILES: Mapping[str, str] = {
    "chat": '{ base = "openai", responses = false }',
    "responses": '"openai"',
    "anthropic": '"anthropic"',
    "google": '"google"',
}


class Stage(msgspec.Struct, frozen=True):
    """A running router and what stands behind it."""

    url: str
    fakes: Mapping[str, FakeProvider]

    def clear(self) -> None:
        """Forget what the fakes were sent."""
        for fake in self.fakes.values():
            fake.requests.clear()

    def sent(self, wire: str) -> list[Any]:
        """The bodies that one fake was sent, parsed."""
        return [request.json for request in self.fakes[wire].requests]


def provider_row(name: str, url: str, *, wire: str = "", extra: str = "") -> str:
    """The configuration of a provider that speaks one wire."""
    wire = wire or name
    return (
        f'[providers.{name}]\ndialect = "{DIALECTS[wire]}"\nbase_url = "{url}{_SUFFIXES.get(wire, "")}"\n'
        f'api_key = "test-key"\nprofile = {_PROFILES[wire]}\n{extra}\n'
    )


def new_fakes() -> dict[str, FakeProvider]:
    """A fake of each wire, by its name."""
    return {
        "chat": OpenAIChat(),
        "responses": OpenAIResponses(),
        "anthropic": AnthropicMessages(),
        "google": Gemini(),
    }


@contextmanager
def staged(folder: Path, fakes: Mapping[str, FakeProvider], extra: str = "", tail: str = "") -> Iterator[Stage]:
    """A router with these fakes as its providers; ``extra`` goes into each row, ``tail`` after all."""
    with ExitStack() as stack:
        rows = [provider_row(name, stack.enter_context(running(fake)), extra=extra) for name, fake in fakes.items()]
        yield Stage(stack.enter_context(router_service(folder, "\n".join([*rows, tail]))), fakes)
