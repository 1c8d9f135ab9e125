"""A PostgreSQL server for tests: one that is named, one of our own made, or one that runs here."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

URL_VARIABLE: Final = "LOOP_CLIENT_TEST_POSTGRES_URL"
"""Names a server whose role may make databases."""
_RUNNING: Final = "postgresql://postgres@127.0.0.1:5432/postgres"
_PLACES: Final = "/usr/lib/postgresql/*/bin"
_WAIT: Final = 30.0


class PostgresServer:
    """A server in which each test gets a database of its own.

    Args:
        url: Of any database of the server.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database, which is gone afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        try:
            head, _, _ = self._url.rpartition("/")
            yield f"{head}/{name}"
        finally:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class OwnPostgres(PostgresServer):
    """A server of our own, which may be stopped and started at will."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(f"postgresql://postgres@127.0.0.1:{self._port}/postgres")
        self._run("initdb", "--pgdata", str(self._data), "--username=postgres", "--auth=trust", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {"listen_addresses": "127.0.0.1", "port": self._port, "max_connections": 200, "fsync": "off"}
        settings["unix_socket_directories"] = str(self._folder)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **_as_other())
        until = time.monotonic() + _WAIT
        while True:
            try:
                psycopg.connect(self._url, connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop it at once, as a crash would: nothing is written to its end."""
        self._run("pg_ctl", "stop", "--pgdata", str(self._data), "--mode=immediate")
        if self._process is not None:
            self._process.wait(_WAIT)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [str(self._programs / program), *words], check=True, capture_output=True, timeout=_WAIT * 2, **_as_other()
        )


def programs() -> Path | None:
    """Where the server's programs are; None where they are not, or cannot be run."""
    if sys.platform == "win32":
        return None
    found = sorted(Path("/").glob(_PLACES.removeprefix("/")))
    folders = [*reversed(found), *(Path(path).parent for path in (shutil.which("initdb"),) if path)]
    wanted = ("initdb", "postgres", "pg_ctl")
    return next((folder for folder in folders if all((folder / name).exists() for name in wanted)), None)


def is_here() -> bool:
    """Whether there is a server, or the means to make one."""
    return bool(os.environ.get(URL_VARIABLE)) or programs() is not None or _answers(_RUNNING)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server: the one that the environment names, else one of our own, else the one that runs here."""
    if os.environ.get(URL_VARIABLE):
        yield PostgresServer(os.environ[URL_VARIABLE])
    elif programs() is not None:
        with own_postgres() as server:
            yield server
    else:
        yield PostgresServer(_RUNNING)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A running server of our own."""
    found = programs()
    assert found is not None, "the programs of the server are missing"
    # Not under pytest's own folder: the server's user must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if "user" in (other := _as_other()):
            os.chown(folder, other["user"], other["group"])
        server = OwnPostgres(found, folder)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_other() -> dict[str, Any]:
    """The server refuses to run as root: somebody who may do as little as possible runs it then."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    return {}


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True
