"""One router in front of a strict fake of each provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import router_before
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import FakeProvider


@pytest.fixture
def fakes() -> dict[str, FakeProvider]:
    """The fakes, fresh for each test."""
    return {"openai": OpenAIChat(), "anthropic": AnthropicMessages(), "google": Gemini()}


@pytest.fixture
def router_url(tmp_path: Path, fakes: dict[str, FakeProvider]) -> Iterator[str]:
    """The address of a router in front of the fakes."""
    with router_before(tmp_path, fakes) as url:
        yield url
