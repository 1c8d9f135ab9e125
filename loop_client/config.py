"""Reads a TOML file into the settings of a loop client, and says by file, key and reason what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from loop_client.client_tools import AnyTool
from loop_client.config_tables import ConfigFile
from loop_client.config_tools import tools_of
from loop_client.config_values import problems, value_of
from loop_client.errors import ConfigurationError
from loop_client.limits import Limits
from loop_client.prices import Price
from loop_client.retry import Retry
from loop_client.sqlite_store import SqliteRunStore
from loop_client.stop import StopCondition, after_rounds, when_called
from loop_client.transport import Timeouts

_PLAIN: Final = ("model", "base_url", "api_key", "system", "tool_choice", "max_tools", "expires_after")


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration file that was read and found to be sound."""

    path: Path
    settings: Mapping[str, Any]
    """For ``LoopClient``, by keyword; what the file does not say is left out."""
    server: Mapping[str, Any]
    """The table ``[server]``, for ``loop_client.server``."""
    jobs: Mapping[str, Any]
    """The table ``[jobs]``, for ``loop_client.jobs``."""
    has_tools: bool
    """Whether the file says anything about tools."""


def load_config(path: str | Path) -> Config:
    """Read a configuration file.

    Relative paths in it count from its own folder. Nothing is opened, started or connected yet.

    Args:
        path: Of a TOML file; the documentation of the loop client lists its tables.

    Raises:
        ConfigurationError: it cannot be read, or something in it is unknown, of the wrong type, or cannot work. The
            text names the file, the key and the reason, and no value.
    """
    file = Path(path)
    content = _content(file)
    try:
        tables = ConfigFile.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_in_file(file, problems(error))) from None
    with _named(file):
        tools = tools_of(tables, file.resolve().parent)
        settings = _settings(tables, tools, file)
    has_tools = bool(tables.tools or tables.mcp or tables.http_tools or tables.deferred)
    return Config(file, settings, tables.server, tables.jobs, has_tools)


def _content(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _settings(tables: ConfigFile, tools: list[AnyTool], file: Path) -> dict[str, Any]:
    settings: dict[str, Any] = {name: getattr(tables, name) for name in _PLAIN if getattr(tables, name) is not None}
    read: tuple[tuple[str, Callable[..., Any], Mapping[str, Any]], ...] = (
        ("limits", Limits, tables.limits),
        ("timeouts", Timeouts, tables.timeouts),
        ("retry", Retry, tables.retry),
    )
    for name, kind, table in read:
        if table:
            settings[name] = value_of(kind, table, (name,))
    if tables.prices:
        settings["prices"] = {
            model: value_of(Price, table, ("prices", model)) for model, table in tables.prices.items()
        }
    if tables.store is not None:
        with _at("store"):
            settings["store"] = SqliteRunStore(file.resolve().parent / Path(tables.store).expanduser())
    settings |= {
        name: dict(table) for name, table in (("headers", tables.headers), ("options", tables.options)) if table
    }
    stop = tuple(_stop(tables))
    settings |= {"stop": stop} if stop else {}
    settings |= {"secret": tuple(tables.secrets)} if tables.secrets else {}
    return {**settings, "result_images": tables.result_images, "tools": tools}


def _stop(tables: ConfigFile) -> Iterator[StopCondition]:
    if tables.stop.after_rounds is not None:
        yield after_rounds(tables.stop.after_rounds)
    if tables.stop.when_called:
        yield when_called(*tables.stop.when_called)


@contextmanager
def _at(key: str) -> Iterator[None]:
    """Say of what cannot work under which key it stands."""
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        raise ConfigurationError(text if text.startswith(key) else f"{key}: {text}") from None


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say of what cannot work in which file it stands."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(_in_file(file, str(error).split("\n"))) from None


def _in_file(file: Path, lines: Iterable[str]) -> str:
    return "\n".join(f"{file}: {line}" for line in lines)
