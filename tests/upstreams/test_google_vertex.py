"""The row ``google-vertex``: its addresses, its words, its tokens; as the vendors' own clients have them."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from google import genai
from google.genai.types import HttpOptions
from google.oauth2.credentials import Credentials

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError, ProviderError, RouterError
from providers.spec.profile import Target
from providers.upstreams.base import ProviderRow, Upstream, scope_of
from providers.upstreams.pool import Pool
from providers.upstreams.tokened import TokenUpstream
from providers.upstreams.tokens import Token
from providers.wire.json import loads_object
from router.config import load_config
from tests.fakes.server import running
from tests.fakes.token_server import TokenServer, credentials_file
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import WAIT_SECONDS, RawRequest, RawServer, replying

GEMINI, CLAUDE = "gemini-3.1-pro-preview", "claude-sonnet-4-5@20250929"
EACH = pytest.mark.parametrize("model", [GEMINI, CLAUDE])
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
TEXT = "Sum 1 and 2. Ünï."
CHAT: dict[str, Any] = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": TEXT}]}


def row_of(model: str, base_url: str, file: Path | None = None) -> ProviderRow:
    """The row as the configuration makes it, for this model."""
    environ = {"GOOGLE_CLOUD_PROJECT": "project-1", "GOOGLE_CLOUD_LOCATION": "us-east5"}
    row = load_config(None, environ | {"GOOGLE_VERTEX_BASE_URL": base_url}).rows["google-vertex"].for_model(model)
    return msgspec.structs.replace(row, credentials_file=None if file is None else str(file))


def encoded(row: ProviderRow, model: str, *, stream: bool) -> EncodedRequest:
    """The request above as the pipeline hands it to the transport."""
    request = DIALECTS["openai-chat"].decode_request(loads_object(json.dumps({**CHAT, "stream": stream}).encode()))
    target = Target(provider=row.name, model=model, dialect=row.dialect, profile=row.profile)
    return msgspec.structs.replace(DIALECTS[row.dialect].encode_request(request, target, Report()), model=model)


class Given:
    """A token that is there."""

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    def fetch(self) -> Token:
        return Token("given-token", 4e9)


# ---- what the vendors' own clients send


async def sent_by_us(server: RawServer, model: str, *, stream: bool, version: str | None = None) -> RawRequest:
    row = row_of(model, server.url)
    request = encoded(row, model, stream=stream)
    if version is not None:
        request = msgspec.structs.replace(request, headers={"anthropic-version": version})
    async with Pool() as pool:
        upstream = TokenUpstream(row, pool, Given())
        await (await upstream.send(upstream.prepare(request, stream=stream))).aclose()
        await upstream.aclose()
    return server.requests.pop()


def same(ours: RawRequest, theirs: RawRequest) -> None:
    """Address, body, and the headers that both name."""
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert json.loads(ours.body) == json.loads(theirs.body)
    assert ours.by_name["authorization"] == theirs.by_name["authorization"] == "Bearer given-token"
    assert ours.by_name["content-type"] == theirs.by_name["content-type"]
    assert "anthropic-version" not in ours.by_name
    assert "anthropic-version" not in theirs.by_name


@BOTH
async def test_gemini_goes_out_as_google_genai_sends_it(stream: bool, server: RawServer) -> None:
    server.answer = replying(b"", headers=("content-type: text/event-stream",)) if stream else replying(b"{}")
    ours = await sent_by_us(server, GEMINI, stream=stream)
    async with httpx2.AsyncClient() as http:
        client = genai.Client(
            vertexai=True,
            project="project-1",
            location="us-east5",
            credentials=Credentials(token="given-token"),  # type: ignore[no-untyped-call]
            http_options=HttpOptions(base_url=server.url, httpx_async_client=http),
        )
        call: Any = {"model": GEMINI, "contents": TEXT, "config": {"max_output_tokens": 64}}
        if stream:
            assert [each async for each in await client.aio.models.generate_content_stream(**call)] == []
        else:
            await client.aio.models.generate_content(**call)
        await client.aio.aclose()
        client.close()
    same(ours, server.only_request)


@BOTH
async def test_claude_goes_out_as_the_anthropic_sdk_sends_it(stream: bool, server: RawServer) -> None:
    """The SDK asks for the newest version; so does the router where its caller does, as that SDK's users do."""
    server.answer = replying(b"", headers=("content-type: text/event-stream",)) if stream else replying(b"{}")
    ours = await sent_by_us(server, CLAUDE, stream=stream, version="2026-10-21")
    client = anthropic.AsyncAnthropicVertex(
        region="us-east5",
        project_id="project-1",
        access_token="given-token",
        base_url=f"{server.url}/v1",
        max_retries=0,
    )
    body = {name: value for name, value in json.loads(ours.body).items() if name != "anthropic_version"}
    async with client, client.messages.with_streaming_response.create(**body, model=CLAUDE):
        pass
    same(ours, server.only_request)


async def test_the_version_of_the_codec_has_its_own_name_there(server: RawServer) -> None:
    ours = await sent_by_us(server, CLAUDE, stream=False)
    assert json.loads(ours.body)["anthropic_version"] == "vertex-2023-10-16"


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("us-east5", "https://us-east5-aiplatform.googleapis.com"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_the_address_is_that_of_both_sdks(location: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_VERTEX_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    environ = {"GOOGLE_CLOUD_PROJECT": "project-1", "CLOUD_ML_REGION": location}
    row = load_config(None, environ).rows["google-vertex"]
    assert row.base_url == row.for_model(CLAUDE).base_url == address
    theirs = anthropic.AnthropicVertex(region=location, project_id="project-1", access_token="x")
    assert str(theirs.base_url) == f"{address}/v1/"
    theirs.close()
    credentials = Credentials(token="x")  # type: ignore[no-untyped-call]
    client = genai.Client(vertexai=True, project="project-1", location=location, credentials=credentials)
    assert client._api_client._http_options.base_url == f"{address}/"
    client.close()


# ---- relayed


@EACH
async def test_a_relayed_body_keeps_every_other_byte(model: str, server: RawServer) -> None:
    """ARGS-10, ARGS-12: spaces, literals, escapes and order; what this host does not take is taken out."""
    raw = b'{ "max_tokens" : 1e2 ,\n"model": "m", "z": [1.50, 12345678901234567890], "t": "\\u00e9\xc3\xa9" }'
    row = row_of(model, server.url)
    request = EncodedRequest(
        path="/x", body=loads_object(raw), content=raw, model=model, headers={"anthropic-version": "2023-06-01"}
    )
    async with Pool() as pool:
        upstream = TokenUpstream(row, pool, Given())
        await (await upstream.send(upstream.prepare(request, stream=False))).aclose()
        await upstream.aclose()
    version = b',"anthropic_version":"vertex-2023-10-16"' if model == CLAUDE else b""
    expected = b'{ "max_tokens" : 1e2, "z": [1.50, 12345678901234567890], "t": "\\u00e9\xc3\xa9"' + version + b" }"
    if model == GEMINI:
        # Its header of another dialect would not be there.
        assert server.only_request.by_name["anthropic-version"] == "2023-06-01"
    assert server.only_request.body == expected


# ---- tokens


@pytest.fixture
def tokens() -> TokenServer:
    return TokenServer()


@pytest.fixture
def token_url(tokens: TokenServer) -> Iterator[str]:
    with running(tokens.app) as url:
        yield url


@pytest.fixture
async def vertex(server: RawServer, opened: Opener, token_url: str, tmp_path: Path) -> Upstream:
    """The row in front of a server that takes what is sent, with a service account's file."""
    return await opened(row_of(GEMINI, server.url, credentials_file(tmp_path, token_url)))


async def called(upstream: Upstream) -> int:
    """The status of one call."""
    row = row_of(GEMINI, "http://127.0.0.1:1")
    async with asyncio.timeout(WAIT_SECONDS):
        answer = await upstream.send(upstream.prepare(encoded(row, GEMINI, stream=False), stream=False))
        await answer.read(1 << 20, lambda: None)
    return answer.status


async def test_a_service_accounts_token_goes_with_every_call(
    vertex: Upstream, tokens: TokenServer, server: RawServer
) -> None:
    """One fetch for however many calls; google-auth's own, signed with the account's key."""
    assert await asyncio.gather(*(called(vertex) for _ in range(20))) == [200] * 20
    assert tokens.asked == 1
    assert {request.by_name["authorization"] for request in server.requests} == {f"Bearer {tokens.issued[0]}"}


async def test_preparing_asks_nobody(vertex: Upstream, tokens: TokenServer, server: RawServer) -> None:
    """``/explain`` needs no network, and has no token to show."""
    call = vertex.prepare(encoded(row_of(GEMINI, server.url), GEMINI, stream=False), stream=False)
    assert (tokens.asked, server.connections) == (0, 0)
    assert call.headers["authorization"] == "Bearer (an access token)"


async def test_a_token_that_ends_is_replaced(vertex: Upstream, tokens: TokenServer, server: RawServer) -> None:
    tokens.lives = 20
    for _ in range(3):
        assert await called(vertex) == 200
    sent = [request.by_name["authorization"] for request in server.requests]
    assert sent == [f"Bearer {token}" for token in tokens.issued]
    assert len(set(sent)) == 3


async def test_a_token_that_was_withdrawn_is_replaced_once(
    vertex: Upstream, tokens: TokenServer, server: RawServer
) -> None:
    async def judged(connection: Any) -> None:
        good = tokens.takes(server.requests[-1].by_name["authorization"].removeprefix("Bearer "))
        await (replying(b"{}") if good else replying(b"{}", "401 Unauthorized"))(connection)

    server.answer = judged
    assert await called(vertex) == 200
    tokens.withdraw()
    assert await called(vertex) == 200
    assert (tokens.asked, len(server.requests)) == (2, 3)
    server.answer = replying(b'{"error": {"code": 401}}', "401 Unauthorized")
    assert await called(vertex) == 401
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("refusal", "kind", "message"),
    [
        (
            (400, {"error": "invalid_grant", "error_description": "Invalid JWT: canary-of-the-answer"}),
            ProviderError,
            "no access token for google-vertex: the token server refuses the credentials (invalid_grant)",
        ),
        (
            (400, {"error": "canary of the answer, and no word"}),
            ProviderError,
            "no access token for google-vertex: the token server refuses the credentials",
        ),
        ((503, {"error": "canary-of-the-answer"}), ProviderConnectionError, "the token server does not work"),
    ],
)
async def test_without_a_token_nothing_leaves_and_the_error_tells_no_secret(
    refusal: tuple[int, dict[str, str]],
    kind: type[RouterError],
    message: str,
    vertex: Upstream,
    tokens: TokenServer,
    server: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff._DEFAULT_INITIAL_INTERVAL_SECONDS", 0.01)
    caplog.set_level(logging.DEBUG)
    tokens.refusing = refusal
    with pytest.raises(kind) as caught:
        await called(vertex)
    assert message in caught.value.message
    assert caught.value.status == (502 if kind is ProviderConnectionError else 401)
    assert caught.value.provider == "google-vertex"
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    shown += "".join(record.getMessage() for record in caplog.records if not record.name.startswith("asyncio"))
    assert "canary" not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "PRIVATE KEY" not in shown
    assert server.requests == []
    tokens.refusing = None
    assert await called(vertex) == 200


async def test_a_token_server_that_is_not_there_is_a_connection_error(
    server: RawServer, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff._DEFAULT_INITIAL_INTERVAL_SECONDS", 0.01)
    upstream = await opened(row_of(GEMINI, server.url, credentials_file(tmp_path, "http://127.0.0.1:9")))
    with pytest.raises(ProviderConnectionError, match="the token server cannot be reached"):
        await called(upstream)


@pytest.mark.parametrize("text", ["", "no JSON", '{"type": "nonsense"}', '{"type": "service_account"}'])
async def test_a_credentials_file_that_is_none_is_refused_when_the_row_is_opened(
    text: str, opened: Opener, tmp_path: Path
) -> None:
    file = tmp_path / "canary-credentials.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="provider google-vertex: the credentials file cannot be used"):
        await opened(row_of(GEMINI, "https://host", file))


async def test_the_project_that_is_billed_goes_along(
    server: RawServer, opened: Opener, token_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As google-auth and Google's SDK send it; known before any token is."""
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "billed-1")
    file = credentials_file(tmp_path, token_url)
    upstream = await opened(row_of(GEMINI, server.url, file))
    assert await called(upstream) == 200
    assert server.only_request.by_name["x-goog-user-project"] == "billed-1"


async def test_a_header_of_the_row_wins_over_the_token(
    server: RawServer, opened: Opener, tokens: TokenServer, token_url: str, tmp_path: Path
) -> None:
    row = row_of(GEMINI, server.url, credentials_file(tmp_path, token_url))
    upstream = await opened(msgspec.structs.replace(row, headers={"Authorization": "Bearer mine"}))
    assert await called(upstream) == 200
    assert (server.only_request.by_name["authorization"], tokens.asked) == ("Bearer mine", 0)


def test_state_is_stamped_with_the_project_and_not_with_a_token() -> None:
    """REASON-05: both wires of one project, and no other project."""
    rows = [row_of(model, "https://host") for model in (GEMINI, CLAUDE)]
    assert scope_of(rows[0]) == scope_of(rows[1]) != ""
    assert scope_of(rows[0]) != scope_of(msgspec.structs.replace(rows[0], account="project-2"))
