"""A connection without a network: a transport that only notes, and a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from providers.upstreams.http1.connection import Connection
from providers.upstreams.http1.reply import Reply


class NotedTransport(asyncio.Transport):
    """Takes everything and sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._reading = True
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        """Noted."""
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        """Everything is gone."""
        return 0

    def is_closing(self) -> bool:
        """Whether it was aborted."""
        return self.is_aborted

    def abort(self) -> None:
        """Noted."""
        self.is_aborted = True

    def is_reading(self) -> bool:
        """Whether it is to hand on what comes."""
        return self._reading

    def pause_reading(self) -> None:
        """Noted; twice is a mistake."""
        assert self._reading
        self._reading = False

    def resume_reading(self) -> None:
        """Noted; twice is a mistake."""
        assert not self._reading
        self._reading = True


@dataclass
class Timer:
    """One that was set."""

    when: float
    ring: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        """It will not ring."""
        self.is_cancelled = True


@dataclass
class Clock:
    """What a connection needs of a loop."""

    now: float = 1000.0
    timers: list[Timer] = field(default_factory=list)
    """All that were ever set."""

    def time(self) -> float:
        """Seconds."""
        return self.now

    def call_at(self, when: float, ring: Callable[[], None]) -> Timer:
        """Noted."""
        timer = Timer(when, ring)
        self.timers.append(timer)
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        """One of the running loop."""
        return asyncio.get_running_loop().create_future()

    def pass_to(self, now: float) -> None:
        """Move on, and ring what is due on the way."""
        while due := [timer for timer in self.timers if timer.when <= now and not timer.is_cancelled]:
            first = min(due, key=lambda timer: timer.when)
            first.is_cancelled = True
            self.now = max(self.now, first.when)
            first.ring()
        self.now = now


class Noted:
    """A connection, open, and what became of it. To be made in a running loop."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.transport = NotedTransport()
        self.is_idle = False
        self.is_closed = False
        self.connection = Connection(self, cast(asyncio.AbstractEventLoop, self.clock))
        self.connection.connection_made(self.transport)

    def idle(self, connection: Connection) -> None:
        """Noted."""
        self.is_idle = True

    def closed(self, connection: Connection) -> None:
        """Noted."""
        self.is_closed = True
        self.is_idle = False

    async def ask(self, silent: float = 60.0) -> asyncio.Task[Reply]:
        """A call that has been written and waits for its answer."""
        self.is_idle = False
        asking = asyncio.create_task(self.connection.ask(b"head", b"body", silent))
        await asyncio.sleep(0)
        return asking

    async def told(self, *pieces: bytes) -> Reply:
        """The answer that came in these reads."""
        asking = await self.ask()
        for piece in pieces:
            self.connection.data_received(piece)
        return await asking


async def body_of(reply: Reply) -> bytes:
    """What is left of the body."""
    pieces = []
    while piece := await reply.read_some():
        pieces.append(piece)
    return b"".join(pieces)
