"""Rows whose calls carry access tokens: what for (project, location), and what the tokens are issued to."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from providers.upstreams.base import Call
from providers.upstreams.catalog import CatalogRow
from router.config_file import ProviderTable

_GOOGLE_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_AZURE_CLIENT = "AZURE_CLIENT_ID"
_PLACE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?")
"""A project (``example.com:name`` among them) or a location: it becomes part of an address."""

Wrong = Callable[[str, str], None]
"""Notes what is wrong with a key of the row's table."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a row's calls are made for, and with."""

    tokens: Literal["google", "azure"] | None = None
    scope: str = ""
    file: str | None = None
    project: str = ""
    location: str = ""
    client: str = ""

    @property
    def name(self) -> str:
        """Stands for the credential wherever one must be told from another."""
        return self.project or self.client

    def call(self, call: Call | None) -> Call | None:
        """A call of the catalog, project and location filled in."""
        if call is None:
            return None
        paths = {name: getattr(call, name) for name in ("path", "stream_path", "count_path")}
        return msgspec.structs.replace(call, **{name: self._filled(path) for name, path in paths.items() if path})

    def host(self, shipped: CatalogRow) -> str:
        """The address that the catalog has for the location."""
        host = shipped.hosts.get(self.location) or shipped.hosts.get("*")
        return shipped.base_url if host is None else self._filled(host)

    def _filled(self, text: str) -> str:
        return text.replace("{project}", self.project).replace("{location}", self.location)


def account_of(
    table: ProviderTable, shipped: CatalogRow | None, environ: Mapping[str, str], folder: Path, wrong: Wrong
) -> Account:
    """The account of a row. ``folder`` is where a relative path counts from."""
    tokens = table.tokens or _shipped_tokens(table, shipped, environ)
    if tokens is None:
        for key in ("token_scope", "credentials_file"):
            if getattr(table, key):
                wrong(key, "only with tokens")
    elif table.api_key is not None:
        wrong("tokens", "the row has a key: one or the other")
    elif table.transport == "sdk":
        wrong("transport", "calls with tokens go over the pool")
    scope = table.token_scope or (shipped.token_scope if shipped else "")
    if tokens is not None and not scope:
        wrong("token_scope", "required: what the tokens are to be good for")
    return Account(
        tokens=tokens,
        scope=scope,
        file=_file(table, tokens, environ, folder, wrong),
        project=_place("project", table.project, shipped.project_env if shipped else (), environ, wrong),
        location=_place("location", table.location, shipped.location_env if shipped else (), environ, wrong)
        or (shipped.default_location if shipped else ""),
        client=environ.get(_AZURE_CLIENT, "") if tokens == "azure" else "",
    )


def first_set(variables: Iterable[str], environ: Mapping[str, str]) -> str | None:
    """The first of these environment variables that holds more than spaces."""
    return next((name for name in variables if environ.get(name, "").strip()), None)


def _shipped_tokens(
    table: ProviderTable, shipped: CatalogRow | None, environ: Mapping[str, str]
) -> Literal["google", "azure"] | None:
    """Those of the catalog, where there is no key and the environment says that there are tokens to be had."""
    if shipped is None or table.api_key is not None or first_set(shipped.key_env, environ) is not None:
        return None
    if shipped.token_env and first_set(shipped.token_env, environ) is None:
        return None
    return shipped.tokens


def _place(key: str, given: str | None, variables: tuple[str, ...], environ: Mapping[str, str], wrong: Wrong) -> str:
    if given is not None and not variables:
        wrong(key, "this provider has none")
    variable = first_set(variables, environ)
    value = (environ[variable].strip() if variable else "") if given is None else given
    if value and not _PLACE.fullmatch(value):
        wrong(key, f"{'' if given else f'{variable}: '}not the name of a {key}")
    if not value and key == "project" and variables:
        wrong(key, f"required: set it here, or {' or '.join(variables)} in the environment")
    return value


def _file(
    table: ProviderTable, tokens: str | None, environ: Mapping[str, str], folder: Path, wrong: Wrong
) -> str | None:
    if tokens != "google":
        if tokens is not None and table.credentials_file is not None:
            wrong("credentials_file", "only with tokens of Google")
        return None
    if table.credentials_file is not None:
        return str(folder / table.credentials_file)
    return environ.get(_GOOGLE_FILE) or None
