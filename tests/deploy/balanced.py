"""Real routers behind a real load balancer, as ``deploy/`` sets them up, on loopback addresses."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest

from router.keys import hash_of
from tests.deploy.files import DEPLOY, HAPROXY
from tests.deploy.names import Names
from tests.programs_plugin import server_command
from tests.router.command import SECONDS, Serving, environment, serving

ADDRESSES = ("127.0.0.2", "127.0.0.3")
"""Of the two routers. In containers each has an address of its own and all have the same port; here, too."""
FURTHER_ADDRESS = "127.0.0.4"
CALLER_KEY = "air_key-of-the-caller-0123456789abcdef"


def program(name: str) -> str:
    """The path of a program that a marker of the test asks for."""
    found = server_command(name)
    assert found is not None
    return found


def until(holds: Callable[[], bool]) -> None:
    """Wait, within bounds, for what other processes do."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to pass in time")
        time.sleep(0.02)


def free_ports(count: int, addresses: tuple[str, ...] = ("127.0.0.1",)) -> list[int]:
    """Ports that are free on all of these addresses."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            first = stack.enter_context(socket.create_server((addresses[0], 0)))
            port = first.getsockname()[1]
            try:
                for address in addresses[1:]:
                    stack.enter_context(socket.create_server((address, port)))
            except OSError:
                continue
            found.append(port)
    return found


@contextmanager
def router_at(folder: Path, address: str, port: int, providers: str, environ: Mapping[str, str]) -> Iterator[Serving]:
    """A router with the settings of ``deploy/`` and these providers, on one address."""
    settings = folder / "router.toml"
    settings.write_text((DEPLOY / "config" / "router.toml").read_text("utf-8") + providers, "utf-8")
    shutil.copy(DEPLOY / "config" / "hello.toml", folder)
    where = ("--config", str(settings), "--host", address, "--port", str(port))
    with serving(*where, folder=folder, environ=environ) as service:
        yield service


class Balanced:
    """Two routers behind HAProxy with ``deploy/haproxy.cfg``, found by their name as in containers.

    What a test has ended is started anew before the next.
    """

    def __init__(self, folder: Path, providers: str, names: Names) -> None:
        self.names = names
        self.routers: dict[str, Serving] = {}
        """By address."""
        self._folder, self._providers = folder, providers
        self._opened = ExitStack()
        (self._port,) = free_ports(1, (*ADDRESSES, FURTHER_ADDRESS))
        self.port, self._loop, self._own = free_ports(3)
        self.balancer = self._new_balancer()

    @property
    def url(self) -> str:
        """Of the load balancer."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def own(self) -> str:
        """Where HAProxy tells of itself."""
        return f"http://127.0.0.1:{self._own}"

    def client(self) -> httpx2.Client:
        """A caller with a key, on a connection of its own."""
        return httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {CALLER_KEY}"}, timeout=SECONDS, trust_env=False
        )

    def ready(self) -> int:
        """How many routers HAProxy sends requests to."""
        lines = httpx2.get(f"{self.own}/metrics", trust_env=False).text.splitlines()
        start = 'haproxy_server_status{proxy="routers",'
        return sum(line.startswith(start) and line.endswith('state="UP"} 1') for line in lines)

    def whole(self) -> None:
        """Everything runs, and HAProxy knows it."""
        self.names.addresses = ADDRESSES
        for address in ADDRESSES:
            self._start_if_ended(address)
        for address in ADDRESSES:
            until(partial(self._stands, address))
        if self.balancer.poll() is not None:
            self.balancer = self._new_balancer()
        until(lambda: answers(f"{self.own}/healthz"))
        until(lambda: self.ready() == len(ADDRESSES))

    def wait_for(self, address: str) -> None:
        """Until the router at this address is ready."""
        until(lambda: answers(f"http://{address}:{self._port}/readyz"))

    def _start_if_ended(self, address: str) -> None:
        if address not in self.routers or self.routers[address].process.poll() is not None:
            self.start(address)

    def _stands(self, address: str) -> bool:
        # One that was told to end may have done so only after it was looked at.
        self._start_if_ended(address)
        return answers(f"http://{address}:{self._port}/readyz")

    def start(self, address: str) -> None:
        """A router at this address; it takes a while to be ready."""
        place = self._folder / address
        place.mkdir(exist_ok=True)
        router = router_at(place, address, self._port, self._providers, environment_of_routers(address))
        self.routers[address] = self._opened.enter_context(router)

    @contextmanager
    def loop_client(self, variables: Mapping[str, str], role: str) -> Iterator[str]:
        """A process of the loop client with the settings of ``deploy/``, asking the balancer; gives where it listens.

        The balancer sends requests to the API, and to no worker.
        """
        port = self._loop if role == "api" else free_ports(1)[0]
        settings = ("--config", str(DEPLOY / "config" / "loop-client.toml"), "--base-url", f"{self.url}/v1")
        where = ("--role", role, "--host", ADDRESSES[0], "--port", str(port))
        command = [sys.executable, "-m", "loop_client", "serve", *settings, *where]
        with _ended(subprocess.Popen(command, env=environment(**variables), cwd=self._folder)):
            until(lambda: answers(f"http://{ADDRESSES[0]}:{port}/readyz"))
            until(lambda: role != "api" or answers(f"{self.loop_client_url}/readyz"))
            yield f"http://{ADDRESSES[0]}:{port}"

    @property
    def loop_client_url(self) -> str:
        """Of the loop client's API, at the load balancer."""
        return f"http://127.0.0.1:{self._loop}"

    def close(self) -> None:
        """End everything."""
        self._opened.close()

    def _new_balancer(self) -> subprocess.Popen[bytes]:
        settings = {
            "RESOLVER": self.names.address,
            "ROUTERS": f"router.test:{self._port}",
            "LOOP_CLIENTS": f"loop-client.test:{self._loop}",
            "ROUTER_BIND": f"127.0.0.1:{self.port}",
            "LOOP_CLIENT_BIND": f"127.0.0.1:{self._loop}",
            "OWN_BIND": f"127.0.0.1:{self._own}",
        }
        command = [program("haproxy"), "-db", "-f", str(HAPROXY)]
        return self._opened.enter_context(_ended(subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)))


def environment_of_routers(address: str) -> dict[str, str]:
    """One caller is let in; the provider is told which router asks."""
    return {"AI_ROUTER_KEYS": f"caller:{hash_of(CALLER_KEY)}", "DEFAULT_MODEL": "fake/gpt-4.1", "ROUTER_AT": address}


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    with process:
        try:
            yield process
        finally:
            process.kill()


def answers(url: str) -> bool:
    """Whether something answers there, and well."""
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
