"""From what ships built in, the configuration's tables and the environment to the provider rows that are served."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from providers.spec.profile import Profile
from providers.upstreams.base import ProviderRow, Timeouts, Variant
from providers.upstreams.catalog import (
    DEFAULT_PROFILE,
    PATTERN_FIELDS,
    CatalogRow,
    address_from,
    builtin_profiles,
    builtin_rows,
)
from providers.upstreams.factory import DIALECTS
from providers.upstreams.factory import SCRIPTED as SCRIPTED_ADDRESS
from providers.upstreams.outgoing import check_row
from providers.upstreams.scripted.script import BUILT_IN, ScriptError, load_script
from router.accounts import Account, account_of, first_set
from router.config_file import ProviderTable, TimeoutTable
from router.problems import ENVIRONMENT, Problems

SCRIPTED = "scripted"
"""Name of the provider that is always there, and the word that a table says as ``dialect`` to be one like it."""
_SCRIPTED_DIALECT = "openai-chat"
_OPENAI_COMPATIBLE = "openai-chat"

BASE_URL_VARIABLES: Mapping[str, str] = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
    "google-vertex": "GOOGLE_VERTEX_BASE_URL",
}
"""Variables by which users of each provider's own SDK move its address."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_KEY = re.compile(r"[\x21-\x7e]+")


class Providers(msgspec.Struct, frozen=True):
    """The providers that are served."""

    rows: dict[str, ProviderRow]
    models: dict[str, tuple[str, ...]]
    """Models to show, by provider; those that are not shown can be asked for as well."""
    unfit: frozenset[str] = frozenset()
    """Providers that are wanted and cannot be served; the problems say why."""


def resolve_providers(
    tables: Mapping[str, ProviderTable], environ: Mapping[str, str], folder: Path, problems: Problems
) -> Providers:
    """Every provider that is configured, or whose key is in the environment, and the scripted one.

    ``folder`` is where relative paths of scripts count from. What is wrong goes to ``problems``.
    """
    return _Resolver(environ, folder, problems).resolve(tables)


class _Resolver:
    """One pass over all providers."""

    def __init__(self, environ: Mapping[str, str], folder: Path, problems: Problems) -> None:
        self._environ = environ
        self._folder = folder
        self._problems = problems
        self._shipped = builtin_rows()

    def resolve(self, tables: Mapping[str, ProviderTable]) -> Providers:
        rows: dict[str, ProviderRow] = {}
        models: dict[str, tuple[str, ...]] = {}
        unfit = set()
        for name in dict.fromkeys((*self._shipped, SCRIPTED, *tables)):
            table = tables.get(name)
            if not self._is_wanted(name, table):
                continue
            row = self._row(name, table or ProviderTable())
            if row is None:
                unfit.add(name)
            else:
                rows[name] = row
                models[name] = self._models(row, table or ProviderTable())
        return Providers(rows, models, frozenset(unfit))

    def _is_wanted(self, name: str, table: ProviderTable | None) -> bool:
        if table is not None:
            return table.enabled
        if self._problems.below(f"providers.{name}"):
            # It has a table, which could not be read.
            return False
        return name == SCRIPTED or self._is_in_environment(self._shipped[name])

    def _is_in_environment(self, shipped: CatalogRow) -> bool:
        """A key of it is there; for a server that needs none, its address; what needs both has both.

        A project alone says nothing of models: many programs are told theirs.
        """
        if shipped.project_env:
            wanted = [shipped.project_env, shipped.location_env]
        else:
            wanted = [(*shipped.key_env, *shipped.token_env)] if shipped.needs_key else []
            if shipped.needs_address or not shipped.needs_key:
                wanted.append(shipped.address_env)
        return all(self._first_set(variables) is not None for variables in wanted)

    def _first_set(self, variables: Iterable[str]) -> str | None:
        return first_set(variables, self._environ)

    def _row(self, name: str, table: ProviderTable) -> ProviderRow | None:
        """The row, or ``None`` where something in it was wrong."""
        shipped = self._shipped.get(table.like or name)
        if table.like is not None and shipped is None:
            self._wrong(name, "like", f"no such provider; shipped are {', '.join(self._shipped)}")
        if not _NAME.fullmatch(name):
            self._wrong(name, "", "a provider's name is letters, digits, dots, dashes and underscores")
            return None
        scripted = name == SCRIPTED if table.dialect is None else table.dialect == SCRIPTED
        noted = len(self._problems)
        row = self._scripted(name, table) if scripted else self._addressed(name, table, shipped)
        if len(self._problems) > noted:
            return None
        return row if scripted or self._can_be_sent(row) else None

    def _can_be_sent(self, row: ProviderRow) -> bool:
        """The transport's own word, for whatever was not looked at more closely here."""
        try:
            check_row(row)
        except ValueError as error:
            self._wrong(row.name, "", str(error).removeprefix(f"provider {row.name}: "))
            return False
        return True

    def _scripted(self, name: str, table: ProviderTable) -> ProviderRow:
        for key in ("base_url", "api_key", "key_header", "profile", "timeout", "headers"):
            if getattr(table, key):
                self._wrong(name, key, "a scripted provider has none: it never leaves the router")
        script = None if table.script is None else str(self._folder / table.script)
        return ProviderRow(
            name=name, dialect=_SCRIPTED_DIALECT, base_url=SCRIPTED_ADDRESS, script=script, profile=Profile(name=name)
        )

    def _addressed(self, name: str, table: ProviderTable, shipped: CatalogRow | None) -> ProviderRow:
        if table.script is not None:
            self._wrong(name, "script", f'only with dialect = "{SCRIPTED}"')
        dialect = self._dialect(name, table, shipped)
        account = account_of(table, shipped, self._environ, self._folder, partial(self._wrong, name))
        row = ProviderRow(
            name=name,
            dialect=dialect,
            base_url=self._base_url(name, table, shipped, account),
            api_key=None if account.tokens else self._api_key(name, table, shipped),
            profile=self._profile(name, table, self._own_profile(dialect, shipped)),
            tokens=account.tokens,
            token_scope=account.scope,
            credentials_file=account.file,
            account=account.name,
            headers=self._headers(name, table.headers),
            key_header=table.key_header,
            transport=table.transport,
            timeouts=_timeouts(table.timeout),
        )
        return self._as_shipped(row, table, shipped, account) if shipped and shipped.dialect == dialect else row

    def _as_shipped(self, row: ProviderRow, table: ProviderTable, shipped: CatalogRow, account: Account) -> ProviderRow:
        """The row with the calls that the catalog has for it, and the variants of it."""
        variants = [
            Variant(
                variant.models,
                msgspec.structs.replace(
                    row,
                    dialect=variant.dialect,
                    profile=self._profile(row.name, table, builtin_profiles()[variant.profile]),
                    call=account.call(variant.call),
                    is_variant=True,
                ),
            )
            for variant in shipped.variants
        ]
        return msgspec.structs.replace(row, call=account.call(shipped.call), variants=tuple(variants))

    def _dialect(self, name: str, table: ProviderTable, shipped: CatalogRow | None) -> str:
        dialect = table.dialect or (shipped.dialect if shipped else None)
        if dialect is None:
            self._wrong(name, "dialect", f"required; one of {_known_dialects()}")
            return ""
        if dialect not in DIALECTS:
            self._wrong(name, "dialect", f"no such dialect; one of {_known_dialects()}")
        return dialect

    def _base_url(self, name: str, table: ProviderTable, shipped: CatalogRow | None, account: Account) -> str:
        if table.base_url is not None:
            return self._address(table.base_url, f"providers.{name}.base_url")
        if shipped is None:
            self._wrong(name, "base_url", "required")
            return ""
        variable = self._first_set([BASE_URL_VARIABLES.get(name, "")])
        if variable:
            return self._address(self._environ[variable].strip(), variable, ENVIRONMENT)
        variable = self._first_set(shipped.address_env)
        if variable:
            return self._completed_address(shipped, variable)
        if shipped.needs_address:
            either = " or ".join(shipped.address_env)
            self._wrong(name, "base_url", f"required: set it here, or {either} in the environment")
        return account.host(shipped)

    def _completed_address(self, shipped: CatalogRow, variable: str) -> str:
        try:
            url = address_from(shipped, self._environ[variable].strip())
        except ValueError:
            self._problems.add(variable, "not an address", file=ENVIRONMENT)
            return ""
        return self._address(url, variable, ENVIRONMENT)

    def _address(self, url: str, key: str, file: str | None = None) -> str:
        reason = _wrong_address(url)
        if reason:
            self._problems.add(key, reason, file=file)
        return url.rstrip("/")

    def _api_key(self, name: str, table: ProviderTable, shipped: CatalogRow | None) -> str | None:
        if table.api_key is not None:
            return self._key(table.api_key.get_secret_value(), f"providers.{name}.api_key")
        if shipped is None:
            return None
        variable = self._first_set(shipped.key_env)
        if variable is not None:
            return self._key(self._environ[variable], variable, ENVIRONMENT)
        if shipped.needs_key and table.base_url is None:
            either = f"required: set it here, or {' or '.join(shipped.key_env)} in the environment"
            tokens = f', or tokens = "{shipped.tokens}"' if shipped.tokens else ""
            self._wrong(name, "api_key", f"{either}{tokens}")
        return None

    def _key(self, value: str, key: str, file: str | None = None) -> str | None:
        stripped = value.strip()
        if stripped and not _KEY.fullmatch(stripped):
            self._problems.add(key, "holds characters that no key has: spaces, line breaks or non-ASCII", file=file)
        return stripped or None

    def _own_profile(self, dialect: str, shipped: CatalogRow | None) -> Profile:
        """What a row starts from: its shipped profile, else that of its dialect's own provider."""
        if shipped is not None and shipped.dialect == dialect:
            return builtin_profiles()[shipped.profile]
        if dialect == _OPENAI_COMPATIBLE:
            # Spoken by many hosts: what OpenAI itself wants says nothing about another.
            return Profile()
        name = next((row.profile for row in self._shipped.values() if row.dialect == dialect), DEFAULT_PROFILE)
        return builtin_profiles()[name]

    def _profile(self, name: str, table: ProviderTable, own: Profile) -> Profile:
        changes = dict(table.profile or {})
        base = changes.pop("base", None)
        if base is not None:
            profiles = builtin_profiles()
            known = {**profiles, **{row.name: profiles[row.profile] for row in self._shipped.values()}}
            if not isinstance(base, str) or base not in known:
                self._wrong(name, "profile", f"no such profile; shipped are {', '.join(sorted(known))}")
                return own
            own = known[base]
        if not changes:
            return own
        return self._changed_profile(name, own, changes)

    def _changed_profile(self, name: str, own: Profile, changes: dict[str, Any]) -> Profile:
        fields: dict[str, Any] = msgspec.to_builtins(own)
        try:
            profile = msgspec.convert({**fields, "name": name, **changes}, Profile)
        except msgspec.ValidationError as error:
            self._wrong(name, "profile", str(error))
            return own
        for key in PATTERN_FIELDS:
            self._check_pattern(name, key, changes.get(key))
        return profile

    def _check_pattern(self, name: str, key: str, pattern: object) -> None:
        try:
            re.compile(pattern if isinstance(pattern, str) else "")
        except re.error as error:
            self._wrong(name, f"profile.{key}", f"not a regular expression: {error}")

    def _headers(self, name: str, headers: Mapping[str, SecretStr]) -> dict[str, str]:
        plain = {header.lower(): value.get_secret_value() for header, value in headers.items()}
        for header, value in plain.items():
            if not _HEADER_NAME.fullmatch(header):
                self._wrong(name, f"headers.{header}", "not a header name")
            elif not value.isascii() or not value.isprintable():
                self._wrong(name, f"headers.{header}", "holds characters that no HTTP header can carry")
        return plain

    def _models(self, row: ProviderRow, table: ProviderTable) -> tuple[str, ...]:
        if row.base_url != SCRIPTED_ADDRESS:
            return tuple(table.models)
        try:
            script = load_script(Path(row.script) if row.script else BUILT_IN)
        except ScriptError as error:
            self._wrong(row.name, "script", str(error))
            return ()
        return tuple(table.models) or tuple(script.models)

    def _wrong(self, name: str, key: str, reason: str) -> None:
        self._problems.add(".".join(filter(None, ("providers", name, key))), reason)


def _timeouts(table: TimeoutTable | None) -> Timeouts:
    given = table.model_dump(exclude_none=True) if table else {}
    return Timeouts(**given)


def _wrong_address(url: str) -> str | None:
    """Why this cannot be the address of a provider, or ``None``. The text does not hold the address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "not an http:// or https:// URL"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password; use api_key or headers"
    if parts.query or parts.fragment:
        return "must not hold a query or fragment"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "holds characters that no URL can"
    return None


def _known_dialects() -> str:
    return ", ".join((*sorted(DIALECTS), SCRIPTED))
