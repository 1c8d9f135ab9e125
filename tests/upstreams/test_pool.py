"""One pool carries the bytes of every row, whatever else is installed or set."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from providers.upstreams.factory import new_pool, open_upstream
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import RawServer, raw_server
from tests.upstreams.rows import WIRES, Wire, each_wire

REPOSITORY = Path(__file__).resolve().parents[2]


async def test_all_rows_share_one_pool(server: RawServer, opened: Opener) -> None:
    """A connection that one row's SDK has finished with is taken by the next row's."""
    for wire in WIRES:
        upstream = await opened(wire.row(server.url))
        answer = await upstream.send(upstream.prepare(wire.request, stream=False))
        assert [piece async for piece in answer.chunks()] == [b"{}"]
    assert (len(server.requests), server.connections) == (len(WIRES), 1)


async def test_closing_an_upstream_leaves_the_pool_open(server: RawServer, pool: httpx2.AsyncClient) -> None:
    for wire in WIRES:
        upstream = await open_upstream(wire.row(server.url), pool)
        await upstream.aclose()
    upstream = await open_upstream(WIRES[0].row(server.url), pool)
    await (await upstream.send(upstream.prepare(WIRES[0].request, stream=False))).aclose()
    await upstream.aclose()
    assert not pool.is_closed


async def test_closing_the_pool_closes_its_connections(server: RawServer) -> None:
    async with new_pool() as pool:
        upstream = await open_upstream(WIRES[0].row(server.url), pool)
        answer = await upstream.send(upstream.prepare(WIRES[0].request, stream=False))
        assert [piece async for piece in answer.chunks()] == [b"{}"]
        assert not server.left.is_set()
        await upstream.aclose()
    await server.wait_left()


@each_wire
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_loopback_address_is_never_proxied(
    wire: Wire, variable: str, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model server on this machine is not to be found behind a company's proxy."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with new_pool() as pool:
        for host in ("127.0.0.1", "localhost"):
            upstream = await open_upstream(wire.row(f"http://{host}:{server.port}"), pool)
            await (await upstream.send(upstream.prepare(wire.request, stream=False))).aclose()
            await upstream.aclose()
    assert len(server.requests) == 2


async def test_a_proxy_of_the_environment_is_used_for_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with raw_server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with new_pool() as pool:
            upstream = await open_upstream(WIRES[0].row("http://provider.invalid"), pool)
            await (await upstream.send(upstream.prepare(WIRES[0].request, stream=False))).aclose()
            await upstream.aclose()
    assert proxy.only_request.target == "http://provider.invalid/v1/chat/completions"


AIOHTTP = '''
"""Stands for an installed aiohttp: importable, with all the names the SDK looks for, and fatal to use."""

class ClientConnectorError(OSError): ...
class ClientConnectorDNSError(OSError): ...
class ClientOSError(OSError): ...
class ServerDisconnectedError(OSError): ...
class ClientResponse: ...
class TCPConnector: ...
class ClientTimeout: ...
class ClientSession:
    def __init__(self, *args, **kwargs):
        raise SystemExit("aiohttp was used")
'''

CALL_ALL = """
import asyncio, sys
import google.genai._api_client as api
assert api.has_aiohttp, "the stand-in was not found"
from providers.upstreams.factory import new_pool, open_upstream
from tests.upstreams.rows import WIRES

async def main(url):
    async with new_pool() as pool:
        for wire in WIRES:
            upstream = await open_upstream(wire.row(url), pool)
            answer = await upstream.send(upstream.prepare(wire.request, stream=True))
            assert [piece async for piece in answer.chunks()] == [b"{}"]
            await upstream.aclose()

asyncio.run(main(sys.argv[1]))
"""


async def test_an_installed_aiohttp_changes_nothing(server: RawServer, tmp_path: Path) -> None:
    """google-genai takes aiohttp wherever it is importable, and with it a hidden retry and another pool."""
    (tmp_path / "aiohttp.py").write_text(AIOHTTP)
    environment = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "PYTHONDONTWRITEBYTECODE": "1"}
    process = await _run([sys.executable, "-c", CALL_ALL, server.url], environment)
    assert process == (0, "")
    assert [request.target for request in server.requests] == [wire.base_path + wire.path for wire in WIRES]
    assert server.connections == 1


async def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    async with asyncio.timeout(40):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()
