"""A DNS server with one name in it, whose addresses a test changes."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HEADER = struct.Struct("!6H")
_ANSWERED, _A, _IN = 0x8180, 1, 1
_SECONDS_TO_LIVE = 1
_POINTER_TO_THE_QUESTION = 0xC00C


class Names:
    """Answers every question with the same addresses. Those of another kind than A get none."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.addresses = addresses
        self.address = ""
        """Where it listens, as ``host:port``."""

    def answer(self, query: bytes) -> bytes:
        """The answer to a query of one question."""
        number, *_ = _HEADER.unpack_from(query)
        end = query.index(b"\0", _HEADER.size) + 5
        kind, _ = struct.unpack_from("!2H", query, end - 4)
        records = [
            struct.pack("!3HLH", _POINTER_TO_THE_QUESTION, _A, _IN, _SECONDS_TO_LIVE, 4) + socket.inet_aton(address)
            for address in (self.addresses if kind == _A else ())
        ]
        return _HEADER.pack(number, _ANSWERED, 1, len(records), 0, 0) + query[_HEADER.size : end] + b"".join(records)


@contextmanager
def naming(*addresses: str) -> Iterator[Names]:
    """A running one on a free loopback port."""
    names = Names(addresses)

    class Answering(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, to = self.request
            to.sendto(names.answer(query), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Answering) as server:
        names.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield names
        finally:
            server.shutdown()
            thread.join()
