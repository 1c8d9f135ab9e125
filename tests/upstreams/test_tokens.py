"""Tokens are fetched early, once for however many calls, and never by a caller that has left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import pytest

from providers.spec.errors import ProviderConnectionError, ProviderError
from providers.upstreams.base import ProviderRow, scope_of
from providers.upstreams.tokens import Token, TokenError, Tokens

ROW = ProviderRow(name="row", dialect="openai-chat", base_url="https://host", tokens="google", account="project-1")
WAIT_SECONDS = 10.0


class Source:
    """Tokens ``t0``, ``t1``, …, each good for an hour of the test's clock; a fetch waits where the test holds it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.fetched = 0
        self.failing: TokenError | None = None
        self.open = threading.Event()
        self.open.set()
        self.at_once = 0
        self.most_at_once = 0

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    def fetch(self) -> Token:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.open.wait(WAIT_SECONDS)
        self.at_once -= 1
        self.fetched += 1
        if self.failing is not None:
            raise self.failing
        return Token(f"t{self.fetched - 1}", self.now + 3600)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def source() -> Source:
    return Source()


def tokens_of(source: Source) -> Tokens:
    return Tokens(ROW, source, source.clock)


async def fetched(tokens: Tokens, source: Source, count: int) -> None:
    """Until so many were fetched, the one under way among them."""
    if tokens._fetching is not None:
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(tokens._fetching, return_exceptions=True)
    assert source.fetched == count


async def test_many_calls_wait_for_one_fetch(source: Source) -> None:
    tokens = tokens_of(source)
    source.open.clear()
    waiting = [asyncio.create_task(tokens.current()) for _ in range(50)]
    await asyncio.sleep(0)
    source.open.set()
    assert {token.text for token in await asyncio.gather(*waiting)} == {"t0"}
    assert (source.fetched, source.most_at_once) == (1, 1)
    assert (await tokens.current()).text == "t0"
    await tokens.aclose()


async def test_a_token_is_replaced_before_it_ends_while_calls_go_on_with_it(source: Source) -> None:
    tokens = tokens_of(source)
    assert (await tokens.current()).text == "t0"
    source.now += 3600 - 301
    assert (await tokens.current()).text == "t0"
    assert source.fetched == 1
    source.now += 2
    source.open.clear()
    assert [(await tokens.current()).text for _ in range(3)] == ["t0"] * 3
    source.open.set()
    await fetched(tokens, source, 2)
    assert (await tokens.current()).text == "t1"
    await tokens.aclose()


async def test_a_token_that_is_about_to_end_is_not_used(source: Source) -> None:
    tokens = tokens_of(source)
    await tokens.current()
    source.now += 3600 - 29
    assert (await tokens.current()).text == "t1"
    await tokens.aclose()


async def test_a_failed_fetch_is_no_matter_while_the_token_is_good(source: Source) -> None:
    """And is not tried again with every call."""
    tokens = tokens_of(source)
    await tokens.current()
    source.now += 3600 - 100
    source.failing = TokenError("the token server does not work", retryable=True)
    for _ in range(5):
        assert (await tokens.current()).text == "t0"
        await fetched(tokens, source, 2)
    assert source.fetched == 2
    source.failing = None
    source.now += 11
    assert (await tokens.current()).text == "t0"
    await fetched(tokens, source, 3)
    assert (await tokens.current()).text == "t2"
    await tokens.aclose()


@pytest.mark.parametrize(
    ("retryable", "kind", "status"), [(True, ProviderConnectionError, 502), (False, ProviderError, 401)]
)
async def test_without_a_token_the_error_says_why(
    source: Source, retryable: bool, kind: type[Exception], status: int
) -> None:
    tokens = tokens_of(source)
    source.failing = TokenError("for this reason", retryable=retryable)
    for _ in range(2):
        with pytest.raises(kind) as caught:
            await tokens.current()
        assert isinstance(caught.value, ProviderError | ProviderConnectionError)
        assert (caught.value.status, caught.value.retryable) == (status, retryable)
        assert caught.value.message == "no access token for row: for this reason"
    assert source.fetched == 2
    source.failing = None
    assert (await tokens.current()).text == "t2"
    await tokens.aclose()


async def test_what_no_header_can_carry_is_no_token(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "fetch", lambda: Token("x\r\nx-evil: 1", 1e9))
    tokens = tokens_of(source)
    with pytest.raises(ProviderConnectionError, match="what came is no token") as caught:
        await tokens.current()
    assert "evil" not in str(caught.value)
    await tokens.aclose()


async def test_a_caller_that_leaves_does_not_end_the_fetch_of_the_others(source: Source) -> None:
    tokens = tokens_of(source)
    source.open.clear()
    leaving, staying = (asyncio.create_task(tokens.current()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    source.open.set()
    assert (await staying).text == "t0"
    await tokens.aclose()


async def test_a_refused_token_is_replaced_once_for_all(source: Source) -> None:
    tokens = tokens_of(source)
    token = await tokens.current()
    tokens.refuse(token)
    assert (await tokens.current()).text == "t1"
    tokens.refuse(token)
    assert (await tokens.current()).text == "t1"
    assert source.fetched == 2
    await tokens.aclose()


async def test_closing_waits_for_nobody(source: Source) -> None:
    tokens = tokens_of(source)
    source.open.clear()
    waiting = asyncio.create_task(tokens.current())
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_SECONDS):
        await tokens.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    source.open.set()


def test_a_token_is_in_no_repr() -> None:
    assert "secret" not in repr(Token("secret", 1.0))


def test_the_scope_of_state_is_the_accounts_and_no_tokens() -> None:
    """REASON-05: state stays valid through every refresh, and is not taken to another project."""
    other = ProviderRow(
        name="row", dialect="openai-chat", base_url="https://host", tokens="google", account="project-2"
    )
    assert scope_of(ROW) == scope_of(ROW) != ""
    assert scope_of(ROW) != scope_of(other)
