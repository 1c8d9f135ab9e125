"""The router under test: the real application on a real socket, in front of the providers a test names."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from router.app import create_app
from router.config import load_config
from router.connection import Connection
from tests.fakes.server import FakeProvider, running

DIALECTS = {
    "openai": ("openai-chat", "/v1"),
    "anthropic": ("anthropic-messages", ""),
    "google": ("google-generate-content", ""),
}
MODELS = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4-5", "google": "gemini-3-pro-preview"}


@contextmanager
def router_service(
    folder: Path,
    toml: str = "",
    environ: Mapping[str, str] | None = None,
    *,
    http: type[asyncio.Protocol] | None = Connection,
) -> Iterator[str]:
    """A running router with this configuration, on what ``ai-router serve`` runs; gives its URL without ``/v1``."""
    file = folder / "router.toml"
    file.write_text(toml)
    with running(create_app(load_config(file, environ or {})), http=http) as url:
        yield url


def row(name: str, url: str, extra: str = "") -> str:
    """The configuration of one shipped provider, pointed at a fake."""
    dialect, suffix = DIALECTS[name]
    return f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "{url}{suffix}"\napi_key = "test-key"\n{extra}\n'


@contextmanager
def router_before(
    folder: Path,
    fakes: Mapping[str, FakeProvider],
    extra: str = "",
    tail: str = "",
    *,
    http: type[asyncio.Protocol] | None = Connection,
) -> Iterator[str]:
    """A running router with these fakes as its providers, by name; ``extra`` goes into each row, ``tail`` after all."""
    with ExitStack() as stack:
        rows = [row(name, stack.enter_context(running(fake)), extra) for name, fake in fakes.items()]
        yield stack.enter_context(router_service(folder, "\n".join([*rows, tail]), http=http))


def client(url: str) -> httpx2.Client:
    """A plain HTTP client that waits no longer than a test may."""
    return httpx2.Client(base_url=url, timeout=20.0, trust_env=False)
