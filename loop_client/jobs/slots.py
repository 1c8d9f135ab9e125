"""Names for workers: each holds a slot by a lock that the system takes away from a process that dies."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import psycopg
from filelock import FileLock, Timeout

from loop_client.errors import ConfigurationError

_log: Final = logging.getLogger("loop_client.jobs")

_LOCK_CLASS: Final = 0x4A0B5
"""First half of the advisory locks' keys; the second is the slot."""
_KEEPALIVE: Final = "keepalives=1&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&connect_timeout=10"
"""A machine that is lost gives up its locks after these seconds: 10 + 3 x 5."""


class Slots(Protocol):
    """The locks of one store. Blocking; call it from a thread."""

    def take(self) -> int:
        """Take the first free slot, and hold it.

        Raises:
            ConfigurationError: all are taken.
        """
        ...

    def is_held(self) -> bool:
        """Whether the slot that was taken is still ours; if it was lost, take it again if it is free."""
        ...

    def free(self) -> Sequence[int]:
        """Slots that nobody holds now."""
        ...

    def holding(self, slot: int) -> contextlib.AbstractContextManager[bool]:
        """Hold another slot for a moment; whether that could be done."""
        ...

    def release(self) -> None:
        """Let go."""
        ...


class FileSlots:
    """Locks of the operating system on files in a folder of this machine."""

    def __init__(self, folder: Path, prefix: str, count: int) -> None:
        self._paths = [folder / f"{prefix}.slot-{number}.lock" for number in range(count)]
        self._own: int | None = None
        self._lock: FileLock | None = None

    def take(self) -> int:
        """Take the first free slot."""
        for number, path in enumerate(self._paths):
            lock = FileLock(path, thread_local=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            self._own, self._lock = number, lock
            return number
        raise ConfigurationError(f"jobs.slots: all {len(self._paths)} are taken by other workers")

    def is_held(self) -> bool:
        """Always: only the end of the process takes it away."""
        return self._lock is not None and self._lock.is_locked

    def free(self) -> Sequence[int]:
        """Slots that nobody holds now."""
        found: list[int] = []
        for number, path in enumerate(self._paths):
            if number != self._own and path.exists():
                with self.holding(number) as is_free:
                    found += [number] if is_free else []
        return found

    @contextlib.contextmanager
    def holding(self, slot: int) -> Iterator[bool]:
        """Hold another slot for a moment."""
        lock = FileLock(self._paths[slot], thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def release(self) -> None:
        """Let go."""
        if self._lock is not None:
            self._lock.release()
        self._lock = None


class PostgresSlots:
    """Advisory locks of one connection of their own, which must not go through a transaction pooler.

    Args:
        url: Of the database.
        count: Slots there are.
        layout: Of the workers' steps; each layout has slots of its own.
    """

    def __init__(self, url: str, count: int, layout: int = 1) -> None:
        self._class = _LOCK_CLASS + layout - 1
        self._url = url
        self._count = count
        self._own: int | None = None
        self._holds = False
        self._connection: psycopg.Connection | None = None

    def take(self) -> int:
        """Take the first free slot."""
        for number in range(self._count):
            if self._try(number):
                self._own, self._holds = number, True
                return number
        raise ConfigurationError(f"jobs.slots: all {self._count} are taken by other workers")

    def is_held(self) -> bool:
        """Whether the connection that holds it still lives; else take the slot again with a new one."""
        if self._own is None:
            return False
        try:
            # A lock belongs to the connection that took it: as long as that lives, it is held.
            if self._holds and self._connection is not None and not self._connection.closed:
                self._connection.execute("SELECT 1")
                return True
        except psycopg.Error:
            _log.warning("the connection that holds the lock of slot %s was lost", self._own)
        self._drop()
        try:
            self._holds = self._try(self._own)
        except psycopg.Error:
            self._drop()
        return self._holds

    def free(self) -> Sequence[int]:
        """Slots that nobody holds now."""
        query = (
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        held = {int(row[0]) for row in self._open().execute(query, (self._class,)).fetchall()}
        return [number for number in range(self._count) if number not in held and number != self._own]

    @contextlib.contextmanager
    def holding(self, slot: int) -> Iterator[bool]:
        """Hold another slot for a moment."""
        if not self._try(slot):
            yield False
            return
        try:
            yield True
        finally:
            self._open().execute("SELECT pg_advisory_unlock(%s, %s)", (self._class, slot))

    def release(self) -> None:
        """Let go."""
        if self._connection is not None and not self._connection.closed:
            # The server may take a moment to notice that a connection was closed.
            with contextlib.suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._drop()
        self._own = None

    def _try(self, number: int) -> bool:
        row = self._open().execute("SELECT pg_try_advisory_lock(%s, %s)", (self._class, number)).fetchone()
        return bool(row and row[0])

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._drop()
            self._connection = psycopg.connect(self._url + _joined(self._url), autocommit=True)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._holds = False
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


def _joined(url: str) -> str:
    return ("&" if "?" in url else "?") + _KEEPALIVE
