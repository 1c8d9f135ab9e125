"""Keeps suspended runs in an SQLite file that the processes of one machine share."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from loop_client.errors import ConfigurationError
from loop_client.run_store import KEPT_AFTER_EXPIRY, StoredRun

Returned = TypeVar("Returned")

_BUSY_SECONDS: Final = 10.0
"""How long one process waits while another writes."""
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS loop_client_runs (
    run_id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, expires_at REAL
) WITHOUT ROWID
"""


class SqliteRunStore:
    """A store in one file; the file is made when it is first needed, readable by its owner only.

    Every operation is one transaction of its own connection, in a thread. The file must not be on a network file
    system, whose locks SQLite cannot trust.

    Raises:
        ConfigurationError: the folder is not there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise ConfigurationError(f"run store: there is no folder {self._path.parent}")
        self._is_ready = False

    async def load(self, run_id: str) -> StoredRun | None:
        """The run as it is now."""

        def read(connection: sqlite3.Connection) -> StoredRun | None:
            query = "SELECT version, body FROM loop_client_runs WHERE run_id = ?"
            row = connection.execute(query, (run_id,)).fetchone()
            return None if row is None else StoredRun(row[0], row[1])

        return await asyncio.to_thread(self._with_connection, read)

    async def replace(self, run_id: str, expected: int, text: str, expires_at: float | None) -> bool:
        """Put a new text if the version is still the expected one."""

        def write(connection: sqlite3.Connection) -> bool:
            if expected == 0:
                dropped = "DELETE FROM loop_client_runs WHERE expires_at < ?"
                connection.execute(dropped, (time.time() - KEPT_AFTER_EXPIRY,))
                insert = "INSERT INTO loop_client_runs VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING"
                return connection.execute(insert, (run_id, text, expires_at)).rowcount == 1
            update = (
                "UPDATE loop_client_runs SET version = version + 1, body = ?, expires_at = ?"
                " WHERE run_id = ? AND version = ?"
            )
            return connection.execute(update, (text, expires_at, run_id, expected)).rowcount == 1

        return await asyncio.to_thread(self._with_connection, write)

    async def aclose(self) -> None:
        """Nothing is held open between operations."""

    def _with_connection(self, work: Callable[[sqlite3.Connection], Returned]) -> Returned:
        if not self._is_ready:
            # Made here, because SQLite would make it readable by everybody.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as connection:
            if not self._is_ready:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(_TABLE)
                self._is_ready = True
            with connection:
                return work(connection)
