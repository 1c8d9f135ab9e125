"""Where durable jobs lie: a SQLite file or a PostgreSQL database, and what has to be there before anybody uses it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import dbos
from dbos import DBOS, DBOSClient, DBOSConfig

from loop_client.errors import ConfigurationError
from loop_client.jobs.settings import JobSettings
from loop_client.jobs.slots import FileSlots, PostgresSlots, Slots

APPLICATION: Final = "loop-jobs"
LAYOUT: Final = 1
"""Of the order of steps. To be raised when it changes: workers go on only with jobs of their own layout."""
VERSION: Final = f"loop-jobs-{LAYOUT}"
"""What DBOS is told of it."""
QUEUE: Final = "loop-jobs"
ANSWERS: Final = "loop-answers"
JOB: Final = "loop_job"
ANSWER: Final = "loop_answer"
STREAM: Final = "events"
INBOX: Final = "inbox"
_OFTEN: Final = 1_000_000_000
"""Executions after which a job is given up: never. A job that waits for weeks sees many restarts."""
ATTEMPTS: Final = _OFTEN


class DurableStore:
    """The database that settings name."""

    def __init__(self, settings: JobSettings) -> None:
        self._settings = settings
        url = settings.store
        self.is_sqlite = url.startswith("sqlite:///")
        self.url = url if self.is_sqlite else url.replace("postgres://", "postgresql://", 1)
        self._path = Path(url.removeprefix("sqlite:///")) if self.is_sqlite else None

    def prepare(self) -> None:
        """Make the tables, or bring them up to date. Blocking.

        Raises:
            ConfigurationError: there is no such folder.
        """
        if self._path is not None:
            if not self._path.parent.is_dir():
                raise ConfigurationError(f"jobs.store: there is no folder {self._path.parent}")
            # Made here, because SQLite would make it readable by everybody.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self._path, timeout=10)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        DBOS.migrate(self.url)

    def slots(self) -> Slots:
        """The locks of its workers: a worker of another layout in a slot would keep its jobs from being taken up."""
        settings = self._settings
        if self._path is None:
            return PostgresSlots(settings.locks or self.url, settings.slots, LAYOUT)
        folder = self._path.parent if settings.locks is None else Path(settings.locks)
        if not folder.is_dir():
            raise ConfigurationError(f"jobs.locks: there is no folder {folder}")
        return FileSlots(folder, f"{self._path.name}.{LAYOUT}", settings.slots)

    def client(self) -> DBOSClient:
        """What takes and shows jobs."""
        client = DBOSClient(
            system_database_url=self.url,
            serializer=dbos.DBOSPortableJSONSerializer(),
            use_listen_notify=self.listens,
            application_name=APPLICATION,
            system_database_pool_size=10,
            # It waits for a database that is away by itself, for ever and in a thread: `Access` does that better.
            retry_connection_errors=False,
        )
        worker, poll = self._settings.open_jobs, self._settings.poll_seconds
        client.register_queue(QUEUE, worker_concurrency=worker, polling_interval_sec=poll)
        client.register_queue(ANSWERS, polling_interval_sec=poll)
        return client

    def config(self, executor: str) -> DBOSConfig:
        """For the worker of that name."""
        return DBOSConfig(
            name=APPLICATION,
            system_database_url=self.url,
            application_version=VERSION,
            executor_id=executor,
            serializer=dbos.DBOSPortableJSONSerializer(),
            use_listen_notify=self.listens,
            notification_listener_polling_interval_sec=self._settings.poll_seconds,
            run_migrations=False,
            log_level="WARNING",
        )

    @property
    def listens(self) -> bool:
        """Whether the database tells of news; else it is asked."""
        return self._settings.listen and not self.is_sqlite
