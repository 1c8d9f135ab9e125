"""One pool carries the bytes of every row, whatever else is installed or set."""

from __future__ import annotations

import asyncio
from pathlib import Path

import google.genai._api_client as google_client
import pytest

from providers.spec.errors import ProviderConnectionError
from providers.upstreams.base import Upstream
from providers.upstreams.factory import open_upstream
from providers.upstreams.pool import Pool
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import RawServer, raw_server, replying
from tests.upstreams.rows import SDK_WIRES, WIRES, Wire, each_wire
from tests.upstreams.tls import Elsewhere, certificate_for, tls_server


async def called(upstream: Upstream, wire: Wire) -> bytes:
    """The body of one plain answer."""
    answer = await upstream.send(upstream.prepare(wire.request, stream=False))
    return await answer.read(1 << 20, lambda: None)


@pytest.mark.parametrize("wires", [WIRES, SDK_WIRES], ids=["pool", "sdk"])
async def test_all_rows_share_one_pool(wires: tuple[Wire, ...], server: RawServer, opened: Opener) -> None:
    """A connection that one row has finished with is taken by the next row."""
    for wire in wires:
        assert await called(await opened(wire.row(server.url)), wire) == b"{}"
    assert (len(server.requests), server.connections) == (len(wires), 1)


async def test_closing_an_upstream_leaves_the_pool_open(server: RawServer, pool: Pool) -> None:
    for wire in (*WIRES, *SDK_WIRES):
        upstream = await open_upstream(wire.row(server.url), pool)
        await upstream.aclose()
    for wire in (WIRES[0], SDK_WIRES[0]):
        upstream = await open_upstream(wire.row(server.url), pool)
        assert await called(upstream, wire) == b"{}"
        await upstream.aclose()
    assert not pool.is_closed


@each_wire
async def test_closing_the_pool_closes_its_connections(wire: Wire, server: RawServer) -> None:
    async with Pool() as pool:
        upstream = await open_upstream(wire.row(server.url), pool)
        assert await called(upstream, wire) == b"{}"
        assert not server.left.is_set()
        await upstream.aclose()
    await server.wait_left()
    assert pool.is_closed


@each_wire
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_loopback_address_is_never_proxied(
    wire: Wire, variable: str, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model server on this machine is not to be found behind a company's proxy."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with Pool() as pool:
        for host in ("127.0.0.1", "localhost"):
            upstream = await open_upstream(wire.row(f"http://{host}:{server.port}"), pool)
            await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
            await upstream.aclose()
    assert len(server.requests) == 2


PROXIES = ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "http_proxy", "HTTP_PROXY")


@pytest.mark.parametrize("wire", [WIRES[0], SDK_WIRES[0]], ids=["pool", "sdk"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_used_for_other_hosts(
    wire: Wire, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    async with raw_server() as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("://", "://user:pass@"))
        async with Pool() as pool:
            upstream = await open_upstream(wire.row("http://provider.invalid"), pool)
            await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
            await upstream.aclose()
    assert proxy.only_request.target == "http://provider.invalid/v1/chat/completions"
    assert proxy.only_request.by_name["proxy-authorization"] == "Basic dXNlcjpwYXNz"


@pytest.mark.parametrize("excepted", ["provider.test", ".test", "*"])
async def test_hosts_without_a_proxy_are_reached_directly(
    excepted: str, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", excepted)
    async with Pool(resolver=Elsewhere(server.port)) as pool:
        upstream = await open_upstream(WIRES[0].row("http://provider.test"), pool)
        assert await called(upstream, WIRES[0]) == b"{}"
    assert server.only_request.by_name["host"] == "provider.test"


async def test_a_proxy_of_another_kind_is_refused(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://user:password@127.0.0.1:9")
    with pytest.raises(ValueError, match=r"not supported \(socks5\)") as caught:
        await opened(WIRES[0].row("http://provider.test"))
    assert "password" not in str(caught.value)


async def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against what ``SSL_CERT_FILE`` names; the system's certificates know nothing of this one."""
    for name in [*PROXIES, "HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"]:
        monkeypatch.delenv(name, raising=False)
    authority, host = certificate_for(tmp_path, "provider.test")
    row = WIRES[0].row("https://provider.test")
    async with tls_server(host) as served:
        async with Pool(resolver=Elsewhere(served.port)) as pool:
            upstream = await open_upstream(row, pool)
            with pytest.raises(ProviderConnectionError, match="its certificate is not trusted here"):
                await called(upstream, WIRES[0])
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        async with Pool(resolver=Elsewhere(served.port)) as pool:
            upstream = await open_upstream(row, pool)
            for _ in range(2):
                assert await called(upstream, WIRES[0]) == b"{}"
            other = await open_upstream(WIRES[0].row("https://other.test"), pool)
            with pytest.raises(ProviderConnectionError, match="its certificate is not trusted here"):
                await called(other, WIRES[0])
    assert [request.by_name["host"] for request in served.requests] == ["provider.test"] * 2


async def test_certificates_that_are_not_there_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authority.pem")
    with pytest.raises(FileNotFoundError):
        Pool()


async def test_an_installed_aiohttp_changes_nothing_for_the_sdks(
    server: RawServer, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """google-genai takes aiohttp wherever it is importable, and with it a hidden retry and another pool."""

    def used(*arguments: object, **named: object) -> None:
        raise AssertionError("aiohttp was used")

    upstreams = [await opened(wire.row(server.url)) for wire in SDK_WIRES]
    monkeypatch.setattr("aiohttp.ClientSession.request", used)
    monkeypatch.setattr("aiohttp.ClientSession.__init__", used)
    assert google_client.has_aiohttp
    for wire, upstream in zip(SDK_WIRES, upstreams, strict=True):
        assert await called(upstream, wire) == b"{}"
    assert server.connections == 1


async def test_a_body_is_read_up_to_its_limit(server: RawServer, opened: Opener) -> None:
    """What is longer is not read to its end, and its connection not kept."""
    server.answer = replying(b"x" * 500_000)
    upstream = await opened(WIRES[0].row(server.url))
    answer = await upstream.send(upstream.prepare(WIRES[0].request, stream=False))
    assert 1000 < len(await answer.read(1000, lambda: None)) <= 500_000
    await answer.aclose()
    answer = await upstream.send(upstream.prepare(WIRES[0].request, stream=False))
    assert await answer.read(500_000, lambda: None) == b"x" * 500_000
    await asyncio.sleep(0)
    assert len(server.requests) == 2
