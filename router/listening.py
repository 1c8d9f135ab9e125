"""The sockets to listen on, and who could reach them."""

import contextlib
import ipaddress
import os
import socket
import sys

Address = tuple[socket.AddressFamily, str, int]
"""Family, numeric address, port."""

MOST_WORKERS = 256


class CannotListenError(Exception):
    """There is nothing to listen on; the text says why, in one line."""


def addresses_of(host: str, port: int) -> list[Address]:
    """The addresses that a host name stands for on this machine. Raises CannotListenError."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise CannotListenError(f"{host!r} is no address of this machine") from None
    return list(dict.fromkeys((family, str(place[0]), int(place[1])) for family, _, _, _, place in found))


def is_reachable_from_outside(addresses: list[Address]) -> bool:
    """Whether another machine could connect to one of them."""
    return not all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for _, address, _ in addresses)


def listen_for_workers(addresses: list[Address], workers: int) -> list[list[socket.socket]]:
    """For each worker sockets of its own on the same addresses, so that the kernel spreads connections among them.

    Where the system does not do that (only Linux does), all have the same ones. Raises CannotListenError, also where
    another program shares its port on purpose.
    """
    alone = listen(addresses)
    if sys.platform != "linux" or workers == 1:
        return [alone] * workers
    places = [
        (family, address, _port_of(listener)) for (family, address, _), listener in zip(addresses, alone, strict=True)
    ]
    for listener in alone:
        listener.close()
    with contextlib.ExitStack() as stack:
        shared = [[stack.enter_context(_listener(*place, reuse_port=True)) for place in places] for _ in range(workers)]
        stack.pop_all()
        return shared


def listen(addresses: list[Address]) -> list[socket.socket]:
    """Sockets that listen, one for each address. Raises CannotListenError, having closed them all."""
    with contextlib.ExitStack() as stack:
        sockets: list[socket.socket] = []
        for family, address, port in addresses:
            # Port 0 is any free one, and the same one on every address.
            chosen = port or (_port_of(sockets[0]) if sockets else 0)
            sockets.append(stack.enter_context(_listener(family, address, chosen)))
        stack.pop_all()
        return sockets


def url_of(listener: socket.socket) -> str:
    """Where a listening socket answers."""
    address, port = listener.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def _listener(family: socket.AddressFamily, address: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    try:
        return socket.create_server((address, port), family=family, backlog=2048, reuse_port=reuse_port)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else type(error).__name__
        raise CannotListenError(f"cannot listen on {address} port {port}: {reason}") from None
