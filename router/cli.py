"""The command ``ai-router``."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from router.keys import is_name, new_key
from router.listening import (
    MOST_WORKERS,
    Address,
    CannotListenError,
    addresses_of,
    is_reachable_from_outside,
    listen_for_workers,
)

if TYPE_CHECKING:
    from router.config import Config

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""

_DISTRIBUTION = "ai-router"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code: 0 done, 1 it failed and said why on stderr, 2 wrong usage."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return INTERRUPTED


# ---- serve and check


def _serve(options: argparse.Namespace) -> int:
    config = _config(options.config, "serve")
    if config is None:
        return FAILED
    given = {"host": options.host, "port": options.port, "open": options.open or None, "workers": options.workers}
    server = config.server.model_copy(update={name: value for name, value in given.items() if value is not None})
    config = config.model_copy(update={"server": server})
    if server.workers > 1 and not hasattr(os, "fork"):
        return _refuse("serve", "this system has no way to run more than one worker (it cannot fork)")
    try:
        addresses = addresses_of(server.host, server.port)
        if _is_open_by_accident(config, addresses):
            return _refuse("serve", f"{_OPEN_BY_ACCIDENT}, or pass --open".format(host=server.host))
        listeners = listen_for_workers(addresses, server.workers)
    except CannotListenError as error:
        return _refuse("serve", str(error))
    # The application is imported only once there is a port for it.
    if server.workers > 1:
        from router.workers import serve_with_workers

        return serve_with_workers(config, listeners)
    from router.serve import serve

    return serve(config, listeners[0])


def _check(options: argparse.Namespace) -> int:
    config = _config(options.config, "check")
    if config is None:
        return FAILED
    from router.overview import overview

    print(overview(config))
    server = config.server
    try:
        if _is_open_by_accident(config, addresses_of(server.host, server.port)):
            return _refuse("check", f"server.host: {_OPEN_BY_ACCIDENT}, or set open = true".format(host=server.host))
    except CannotListenError as error:
        return _refuse("check", f"server.host: {error}")
    return DONE


_OPEN_BY_ACCIDENT = (
    "{host} can be reached from other machines, and there is no router key: make one with `ai-router keys new`"
)


def _is_open_by_accident(config: "Config", addresses: list[Address]) -> bool:
    return not config.keys and not config.server.open and is_reachable_from_outside(addresses)


def _config(path: Path | None, command: str) -> "Config | None":
    """The configuration; where it has problems, ``None``, with each of them on a line of stderr."""
    # pydantic and the catalog are not needed to make a key or to print a help text.
    from router.config import ConfigError, load_config

    try:
        return load_config(path, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            _refuse(command, str(problem))
        return None


def _refuse(command: str, reason: str) -> int:
    print(f"ai-router {command}: {reason}", file=sys.stderr)
    return FAILED


def _explain(options: argparse.Namespace) -> int:
    config = _config(options.config, "explain")
    if config is None:
        return FAILED
    from router.explaining import run_explain

    return run_explain(config, options.file, face=options.face, model=options.model, stream=options.stream)


# ---- keys and demo


def _new_key(options: argparse.Namespace) -> int:
    key, stored = new_key()
    name = options.name or f"key-{stored[-6:]}"
    print("The key. Give it to the caller; it is not kept anywhere, and cannot be had from its hash:\n")
    print(f"  {key}\n")
    print("What the router is given, in its configuration file:\n")
    print(f'  [[keys]]\n  name = "{name}"\n  hash = "{stored}"\n')
    print("or in its environment (several, separated by commas):\n")
    print(f"  AI_ROUTER_KEYS={name}:{stored}")
    return DONE


def _demo(options: argparse.Namespace) -> int:
    from router.demo import run_demo

    return run_demo(options.model, options.folder)


# ---- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ai-router", description="One chat request with tools to any provider.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"ai-router {version(_DISTRIBUTION)}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_check(commands)
    _add_explain(commands)
    _add_keys(commands)
    _add_demo(commands)
    return parser


if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def _add_serve(commands: "_Commands") -> None:
    command = commands.add_parser("serve", help="run the service", allow_abbrev=False)
    _add_config(command)
    command.add_argument("--host", help="where to listen; [server] host, else 127.0.0.1")
    command.add_argument("--port", type=_port, help="[server] port, else 8080; 0 for any free one")
    command.add_argument("--workers", type=_workers, help="processes that answer; [server] workers, else 1")
    command.add_argument("--open", action="store_true", help="let everybody in although there is no router key")
    command.set_defaults(run=_serve)


def _add_check(commands: "_Commands") -> None:
    command = commands.add_parser(
        "check", help="show what is configured, or everything that is wrong with it", allow_abbrev=False
    )
    _add_config(command)
    command.set_defaults(run=_check)


def _add_explain(commands: "_Commands") -> None:
    command = commands.add_parser(
        "explain",
        help="show what would be sent for a request, without sending it",
        description="Print the exact request that each candidate would be sent for the body in FILE, and what would be "
        "changed on the way. Secrets are hidden, and nothing is sent.",
        allow_abbrev=False,
    )
    command.add_argument("file", type=Path, metavar="FILE", help="a JSON body; - for standard input")
    command.add_argument(
        "--face",
        choices=("chat", "messages", "responses", "gemini"),
        default="chat",
        help="the dialect it is written in; chat if not given",
    )
    command.add_argument("--model", help="provider/model or alias, in place of the body's; needed with --face gemini")
    command.add_argument("--stream", action="store_true", help="as if a stream were asked for")
    _add_config(command)
    command.set_defaults(run=_explain)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file; else the one that AI_ROUTER_CONFIG names, else none"
    )


def _add_keys(commands: "_Commands") -> None:
    keys = commands.add_parser("keys", help="router keys", allow_abbrev=False)
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    command = actions.add_parser("new", help="make a router key and show what to store for it", allow_abbrev=False)
    command.add_argument("--name", type=_key_name, help="who it is for; appears in the log")
    command.set_defaults(run=_new_key)


def _add_demo(commands: "_Commands") -> None:
    command = commands.add_parser(
        "demo",
        help="answer a question about a folder, router and loop client together",
        description="Start the router on a loopback port and let the loop client, in a second process, answer a "
        "question about a folder. Without --model a built-in script answers and nothing leaves this machine.",
        allow_abbrev=False,
    )
    command.add_argument("--model", help="provider/model, with the provider's key in the environment")
    command.add_argument("--folder", type=Path, help="the folder to look into; the current one if not given")
    command.set_defaults(run=_demo)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a number from 0 to 65535 is expected")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_WORKERS} is expected")
    return int(text)


def _key_name(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError("up to 64 letters, digits, dots, dashes and underscores are expected")
    return text
