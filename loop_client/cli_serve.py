"""The command `loop-client serve`: its options, and the way to the chat service, which is an extra."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from loop_client.client import LoopClient
from loop_client.config import Config
from loop_client.extras import missing_extra
from loop_client.jobs import read_jobs_table

_SQLITE: Final = "sqlite:///"


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Where to listen and whom to let in; what is given here wins over the table ``[server]`` of the file."""
    server = parser.add_argument_group("the service")
    server.add_argument(
        "--role",
        choices=("all", "api", "worker"),
        help="api only starts and shows jobs, worker only works on them; all does both and is the usual",
    )
    server.add_argument("--host", metavar="ADDRESS", help="to listen on; 127.0.0.1 by default")
    server.add_argument("--port", type=int, metavar="N", help="to listen on; 8090 by default, 0 for any that is free")
    server.add_argument(
        "--keys", metavar="env:NAME", help="variable with the keys, separated by commas, of which callers send one"
    )
    server.add_argument("--open", action="store_true", default=None, help="listen beyond this machine without keys")
    server.add_argument(
        "--allow-origin", action="append", metavar="URL", help="origin whose pages may call (CORS); may be repeated"
    )
    server.add_argument(
        "--secret",
        type=_reference,
        metavar="env:NAME",
        help="variable with the secret, 16 bytes or more, that lets calls wait for an approval or for the browser",
    )


def server_table(options: argparse.Namespace, config: Config | None) -> dict[str, Any]:
    """The table ``[server]``: the file's, and over it the options of the command."""
    table = {} if config is None else dict(config.server)
    given = {
        "host": options.host,
        "port": options.port,
        "keys": options.keys,
        "open": options.open,
        "allow_origins": options.allow_origin,
    }
    return table | {name: value for name, value in given.items() if value is not None}


def jobs_table(options: argparse.Namespace, config: Config | None) -> dict[str, Any]:
    """The table ``[jobs]``: the file's, with its relative path made whole, and over it the options of the command."""
    table = {} if config is None else dict(config.jobs)
    store = table.get("store")
    if config is not None and isinstance(store, str) and store.startswith(_SQLITE):
        table["store"] = _SQLITE + str(config.path.resolve().parent / Path(store.removeprefix(_SQLITE)).expanduser())
    return table if options.role is None else table | {"role": options.role}


def serve(client: LoopClient, table: dict[str, Any], jobs: dict[str, Any]) -> None:
    """Serve until the process is told to stop.

    Args:
        client: Whose runs.
        table: The table ``[server]``.
        jobs: The table ``[jobs]``; ``LOOP_CLIENT_JOBS_URL`` wins over its ``store``.

    Raises:
        ConfigurationError: an extra is not installed, or a table cannot work.
    """
    try:
        from loop_client.server.alone import read_server_table, run_alone
    except ModuleNotFoundError as error:
        raise missing_extra("server", error) from None
    address, settings = read_server_table(table)
    run_alone(client, address, settings, read_jobs_table(jobs))


def _reference(text: str) -> str:
    if not text.startswith("env:") or text == "env:":
        # The text is not repeated: it may be a secret.
        raise argparse.ArgumentTypeError("env:NAME is expected, the name of an environment variable")
    return text
