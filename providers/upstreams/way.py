"""The way to one address without a proxy: how a call is written, and when it is sent a second time."""

import re
import time
from functools import lru_cache

from yarl import URL

from providers.upstreams.base import PreparedCall
from providers.upstreams.http1.address import Address
from providers.upstreams.http1.faults import ServerDisconnectedError
from providers.upstreams.http1.reply import Reply

_STALE_SECONDS = 2.0
"""A connection that was given up shows it within a round trip. One that breaks later broke on the request itself."""
_REQUEST_TIMEOUT = 408
"""Servers take leave of an idle connection with it (RFC 9110, 15.5.9): it answers no request, but may cross one."""
_MOST_STALE = 3
"""How many kept connections in a row may turn out to be given up."""
_HEADS = 64
"""How many heads are kept: a row's calls differ in few headers, and most in none."""

_TARGET = re.compile(r"[\x21-\x7e]+")


class Way:
    """Sends calls to one address. ``connect``: seconds for a connection; ``silent``: how long a socket may be so."""

    def __init__(self, address: Address, base_url: str, *, connect: float, silent: float) -> None:
        self._address = address
        self._connect = connect
        self._silent = silent
        # Up to here it is the same in every call's URL, and said in no request.
        slash = base_url.find("/", base_url.index("//") + 2)
        self._origin = len(base_url) if slash < 0 else slash
        self._host = URL(base_url, encoded=True).host_port_subcomponent
        self._head = lru_cache(_HEADS)(self._written)

    async def send(self, call: PreparedCall) -> Reply:
        """Send it and wait for status and headers; the body is left unread. Raises HttpFault.

        A kept connection may have been given up by the provider at the very moment it is used again. Where one ends
        before a byte of an answer, as soon as this, the call is sent once more, over another connection: see
        ``docs/decisions/0010-the-shared-pool.md``. Raises ValueError for what is no HTTP request.
        """
        head = b"%b%d\r\n\r\n" % (self._head(call.method, call.url, *call.headers.items()), len(call.body))
        began = time.monotonic()
        for _ in range(_MOST_STALE):
            kept = self._address.kept()
            if kept is None:
                break
            try:
                reply = await kept.ask(head, call.body, self._silent)
            except ServerDisconnectedError as fault:
                if fault.begun or time.monotonic() - began > _STALE_SECONDS:
                    raise
            else:
                if reply.status != _REQUEST_TIMEOUT or time.monotonic() - began > _STALE_SECONDS:
                    return reply
                kept.close()
            self._address.forget()
        opened = await self._address.open(self._connect)
        return await opened.ask(head, call.body, self._silent)

    def _written(self, method: str, url: str, *headers: tuple[str, str]) -> bytes:
        """The head of a request, but for the length of its body."""
        target = url[self._origin :] or "/"
        lines = [f"{method} {target} HTTP/1.1"]
        if not any(name == "host" for name, _ in headers):
            lines.append(f"host: {self._host}")
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines)
        if not _TARGET.fullmatch(target) or head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            # Checked where each part comes from; here once more, for whatever came another way.
            raise ValueError("a call that is no HTTP request")
        return f"{head}\r\ncontent-length: ".encode("ascii")
