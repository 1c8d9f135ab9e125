"""Azure with tokens of Microsoft Entra, through azure-identity as it is, from a managed identity on loopback."""

from __future__ import annotations

import asyncio
import builtins
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError, ProviderError, RouterError
from providers.upstreams.base import ProviderRow, Upstream, scope_of
from router.config import load_config
from tests.fakes.server import running
from tests.fakes.token_server import IDENTITY_HEADER, TokenServer
from tests.router.test_config import load
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import WAIT_SECONDS, RawServer

ADDRESS = {"AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com", "AZURE_CLIENT_ID": "client-1"}
REQUEST = EncodedRequest(path="/chat/completions", body={"model": "my-deployment"})


@pytest.fixture
def tokens() -> TokenServer:
    return TokenServer()


@pytest.fixture
def identity(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A managed identity as an Azure service gives it to its programs, and no other credential."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "MSI_", "IDENTITY_"))]:
        monkeypatch.delenv(name)
    with running(tokens.app) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        # No command line is asked, nor the user's own machine.
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        yield


def row_at(server: RawServer) -> ProviderRow:
    """The shipped row, at the server's address."""
    row = load_config(None, ADDRESS).rows["azure-openai"]
    return msgspec.structs.replace(row, base_url=f"{server.url}/openai/v1")


async def called(upstream: Upstream) -> int:
    """The status of one call."""
    async with asyncio.timeout(WAIT_SECONDS):
        answer = await upstream.send(upstream.prepare(REQUEST, stream=False))
        await answer.read(1 << 20, lambda: None)
    return answer.status


async def test_a_token_goes_where_the_key_would(
    server: RawServer, opened: Opener, tokens: TokenServer, identity: None
) -> None:
    upstream = await opened(row_at(server))
    assert await asyncio.gather(*(called(upstream) for _ in range(5))) == [200] * 5
    assert tokens.asked == 1
    for request in server.requests:
        assert request.target == "/openai/v1/chat/completions"
        assert request.by_name["authorization"] == f"Bearer {tokens.issued[0]}"
        assert "api-key" not in request.by_name


async def test_a_token_that_was_withdrawn_is_replaced(
    server: RawServer, opened: Opener, tokens: TokenServer, identity: None
) -> None:
    """Though azure-identity keeps tokens of its own."""
    tokens.lives = 10
    upstream = await opened(row_at(server))
    for _ in range(2):
        assert await called(upstream) == 200
    assert len({request.by_name["authorization"] for request in server.requests}) == 2


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (400, ProviderError, "no access token for azure-openai: no credential of Azure was found or taken"),
        (500, ProviderError, "no access token for azure-openai: no credential of Azure was found or taken"),
    ],
)
async def test_without_a_token_nothing_leaves(
    status: int,
    kind: type[RouterError],
    message: str,
    server: RawServer,
    opened: Opener,
    tokens: TokenServer,
    identity: None,
) -> None:
    tokens.refusing = (status, {"error": "canary", "error_description": "canary"})
    upstream = await opened(row_at(server))
    with pytest.raises((ProviderError, ProviderConnectionError)) as caught:
        await called(upstream)
    assert isinstance(caught.value, kind)
    assert caught.value.message == message
    assert server.requests == []


async def test_without_the_extra_the_row_says_which_it_needs(
    server: RawServer, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("azure"):
            raise ImportError(name)
        return imported(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"provider azure-openai: .* pip install \"\.\[azure\]\""):
        await opened(row_at(server))


def test_tokens_are_taken_where_there_is_no_key(tmp_path: Path) -> None:
    row = load_config(None, ADDRESS).rows["azure-openai"]
    assert (row.tokens, row.api_key, row.token_scope) == ("azure", None, "https://cognitiveservices.azure.com/.default")
    keyed = load_config(None, ADDRESS | {"AZURE_OPENAI_API_KEY": "key-1"}).rows["azure-openai"]
    assert (keyed.tokens, keyed.api_key) == (None, "key-1")
    said = load(tmp_path, '[providers.azure-openai]\ntokens = "azure"', AZURE_OPENAI_ENDPOINT="https://x").rows
    assert said["azure-openai"].tokens == "azure"
    assert scope_of(row) != scope_of(msgspec.structs.replace(row, account="client-2"))
