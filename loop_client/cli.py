"""The command `loop-client`: ask a model about your files and watch it work, serve it to chat front ends, see jobs."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from pathlib import Path
from typing import Any, Final, get_args

from loop_client import __version__
from loop_client.cli_jobs import add_jobs_command, run_jobs
from loop_client.cli_serve import add_server_options, jobs_table, serve, server_table
from loop_client.client import LoopClient
from loop_client.config import Config, load_config
from loop_client.display import display_for
from loop_client.errors import ConfigurationError
from loop_client.events import AnyEvent, RunFinish
from loop_client.function_tool import tool
from loop_client.handlers import FileTree, calculate, current_time
from loop_client.jsontext import dumps
from loop_client.limits import LimitReason, Limits
from loop_client.tools import Tool

DEFAULT_KEY_VARIABLE: Final = "AI_ROUTER_KEY"

ANSWERED, FAILED, USAGE, LIMIT_REACHED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""

_LIMITS: Final = frozenset({*get_args(LimitReason), "length"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 for an answer, 1 for a failed run, 2 for wrong usage, 3 for a limit."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _survive_odd_characters()
    try:
        if options.command == "jobs":
            return asyncio.run(run_jobs(options, _exit_code))
        config = None if options.config is None else load_config(options.config)
        if options.command == "serve":
            serve(_client(options, config, options.secret), server_table(options, config), jobs_table(options, config))
            return ANSWERED
        return asyncio.run(_ask(options, config))
    except ConfigurationError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


async def _ask(options: argparse.Namespace, config: Config | None) -> int:
    question = sys.stdin.read() if options.question == "-" else options.question
    finish: RunFinish | None = None
    async with _client(options, config) as client:
        display, show = _output(options)
        with display:
            async with aclosing(client.stream(question)) as events:
                async for event in events:
                    show(event)
                    finish = event if isinstance(event, RunFinish) else finish
    if finish is None:
        return FAILED
    if options.quiet and finish.text:
        print(finish.text)
    if finish.error is not None:
        print(f"loop-client: {finish.error.message}", file=sys.stderr)
    elif options.quiet and finish.finish_reason != "stop":
        print(f"loop-client: no whole answer: {finish.finish_reason}", file=sys.stderr)
    return _exit_code(finish)


def _client(options: argparse.Namespace, config: Config | None, secret: str | None = None) -> LoopClient:
    """The client that the file describes, and what the command says instead."""
    settings: dict[str, Any] = {} if config is None else dict(config.settings)
    for name in ("base_url", "model", "system"):
        if getattr(options, name) is not None:
            settings[name] = getattr(options, name)
    for name in ("base_url", "model"):
        if name not in settings:
            raise ConfigurationError(f"--{name.replace('_', '-')} is required, or {name} in the file of --config")
    given = {name: getattr(options, name) for name in ("max_rounds", "max_calls", "max_seconds")}
    limits = {name: value for name, value in given.items() if value is not None}
    settings["limits"] = dataclasses.replace(settings.get("limits", Limits()), **limits)
    settings["api_key"] = _api_key(options.api_key or settings.get("api_key"))
    if secret is not None:
        settings["secret"] = secret
    if config is None or not config.has_tools:
        settings["tools"] = _tools(options)
    elif options.root or options.no_files or options.include_hidden:
        raise ConfigurationError(f"the tools are those of {config.path}: --root and the like make no sense beside them")
    return LoopClient(**settings)


def _tools(options: argparse.Namespace) -> list[Tool]:
    own = [tool(current_time), tool(calculate)]
    if options.no_files:
        return own
    roots = dict(options.root or [("here", ".")])
    if len(roots) < len(options.root or ()):
        raise ConfigurationError("two roots have the same name")
    return [*FileTree(roots, include_hidden=options.include_hidden).tools(), *own]


def _api_key(named: str | None) -> str | None:
    if named is not None:
        return named
    return f"env:{DEFAULT_KEY_VARIABLE}" if os.environ.get(DEFAULT_KEY_VARIABLE) else None


def _output(options: argparse.Namespace) -> tuple[AbstractContextManager[object], Callable[[AnyEvent], None]]:
    if options.json:
        return nullcontext(), lambda event: print(dumps(event.to_json()), flush=True)
    if options.quiet:
        return nullcontext(), lambda event: None
    display = display_for(sys.stdout)
    return display, display.show


def _exit_code(finish: RunFinish) -> int:
    if finish.finish_reason == "stop":
        return ANSWERED
    return LIMIT_REACHED if finish.finish_reason in _LIMITS else FAILED


def _survive_odd_characters() -> None:
    """Show what this terminal cannot write as escapes, instead of ending with an encoding error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _root(text: str) -> tuple[str, str]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError("NAME=PATH is expected, such as docs=./docs")
    return name, path


def _key_reference(text: str) -> str:
    if not text.startswith("env:") or text == "env:":
        # The text is not repeated: it may be a key.
        raise argparse.ArgumentTypeError(
            "env:NAME is expected, the name of an environment variable; a key on the command line would be"
            " visible to everyone on this computer"
        )
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loop-client", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"loop-client {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ask = commands.add_parser(
        "ask",
        help="ask one question and show every step to the answer",
        description="Ask a model one question. It may look into the given folders (read only), tell the time and"
        " calculate; every step is shown as it happens.",
        epilog="Exit codes: 0 answered, 1 the run failed, 2 wrong usage, 3 a limit was reached, 130 interrupted.",
        allow_abbrev=False,
    )
    ask.add_argument("question", metavar="QUESTION", help="the question, or - to read it from standard input")
    _add_model_options(ask)
    output = ask.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print every event as one line of JSON")
    output.add_argument("--quiet", action="store_true", help="print the answer only")
    server = commands.add_parser(
        "serve",
        help="serve chat front ends such as the AI SDK's useChat",
        description="Serve chat front ends: POST /chat streams a run, POST /runs/{id}/tool-results takes answers; and"
        " jobs, which go on when nobody looks, at /jobs.",
        allow_abbrev=False,
    )
    _add_model_options(server)
    add_server_options(server)
    add_jobs_command(commands)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file with any of what follows, tools, and servers of tools"
    )
    parser.add_argument("--base-url", metavar="URL", help="such as http://127.0.0.1:8080/v1")
    parser.add_argument("--model", help="such as anthropic/claude-… or an alias of the router")
    parser.add_argument(
        "--api-key",
        type=_key_reference,
        metavar="env:NAME",
        help=f"environment variable that holds the key; by default {DEFAULT_KEY_VARIABLE} if it is set, else no key",
    )
    parser.add_argument("--system", metavar="TEXT", help="system prompt; none by default")
    _add_file_options(parser)
    _add_limits(parser)


def _add_file_options(ask: argparse.ArgumentParser) -> None:
    files = ask.add_argument_group("files the model may read")
    files.add_argument(
        "--root",
        action="append",
        type=_root,
        metavar="NAME=PATH",
        help="a folder, under the name the model sees; may be repeated; by default the current folder, as 'here'",
    )
    files.add_argument("--no-files", action="store_true", help="no folder at all")
    files.add_argument("--include-hidden", action="store_true", help="serve names that begin with a dot, too")


def _add_limits(ask: argparse.ArgumentParser) -> None:
    usual = Limits()
    limits = ask.add_argument_group("limits of the run")
    limits.add_argument("--max-rounds", type=int, metavar="N", help=f"times the model is asked ({usual.max_rounds})")
    limits.add_argument("--max-calls", type=int, metavar="N", help=f"calls the model may make ({usual.max_calls})")
    limits.add_argument("--max-seconds", type=float, metavar="S", help=f"wall clock ({usual.max_seconds:g})")
