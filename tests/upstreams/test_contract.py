"""What the pool sends for each shipped provider is what the vendor's SDK would have sent, over real sockets."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import msgspec
import openai
import pytest
from google import genai
from google.genai.types import HttpOptions

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.profile import Target
from providers.upstreams.base import ProviderRow
from providers.upstreams.catalog import builtin_profiles, builtin_rows
from providers.wire.json import loads_object
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import RawRequest, RawServer, replying
from tests.upstreams.test_what_is_sent import CANARY, canaries, variables

__all__ = ["canaries", "variables"]

KEY = "contract-key-0123456789"
MODEL = "model-x"
TEXT = "Sum 1 and 2. Ünï."

CHAT: dict[str, Any] = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": TEXT}]}

WIRES = [
    (name, dialect)
    for name, row in builtin_rows().items()
    for dialect in (row.dialect, *(["openai-responses"] if builtin_profiles()[row.profile].responses else []))
]
EACH = pytest.mark.parametrize(("name", "dialect"), WIRES, ids=["-".join(wire) for wire in WIRES])
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])

OURS_ALONE = {
    # Not compressed, and no name of a machine: see ``outgoing.STANDARD``.
    "*": {"accept-encoding", "user-agent"},
    # The SDK sends its own, newest version and, since its version 2, the key as a bearer token.
    "anthropic-messages": {"anthropic-version", "x-api-key"},
    # Here the SDK asks for anything, and there for an event stream alone.
    "google-generate-content": {"accept"},
}
"""Headers of ours that the SDKs send with another value or not at all, by dialect."""


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, variables: set[str]) -> None:
    """The SDKs find nothing in the environment: what they would add from there is the one thing not to be equalled."""
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)


def row_at(server: RawServer, name: str, **changes: Any) -> ProviderRow:
    """The shipped row, with the address of the server for that of its host."""
    shipped = builtin_rows()[name]
    row = ProviderRow(
        name=name,
        dialect=shipped.dialect,
        base_url=server.url + urlsplit(shipped.base_url).path,
        api_key=KEY,
        profile=builtin_profiles()[shipped.profile],
    )
    return msgspec.structs.replace(row, **changes)


async def sent_by_us(row: ProviderRow, dialect: str, *, stream: bool, server: RawServer, opener: Opener) -> RawRequest:
    """What leaves for the request above."""
    request = DIALECTS["openai-chat"].decode_request(loads_object(json.dumps({**CHAT, "stream": stream}).encode()))
    target = Target(provider=row.name, model=MODEL, dialect=dialect, profile=row.profile)
    encoded = DIALECTS[dialect].encode_request(request, target, Report())
    upstream = await opener(row)
    await (await upstream.send(upstream.prepare(encoded, stream=stream))).aclose()
    return server.requests.pop()


async def sent_by_sdk(row: ProviderRow, dialect: str, body: dict[str, Any], *, stream: bool) -> None:
    """The SDK's own call with this body, told nothing but address and key."""
    match dialect:
        case "openai-chat" | "openai-responses":
            async with openai.AsyncOpenAI(api_key=KEY, base_url=row.base_url, max_retries=0) as client:
                create: Any = (client.chat.completions if dialect == "openai-chat" else client.responses).create
                answer = await create(**body)
                if stream:
                    await answer.close()
        case "anthropic-messages":
            async with (
                anthropic.AsyncAnthropic(api_key=KEY, base_url=row.base_url, max_retries=0) as vendor,
                vendor.messages.with_streaming_response.create(**body),
            ):
                pass
        case _:
            # With aiohttp, which it takes where it is installed, the SDK warns of itself.
            http = httpx2.AsyncClient()
            options = HttpOptions(base_url=row.base_url, api_version="v1beta", httpx_async_client=http)
            google = genai.Client(vertexai=False, api_key=KEY, http_options=options)
            call: Any = {"model": MODEL, "contents": TEXT, "config": {"max_output_tokens": 64}}
            if stream:
                assert [piece async for piece in await google.aio.models.generate_content_stream(**call)] == []
            else:
                await google.aio.models.generate_content(**call)
            await google.aio.aclose()
            google.close()
            await http.aclose()


@EACH
@BOTH
async def test_the_pool_sends_what_the_sdk_would(
    name: str, dialect: str, stream: bool, server: RawServer, opened: Opener, nothing_set: None
) -> None:
    """Method, URL, body, and every header that we name."""
    row = row_at(server, name)
    server.answer = replying(b"", headers=("content-type: text/event-stream",)) if stream else replying(b"{}")
    ours = await sent_by_us(row, dialect, stream=stream, server=server, opener=opened)
    await sent_by_sdk(row, dialect, json.loads(ours.body), stream=stream)
    theirs = server.only_request
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert json.loads(ours.body) == json.loads(theirs.body)
    differing = OURS_ALONE["*"] | OURS_ALONE.get(dialect, set()) | {"content-length"}
    named, sent = ours.by_name, theirs.by_name
    assert {header: named[header] for header in named if header not in differing} == {
        header: sent.get(header) for header in named if header not in differing
    }
    assert {header for header in differing & set(named) if sent.get(header) == named[header]} <= {"content-length"}
    assert KEY in sent.get("x-goog-api-key", "") + sent.get("authorization", "")


@EACH
@BOTH
async def test_a_row_sends_the_same_through_its_sdk(
    name: str, dialect: str, stream: bool, server: RawServer, opened: Opener, canaries: None
) -> None:
    """``transport = "sdk"`` changes who carries the bytes, and not one of them, whatever is in the environment."""
    sent = [
        await sent_by_us(
            row_at(server, name, transport=transport), dialect, stream=stream, server=server, opener=opened
        )
        for transport in ("pool", "sdk")
    ]
    assert CANARY not in str(sent)
    assert sent[0].by_name == sent[1].by_name
    assert (sent[0].method, sent[0].target, sent[0].body) == (sent[1].method, sent[1].target, sent[1].body)


@pytest.mark.parametrize("transport", ["pool", "sdk"])
@pytest.mark.parametrize(
    ("name", "header", "sent"),
    [
        ("openai", "Api-Key", {"api-key": KEY}),
        ("anthropic", "authorization", {"authorization": f"Bearer {KEY}"}),
        ("google", "Authorization", {"authorization": f"Bearer {KEY}"}),
    ],
)
async def test_a_row_may_name_the_header_of_its_key(
    transport: str, name: str, header: str, sent: dict[str, str], server: RawServer, opened: Opener
) -> None:
    row = row_at(server, name, key_header=header, transport=transport)
    headers = (await sent_by_us(row, row.dialect, stream=False, server=server, opener=opened)).by_name
    assert sent.items() <= headers.items()
    assert str(headers).count(KEY) == 1
