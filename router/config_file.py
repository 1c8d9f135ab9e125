"""A configuration file as it is written: TOML, with ``env:NAME`` where a value comes from the environment."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from router.listening import MOST_WORKERS
from router.options import ForcedChoice, OnLoss, Orphans, StateInIds, Wire
from router.problems import Problems
from router.verdicts.judge import Policy

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


class FromEnvironment(str):
    """A value that an ``env:NAME`` stood for: always text, also where a number is wanted."""

    __slots__ = ()


def _number(value: object) -> object:
    if not isinstance(value, FromEnvironment):
        return value
    try:
        return int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return value


def _switch(value: object) -> object:
    if not isinstance(value, FromEnvironment):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)


Integer = Annotated[int, BeforeValidator(_number)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number)]
Switch = Annotated[bool, BeforeValidator(_switch)]


class Table(BaseModel):
    """One table of the file. Unknown keys are refused; nothing is converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class ServerTable(Table):
    """``[server]``."""

    host: str = "127.0.0.1"
    port: Annotated[Integer, Field(ge=0, le=65535)] = 8080
    open: Switch = False
    """Serve callers from other machines although no key is configured."""
    workers: Annotated[Integer, Field(ge=1, le=MOST_WORKERS)] | None = None
    keep_alive_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_number)] = 15.0


class LimitsTable(Table):
    """``[limits]``."""

    max_body_bytes: Annotated[Integer, Field(ge=1)] = 20 * 1024 * 1024
    max_depth: Annotated[Integer, Field(ge=1, le=1000)] = 100


class LoggingTable(Table):
    """``[logging]``."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsTable(Table):
    """``[metrics]``."""

    access: Literal["open", "key", "off"] = "open"
    """Who may read ``/metrics``: whoever reaches the port, whoever has a router key, nobody."""


class TimeoutTable(Table):
    """``timeout`` of a provider, in seconds. What is not given stays as it is."""

    connect: Seconds | None = None
    first_byte: Seconds | None = None
    between_events: Seconds | None = None
    total: Seconds | None = None


class OptionsTable(Table):
    """``[options]``, and the options of an alias or a key: what a request may say under ``router``."""

    fallbacks: list[str] | None = None
    on_loss: OnLoss | None = None
    tool_validation: Policy | None = None
    wire: Wire | None = None
    orphans: Orphans | None = None
    forced_choice: ForcedChoice | None = None
    state_in_ids: StateInIds | None = None


class AliasTable(OptionsTable):
    """``[aliases.NAME]``; a string alone is its ``model``."""

    model: str


class KeyTable(Table):
    """One of ``[[keys]]``."""

    name: str
    hash: SecretStr
    options: OptionsTable = OptionsTable()


class ProviderTable(Table):
    """``[providers.NAME]``. For a provider that ships built in, only what it says is changed."""

    enabled: Switch = True
    like: str | None = None
    """A shipped provider that this one is another of."""
    dialect: str | None = None
    base_url: str | None = None
    api_key: SecretStr | None = None
    profile: Annotated[
        dict[str, Any] | None, BeforeValidator(lambda value: {"base": value} if isinstance(value, str) else value)
    ] = None
    """Fields of a profile, and ``base``: the shipped profile they change."""
    key_header: str | None = None
    """The header that takes the key, where it is not that of the dialect."""
    transport: Literal["pool", "sdk"] = "pool"
    """``sdk``: calls go through the vendor's own SDK."""
    tokens: Literal["google", "azure"] | None = None
    """Calls carry access tokens of this kind instead of a key."""
    token_scope: str | None = None
    """What the tokens are asked for."""
    credentials_file: str | None = None
    """What Google's tokens are issued for."""
    project: str | None = None
    location: str | None = None
    headers: dict[str, SecretStr] = {}
    timeout: Annotated[
        TimeoutTable | None,
        BeforeValidator(lambda value: {"total": value} if isinstance(value, int | float | FromEnvironment) else value),
    ] = None
    script: str | None = None
    models: list[str] = []
    """Shown by ``/v1/models``; any other model can be asked for as well."""


Alias = Annotated[AliasTable, BeforeValidator(lambda value: {"model": value} if isinstance(value, str) else value)]


class ConfigFile(Table):
    """The whole file."""

    server: ServerTable = ServerTable()
    providers: dict[str, ProviderTable] = {}
    aliases: dict[str, Alias] = {}
    keys: list[KeyTable] = []
    options: OptionsTable = OptionsTable()
    limits: LimitsTable = LimitsTable()
    logging: LoggingTable = LoggingTable()
    metrics: MetricsTable = MetricsTable()


def read_config_file(path: Path, environ: Mapping[str, str], problems: Problems) -> ConfigFile:
    """The file with every ``env:NAME`` filled in; what is wrong goes to ``problems``.

    Whatever is wrong in one table leaves the others readable, so that all problems show at once.
    """
    tables = _tables(path, problems)
    filled = {name: _filled(value, name, environ, problems) for name, value in tables.items()}
    return _checked(filled, problems)


def _tables(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        problems.add("", f"cannot be read: {error.strerror or type(error).__name__}")
    except UnicodeDecodeError as error:
        problems.add("", f"not UTF-8 text (byte {error.start})")
    except tomllib.TOMLDecodeError as error:
        problems.add("", f"not TOML: {error}")
    return {}


def _filled(value: Any, key: str, environ: Mapping[str, str], problems: Problems) -> Any:
    match value:
        case dict():
            return {name: _filled(item, f"{key}.{name}", environ, problems) for name, item in value.items()}
        case list():
            return [_filled(item, f"{key}[{index}]", environ, problems) for index, item in enumerate(value)]
        case str() if value.startswith("env:"):
            return _looked_up(value, key, environ, problems)
        case _:
            return value


def _looked_up(value: str, key: str, environ: Mapping[str, str], problems: Problems) -> str:
    reference = _REFERENCE.fullmatch(value)
    if reference is None:
        problems.add(key, "env: must be followed by the name of an environment variable")
        return FromEnvironment()
    found = environ.get(reference[1])
    if not found:
        problems.add(key, f"environment variable {reference[1]} is {'not set' if found is None else 'empty'}")
    return FromEnvironment(found or "")


def _checked(tables: dict[str, Any], problems: Problems) -> ConfigFile:
    """The model of these tables; where it does not fit, of those among them that do."""
    try:
        return ConfigFile.model_validate(tables)
    except ValidationError as error:
        unfit = [details["loc"] for details in _noted(error, problems)]
    for location in unfit:
        _remove(tables, location)
    return ConfigFile.model_validate(tables)


def _noted(error: ValidationError, problems: Problems) -> list[Any]:
    found = error.errors(include_url=False, include_context=True, include_input=False)
    for details in found:
        problems.add(_dotted(details["loc"]), _reason(details))
    return list(found)


def _remove(tables: dict[str, Any], location: tuple[int | str, ...]) -> None:
    """Take the smallest table of its own that holds the misfit out: one provider, one alias, all keys, one section."""
    first, *rest = location
    held = tables.get(str(first))
    if first in ("providers", "aliases") and rest and isinstance(held, dict):
        held.pop(str(rest[0]), None)
    else:
        tables.pop(str(first), None)


def _dotted(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _reason(details: Any) -> str:
    if details["type"] == "extra_forbidden":
        return f"unknown key{_suggestion(details['loc'])}"
    if details["type"] == "missing":
        return "required"
    if details["type"] in ("model_type", "dict_type"):
        return "expected a table"
    reason: str = details["msg"].removeprefix("Input ")
    return reason.replace("should be", "must be")


def _suggestion(location: tuple[int | str, ...]) -> str:
    fields: Mapping[str, object]
    match location:
        case (_,):
            fields = ConfigFile.model_fields
        case ("providers", _, _):
            fields = ProviderTable.model_fields
        case ("providers", _, "timeout", _):
            fields = TimeoutTable.model_fields
        case ("server", _):
            fields = ServerTable.model_fields
        case ("limits", _):
            fields = LimitsTable.model_fields
        case ("options", _) | ("keys", _, "options", _):
            fields = OptionsTable.model_fields
        case ("aliases", _, _):
            fields = AliasTable.model_fields
        case ("metrics", _):
            fields = MetricsTable.model_fields
        case _:
            return ""
    close = difflib.get_close_matches(str(location[-1]), fields, 1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(fields)})"
