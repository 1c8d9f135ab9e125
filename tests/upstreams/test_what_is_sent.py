"""What leaves for a provider, byte by byte over a real socket: what the row names, and nothing of the environment."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import httpx2
import msgspec
import pytest

from providers.spec.dialect import EncodedRequest
from providers.upstreams.base import PreparedCall
from providers.upstreams.sdk_google import GoogleUpstream
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import RawServer, replying
from tests.upstreams.rows import BODY, KEY, WIRES, WRITTEN, Wire, each_wire

CANARY = "environment-canary"

NAMED_VARIABLES = frozenset(
    {
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_LOG",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_API_USE_MTLS_ENDPOINT",
        "GOOGLE_CLOUD_LOCATION",
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_GENAI_API_VERSION",
        "GOOGLE_GENAI_CLIENT_MODE",
        "GOOGLE_GENAI_DEFAULT_HEADERS",
        "GOOGLE_GENAI_USE_ENTERPRISE",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "GOOGLE_VERTEX_BASE_URL",
        "OPENAI_ADMIN_KEY",
        "OPENAI_API_KEY",
        "OPENAI_API_TYPE",
        "OPENAI_API_VERSION",
        "OPENAI_BASE_URL",
        "OPENAI_CUSTOM_HEADERS",
        "OPENAI_LOG",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
    }
)
"""Variables of the SDKs that the search below must find, or it does not work."""

VALUES = {
    # Read as headers, one a line or as JSON; as a switch; as a folder; as an address that must not be used.
    "ANTHROPIC_CUSTOM_HEADERS": f"x-canary: {CANARY}\nauthorization: Bearer {CANARY}",
    "OPENAI_CUSTOM_HEADERS": f"x-canary: {CANARY}\nauthorization: Bearer {CANARY}",
    "GOOGLE_GENAI_DEFAULT_HEADERS": f'{{"x-canary": "{CANARY}"}}',
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "GOOGLE_GENAI_USE_ENTERPRISE": "true",
    "GOOGLE_GENAI_CLIENT_MODE": "record",
    # The service is installed without httpx, and with it the SDK must still use our pool.
    "GOOGLE_GENAI_HTTP_CLIENT": "httpx",
    "GOOGLE_API_USE_MTLS_ENDPOINT": "always",
    "GOOGLE_API_USE_CLIENT_CERTIFICATE": "true",
    "ANTHROPIC_OPEN_TELEMETRY": "true",
    "OPENAI_LOG": "debug",
    "ANTHROPIC_LOG": "debug",
    "OPENAI_API_TYPE": "azure",
}

_VARIABLE = re.compile(r"[\"']((?:OPENAI|AZURE_OPENAI|ANTHROPIC|GOOGLE|GEMINI)_[A-Z0-9_]*[A-Z0-9])[\"']")


def sdk_variables() -> set[str]:
    """Every environment variable that the sources of the three SDKs speak of."""
    found: set[str] = set()
    for package in ("openai", "anthropic", "google.genai"):
        file = importlib.import_module(package).__file__
        assert file is not None
        for path in Path(file).parent.rglob("*.py"):
            found.update(_VARIABLE.findall(path.read_text("utf-8")))
    return found


@pytest.fixture(scope="module")
def variables() -> set[str]:
    """See ``sdk_variables``."""
    return sdk_variables()


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: set[str]) -> None:
    """Every variable of the SDKs holds something that must never leave; a .netrc has a password for this machine."""
    for name in variables:
        is_address = name.endswith(("_URL", "_ENDPOINT"))
        monkeypatch.setenv(name, VALUES.get(name, f"http://{CANARY}.invalid" if is_address else CANARY))
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login someone password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_search_finds_the_variables_of_all_sdks(variables: set[str]) -> None:
    assert variables >= NAMED_VARIABLES


@each_wire
async def test_exactly_what_is_named_leaves(wire: Wire, server: RawServer, opened: Opener, canaries: None) -> None:
    upstream = await opened(wire.row(server.url, x_team="blue"))
    call = upstream.prepare(wire.request, stream=True)
    answer = await upstream.send(call)
    await answer.aclose()
    sent = server.only_request
    assert (sent.method, sent.target) == ("POST", wire.base_path + wire.path)
    framing = {"host": f"127.0.0.1:{server.port}", "content-length": str(len(WRITTEN))}
    assert sent.by_name == {**wire.sent_headers, "x-team": "blue", **framing}
    assert sent.body == WRITTEN


@each_wire
@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_prepared_is_what_is_sent(
    wire: Wire, stream: bool, server: RawServer, opened: Opener, canaries: None
) -> None:
    upstream = await opened(wire.row(server.url))
    call = upstream.prepare(wire.request, stream=stream)
    assert server.connections == 0
    await (await upstream.send(call)).aclose()
    sent = server.only_request
    assert call == PreparedCall(
        method=sent.method,
        url=server.url + sent.target,
        headers={name: value for name, value in sent.by_name.items() if name not in {"host", "content-length"}},
        body=sent.body,
        stream=stream,
    )


@each_wire
async def test_a_call_prepared_once_may_be_sent_again(wire: Wire, server: RawServer, opened: Opener) -> None:
    """GATE-03: a second attempt sends the same bytes."""
    upstream = await opened(wire.row(server.url))
    call = upstream.prepare(wire.request, stream=False)
    before = msgspec.structs.asdict(call)
    for _ in range(2):
        answer = await upstream.send(call)
        assert [piece async for piece in answer.chunks()] == [b"{}"]
    assert server.requests[0] == server.requests[1]
    assert msgspec.structs.asdict(call) == before


@each_wire
async def test_a_row_without_a_key_sends_none(wire: Wire, server: RawServer, opened: Opener, canaries: None) -> None:
    upstream = await opened(wire.row(server.url, key=None))
    await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
    headers = server.only_request.by_name
    assert not {"authorization", "x-api-key", "x-goog-api-key", "cookie"} & set(headers)
    assert CANARY not in str(server.only_request)
    assert "unused" not in str(server.only_request)


@each_wire
async def test_a_header_of_the_row_wins_over_every_other(wire: Wire, server: RawServer, opened: Opener) -> None:
    headers = {wire.key_header: "mine", "authorization": "Bearer mine", "user-agent": "mine", "anthropic-version": "x"}
    row = msgspec.structs.replace(wire.row(server.url), headers={name.title(): v for name, v in headers.items()})
    upstream = await opened(row)
    await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
    sent = server.only_request.by_name
    assert {name: sent[name] for name in headers} == headers | ({"authorization": "Bearer mine"})
    assert KEY not in str(server.only_request)


@each_wire
@pytest.mark.parametrize("suffix", ["", "/", "/proxy/v7", "/proxy/v7/", "/a%20b"])
async def test_the_path_of_the_base_url_is_kept(wire: Wire, suffix: str, server: RawServer, opened: Opener) -> None:
    row = msgspec.structs.replace(wire.row(server.url), base_url=server.url + suffix)
    upstream = await opened(row)
    await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
    assert server.only_request.target == suffix.rstrip("/") + wire.path


@each_wire
async def test_a_body_of_megabytes_leaves_whole(wire: Wire, server: RawServer, opened: Opener) -> None:
    upstream = await opened(wire.row(server.url))
    text = "x" * (5 << 20)
    request = EncodedRequest(path=wire.path, body={**BODY, "text": text}, headers=wire.headers)
    await (await upstream.send(upstream.prepare(request, stream=False))).aclose()
    assert server.only_request.body == WRITTEN.replace("ünï 🙂 </script>".encode(), text.encode())


@each_wire
async def test_cookies_that_a_provider_sets_are_not_kept(wire: Wire, server: RawServer, opened: Opener) -> None:
    """The pool is shared by all rows: a cookie of one call must not mark the next."""
    server.answer = replying(b"{}", headers=("set-cookie: session=1; path=/",))
    upstream = await opened(wire.row(server.url))
    for _ in range(2):
        answer = await upstream.send(upstream.prepare(wire.request, stream=False))
        assert [piece async for piece in answer.chunks()] == [b"{}"]
    assert "cookie" not in server.requests[1].by_name


async def test_the_environment_does_not_move_a_shipped_host(canaries: None) -> None:
    """With GOOGLE_API_USE_MTLS_ENDPOINT the SDK sends to ….mtls.googleapis.com in some of its modes; not in ours."""
    seen: list[str] = []

    async def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return httpx2.Response(200, json={})

    wire = WIRES[2]
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(keep)) as mocked:
        upstream = GoogleUpstream(wire.row("https://generativelanguage.googleapis.com"), {}, mocked)
        await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
        await upstream.aclose()
    assert seen == ["https://generativelanguage.googleapis.com" + wire.path]
