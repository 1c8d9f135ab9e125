"""Reads a TOML file into the settings of a loop client, and says by file, key and reason what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from loop_client.client_tools import AnyTool
from loop_client.config_tables import ConfigFile
from loop_client.config_tools import tools_of
from loop_client.errors import ConfigurationError
from loop_client.limits import Limits
from loop_client.prices import Price
from loop_client.retry import Retry
from loop_client.sqlite_store import SqliteRunStore
from loop_client.stop import StopCondition, after_rounds, when_called
from loop_client.transport import Timeouts

_Value = TypeVar("_Value")
_PLAIN: Final = ("model", "base_url", "api_key", "system", "tool_choice", "max_tools", "expires_after")
_MOST_PROBLEMS: Final = 10


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
        raise ConfigurationError(_told(file, error, ())) from None
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
            settings[name] = _value(kind, table, file, (name,))
    if tables.prices:
        settings["prices"] = {
            model: _value(Price, table, file, ("prices", model)) for model, table in tables.prices.items()
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


def _value(kind: Callable[..., _Value], table: Mapping[str, Any], file: Path, at: tuple[str, ...]) -> _Value:
    """A frozen value of ours from a table that names its fields."""
    hints = get_type_hints(kind)
    wanted: dict[str, Any] = {
        # A default is only looked at by the value itself.
        item.name: (hints[item.name], ... if item.default is MISSING else None)
        for item in fields(kind)  # type: ignore[arg-type]
    }
    model = create_model("Table", __config__=ConfigDict(extra="forbid", strict=True), **wanted)
    try:
        given = model.model_validate(dict(table)).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ConfigurationError(_told(file, error, at)) from None
    with _at(".".join(at)):
        return kind(**given)


def _told(file: Path, error: ValidationError, at: tuple[str, ...]) -> str:
    problems = error.errors(include_url=False)
    lines = [f"{file}: {_key((*at, *problem['loc']))}: {_reason(problem)}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return "\n".join(lines)


def _key(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".") or "the file"


def _reason(problem: ErrorDetails) -> str:
    """What is wrong, without the value."""
    match problem["type"]:
        case "extra_forbidden":
            return "there is no such setting"
        case "missing":
            return "is required"
        case "value_error":
            return str(problem["ctx"]["error"])
        case _:
            return problem["msg"][:1].lower() + problem["msg"][1:]


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
        text = str(error)
        raise ConfigurationError(text if text.startswith(f"{file}: ") else f"{file}: {text}") from None
