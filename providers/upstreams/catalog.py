"""The providers and profiles that ship with the router, read from ``catalog.toml``."""

import functools
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from providers.spec.profile import Profile
from providers.upstreams.base import Call

FILE = "catalog.toml"
DEFAULT_PROFILE = "default"

PATTERN_FIELDS = (
    "tool_call_id",
    "tool_name",
    "absent_tools",
    "responses_models",
    "state_error",
    "adaptive_thinking_models",
    "no_prefill_models",
    "signature_models",
    "media_result_models",
    "mixed_tools_models",
    "thinking_level_models",
    "always_thinking_models",
    "unsealed_models",
    "fixed_sampling_models",
    "forced_choice_models",
    "thinking_models",
)
"""Fields of a profile that are regular expressions."""

_Entry = TypeVar("_Entry", bound=msgspec.Struct)


class CatalogError(ValueError):
    """A catalog is not what it must be; the text names file and key."""


class CatalogVariant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some of a provider's models, which speak another dialect there than the rest."""

    models: str
    """Regular expression."""
    dialect: str
    profile: str
    call: Call | None = None


class CatalogRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider known by name. It becomes a ``ProviderRow`` once key and address are settled."""

    name: str
    dialect: str
    base_url: str
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key; the first one that is set counts."""
    profile: str = DEFAULT_PROFILE
    """Name of a profile, for ``profile``."""
    needs_key: bool = True
    """Without a key there is no such provider. Where none is needed, the row counts only if it is configured or one of
    ``address_env`` is set: a server on this machine that nobody started is no provider."""
    needs_address: bool = False
    """Each customer has an address of their own: ``base_url`` shows its form, and scheme and path where none are given.
    Without an address there is no such provider."""
    tokens: Literal["google", "azure"] | None = None
    """The kind of access token that calls carry where there is no key."""
    token_scope: str = ""
    """What the tokens are asked for."""
    token_env: tuple[str, ...] = ()
    """Environment variables that say that there are tokens to be had: one that is set stands for the key. Where none is
    named here, there always are."""
    project_env: tuple[str, ...] = ()
    """Environment variables that may hold the project, which there must be where any is named here."""
    location_env: tuple[str, ...] = ()
    """The same for the location."""
    default_location: str = ""
    """For a row that is configured without one."""
    hosts: dict[str, str] = {}
    """``base_url`` by location; ``*`` for any other, where ``{location}`` stands for it."""
    call: Call | None = None
    """How calls go out, where it is not as the dialect has them."""
    variants: tuple[CatalogVariant, ...] = ()
    address_env: tuple[str, ...] = ()
    """Environment variables that may hold the address, as ``address_from`` reads it."""


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog, checked."""

    rows: Mapping[str, CatalogRow]
    profiles: Mapping[str, Profile]


def builtin_rows() -> Mapping[str, CatalogRow]:
    """The shipped providers by name, in the order of the file."""
    return _builtin().rows


def builtin_profiles() -> Mapping[str, Profile]:
    """The shipped profiles by name, ``default`` among them."""
    return _builtin().profiles


def profile(name: str) -> Profile:
    """A shipped profile. Raises KeyError, naming the known ones, where there is none of that name."""
    profiles = builtin_profiles()
    if name not in profiles:
        raise KeyError(f"no profile {name!r}; known: {', '.join(sorted(profiles))}")
    return profiles[name]


def address_from(row: CatalogRow, value: str) -> str:
    """The base URL meant by an address in the environment, such as ``OLLAMA_HOST=192.168.1.5``.

    Scheme, port and path may be missing and are then those of the row. An address to listen on at all interfaces
    (``0.0.0.0``, or a port alone), as servers are given it, means this machine. Raises ValueError for what is no
    address; its text does not hold the value, which may have a password in it.
    """
    shipped = urlsplit(row.base_url)
    given = urlsplit(value if "://" in value else f"//{_bracketed(value)}", scheme=shipped.scheme)
    if "@" in given.netloc or given.query or given.fragment:
        raise ValueError("an address of scheme, host, port and path was expected")
    given_port = _port(given)
    if not given.hostname and not given_port:
        raise ValueError("there is no host in it")
    named = given.hostname or "0.0.0.0"  # noqa: S104 - turned away, not bound
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(named, named)  # noqa: S104 - as above
    port = given_port or (shipped.port if "://" not in value else None)
    authority = f"[{host}]" if ":" in host else host
    path = given.path.rstrip("/") or shipped.path
    return f"{given.scheme}://{authority}{f':{port}' if port else ''}{path}"


def _port(address: SplitResult) -> int | None:
    try:
        return address.port
    except ValueError:
        # Its own text quotes the port, which may be half of a user name and password.
        raise ValueError("the port is no number up to 65535") from None


def _bracketed(value: str) -> str:
    """A bare IPv6 address as it stands in a URL."""
    try:
        return f"[{ipaddress.IPv6Address(value)}]"
    except ValueError:
        return value


def read_catalog(text: str, file: str = FILE) -> Catalog:
    """Read and check a catalog. Raises CatalogError, which names ``file`` and the key."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{file}: {error}") from None
    unknown = sorted(set(tables) - {"providers", "profiles"})
    if unknown:
        raise CatalogError(f"{file}: unknown key {unknown[0]}")
    profiles = {DEFAULT_PROFILE: Profile(), **_entries(_with_bases(tables, file), "profiles", Profile, file)}
    rows = _entries(tables, "providers", CatalogRow, file)
    for name, entry in profiles.items():
        _check_patterns(entry, f"{file}: profiles.{name}")
    for name, row in rows.items():
        for profile in (row.profile, *(variant.profile for variant in row.variants)):
            if profile not in profiles:
                raise CatalogError(f"{file}: providers.{name}.profile: no profile {profile!r}")
    return Catalog(rows=MappingProxyType(rows), profiles=MappingProxyType(profiles))


def _with_bases(tables: Mapping[str, Any], file: str) -> dict[str, Any]:
    """The tables with every profile's ``base`` filled in: the profile before it whose fields it has and changes."""
    filled: dict[str, Any] = {}
    for name, table in tables.get("profiles", {}).items() if isinstance(tables.get("profiles", {}), dict) else ():
        base = table.get("base") if isinstance(table, dict) else None
        if base is not None and base not in filled:
            raise CatalogError(f"{file}: profiles.{name}.base: no profile {base!r} stands before it")
        own = {key: value for key, value in table.items() if key != "base"} if isinstance(table, dict) else table
        filled[name] = own if base is None else {**filled[base], **own}
    return {**tables, "profiles": filled} if filled else {**tables}


@functools.cache
def _builtin() -> Catalog:
    return read_catalog(resources.files(__package__).joinpath(FILE).read_text("utf-8"))


def _entries(tables: Mapping[str, Any], section: str, kind: type[_Entry], file: str) -> dict[str, _Entry]:
    section_table = tables.get(section, {})
    if not isinstance(section_table, dict):
        raise CatalogError(f"{file}: {section}: expected a table")
    return {name: _entry(table, f"{section}.{name}", kind, file) for name, table in section_table.items()}


def _entry(table: object, key: str, kind: type[_Entry], file: str) -> _Entry:
    if not isinstance(table, dict) or "name" in table:
        raise CatalogError(f"{file}: {key}: expected a table without a name of its own")
    try:
        return msgspec.convert({**table, "name": key.partition(".")[2]}, kind)
    except msgspec.ValidationError as error:
        # "Expected `bool`, got `str` - at `$.needs_key`": the dollar is this entry.
        raise CatalogError(f"{file}: {key}: {error}".replace("`$.", "`").replace(" - at `$`", "")) from None


def _check_patterns(entry: Profile, key: str) -> None:
    for field in PATTERN_FIELDS:
        pattern = getattr(entry, field)
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise CatalogError(f"{key}.{field}: {error}") from None
