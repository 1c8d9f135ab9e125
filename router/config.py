"""The configuration of the service: one TOML file plus the environment, checked as a whole before anything starts.

``docs/configuration.md`` describes every key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from providers.upstreams.base import ProviderRow
from router.config_file import ConfigFile, OptionsTable, read_config_file
from router.keys import RouterKey, is_name, plain_key, stored_key
from router.layers import NO_LAYERS, Layers
from router.listening import MOST_WORKERS
from router.problems import ENVIRONMENT, ConfigError, Problem, Problems
from router.provider_rows import Providers, resolve_providers

__all__ = ["Config", "ConfigError", "Limits", "Logging", "MetricsAccess", "Problem", "Server", "load_config"]

CONFIG_VARIABLE = "AI_ROUTER_CONFIG"
"""Names the file where the command line does not."""
KEYS_VARIABLE = "AI_ROUTER_KEYS"
"""Router keys, separated by commas or spaces: hashes (``name:sha256:…``), or keys as they are."""

WORKERS_VARIABLE = "AI_ROUTER_WORKERS"
"""How many processes answer, where neither the file nor the command line says so."""

_SHORT_KEY = 20
"""A key with fewer characters was thought up by somebody, and its hash can be guessed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Server(_Frozen):
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: any free one."""
    open: bool = False
    """Serve callers from other machines although there is no key."""
    workers: int = 1
    """Processes that answer."""
    keep_alive_seconds: float = 15.0
    """Of silence within a streamed answer, after which empty lines are sent; 0: never."""


class Limits(_Frozen):
    """How much one request may be."""

    max_body_bytes: int = 20 * 1024 * 1024
    max_depth: int = 100
    """Objects and arrays within each other."""


class Logging(_Frozen):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsAccess(_Frozen):
    """Who may read what is counted."""

    access: Literal["open", "key", "off"] = "open"


class Config(_Frozen):
    """All that the service needs to know, resolved: nothing in it refers to a file or to the environment any more."""

    file: Path | None = None
    """What was read; ``None``: the environment alone."""
    server: Server = Server()
    rows: dict[str, ProviderRow] = {}
    """The providers served, by name."""
    models: dict[str, tuple[str, ...]] = {}
    """Models to show, by provider. Any other model of a provider can be asked for as well."""
    aliases: dict[str, str] = {}
    """``provider/model`` by alias: an alias of an alias is followed to its end."""
    layers: Layers = NO_LAYERS
    """Options that it gives for requests, keys and aliases."""
    keys: tuple[RouterKey, ...] = ()
    """Who is let in; everybody where there is none."""
    limits: Limits = Limits()
    logging: Logging = Logging()
    metrics: MetricsAccess = MetricsAccess()
    warnings: tuple[str, ...] = ()
    """What works, but had better be changed."""


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the file at ``path``, else the one that ``AI_ROUTER_CONFIG`` names; the environment fills the rest.

    Raises ConfigError with everything that is wrong, never with a value: it may be a secret.
    """
    if path is None and environ.get(CONFIG_VARIABLE):
        path = Path(environ[CONFIG_VARIABLE])
    problems = Problems(str(path) if path else ENVIRONMENT)
    file = read_config_file(path, environ, problems) if path else ConfigFile()
    folder = path.resolve().parent if path else Path.cwd()
    providers = resolve_providers(file.providers, environ, folder, problems)
    aliases = _resolved_aliases(file, providers, problems)
    _check_fallbacks(file, providers, problems)
    warnings: list[str] = []
    keys = (*_file_keys(file, problems), *_environment_keys(environ, problems, warnings))
    workers = file.server.workers or _environment_workers(environ, problems)
    problems.check()
    return Config(
        file=path,
        server=Server(**file.server.model_dump(exclude_none=True) | {"workers": workers}),
        rows=providers.rows,
        models=providers.models,
        aliases=aliases,
        layers=_layers(file),
        keys=keys,
        limits=Limits(**file.limits.model_dump()),
        logging=Logging(**file.logging.model_dump()),
        metrics=MetricsAccess(**file.metrics.model_dump()),
        warnings=tuple(warnings),
    )


def _resolved_aliases(file: ConfigFile, providers: Providers, problems: Problems) -> dict[str, str]:
    resolved = {}
    for alias in file.aliases:
        chain = [alias]
        while (target := file.aliases[chain[-1]].model) in file.aliases and target not in chain:
            chain.append(target)
        reason = "aliases run in a circle" if target in chain else _wrong_target(target, providers, problems)
        if reason:
            problems.add(f"aliases.{alias}", reason)
        resolved[alias] = target
    return resolved


def _check_fallbacks(file: ConfigFile, providers: Providers, problems: Problems) -> None:
    tables: dict[str, OptionsTable] = {"options": file.options}
    tables |= {f"aliases.{name}": table for name, table in file.aliases.items()}
    tables |= {f"keys[{index}].options": key.options for index, key in enumerate(file.keys)}
    for place, table in tables.items():
        for index, model in enumerate(table.fallbacks or ()):
            reason = None if model in file.aliases else _wrong_target(model, providers, problems)
            if reason:
                problems.add(f"{place}.fallbacks[{index}]", reason)


def _layers(file: ConfigFile) -> Layers:
    return Layers(
        everywhere=_given(file.options),
        keys={key.name: given for key in file.keys if (given := _given(key.options))},
        aliases={alias: given for alias in file.aliases if (given := _alias_options(file, alias))},
    )


def _alias_options(file: ConfigFile, alias: str) -> dict[str, Any]:
    """Its own options over those of an alias that it stands for."""
    chain = [alias]
    while (target := file.aliases[chain[-1]].model) in file.aliases and target not in chain:
        chain.append(target)
    given: dict[str, Any] = {}
    for name in reversed(chain):
        given |= _given(file.aliases[name])
    return given


def _given(table: OptionsTable) -> dict[str, Any]:
    given = {name: getattr(table, name) for name in OptionsTable.model_fields}
    given = {name: value for name, value in given.items() if value is not None}
    if "fallbacks" in given:
        given["fallbacks"] = tuple(given["fallbacks"])
    return given


def _wrong_target(target: str, providers: Providers, problems: Problems) -> str | None:
    provider, slash, model = target.partition("/")
    if not provider or not slash or not model:
        return "expected provider/model, or another alias"
    if provider in providers.rows or provider in providers.unfit or problems.below(f"providers.{provider}"):
        return None
    known = ", ".join(sorted(providers.rows)) or "none"
    return f"no provider {provider!r} is configured: add [providers.{provider}], or set its key (configured: {known})"


def _environment_workers(environ: Mapping[str, str], problems: Problems) -> int:
    value = environ.get(WORKERS_VARIABLE) or "1"
    if value.isdecimal() and 1 <= int(value) <= MOST_WORKERS:
        return int(value)
    problems.add(WORKERS_VARIABLE, f"must be a number from 1 to {MOST_WORKERS}", file=ENVIRONMENT)
    return 1


def _file_keys(file: ConfigFile, problems: Problems) -> list[RouterKey]:
    keys: list[RouterKey] = []
    for index, table in enumerate(file.keys):
        if not is_name(table.name):
            problems.add(f"keys[{index}].name", "expected letters, digits, dots, dashes and underscores")
        elif any(key.name == table.name for key in keys):
            problems.add(f"keys[{index}].name", "another key has this name")
        try:
            keys.append(RouterKey(table.name, stored_key(table.hash.get_secret_value(), table.name).digest))
        except ValueError as error:
            problems.add(f"keys[{index}].hash", str(error))
    return keys


def _environment_keys(environ: Mapping[str, str], problems: Problems, warnings: list[str]) -> list[RouterKey]:
    keys: list[RouterKey] = []
    value = environ.get(KEYS_VARIABLE, "")
    for number, entry in enumerate(value.replace(",", " ").split(), start=1):
        name = f"environment-{number}"
        if "sha256:" not in entry:
            keys.append(plain_key(entry, name))
            if len(entry) < _SHORT_KEY:
                warnings.append(f"{KEYS_VARIABLE}: entry {number} is short enough to be guessed (`ai-router keys new`)")
            continue
        try:
            keys.append(stored_key(entry, name))
        except ValueError as error:
            problems.add(f"{KEYS_VARIABLE}[{number}]", str(error), file=ENVIRONMENT)
    if value and not keys and not problems.below(KEYS_VARIABLE):
        problems.add(KEYS_VARIABLE, "holds no key", file=ENVIRONMENT)
    return keys
