"""From the model a caller names to the provider row and the provider's own model name."""

from collections.abc import Mapping

import msgspec

from providers.spec.errors import InvalidRequestError, UnknownModelError
from providers.spec.profile import Target
from providers.upstreams.base import ProviderRow, scope_of


class Route(msgspec.Struct, frozen=True):
    """Where a request goes."""

    row: ProviderRow
    model: str
    scope: str
    """Of the row's credential."""

    def target(self, wire: str) -> Target:
        """What the codecs need to know of it. ``wire``: the dialect that is spoken."""
        return Target(
            provider=self.row.name,
            model=self.model,
            dialect=wire,
            scope=self.scope,
            profile=self.row.profile,
        )


class Routes:
    """The configured providers and aliases."""

    def __init__(self, rows: Mapping[str, ProviderRow], aliases: Mapping[str, str]) -> None:
        self._rows = rows
        self._aliases = aliases
        every = [each for row in rows.values() for each in (row, *(variant.row for variant in row.variants))]
        self._scopes = {id(row): scope_of(row) for row in every}

    def find(self, model: str) -> Route:
        """The route of ``provider/model`` or of an alias.

        Raises InvalidRequestError where it names no provider or is no name, UnknownModelError where the provider is not
        configured.
        """
        name = self._aliases.get(model, model)
        provider, slash, rest = name.partition("/")
        if not slash or not provider or not rest:
            raise InvalidRequestError(
                f"model {model!r} names no provider: write provider/model, or an alias from the configuration. "
                f"Providers: {self._known()}",
                path="model",
            )
        if not rest.isprintable() or not {".", ".."}.isdisjoint(rest.split("/")):
            # It becomes part of an address at some providers, and goes there with the router's credentials.
            raise InvalidRequestError("model: not a model's name", path="model")
        row = self._rows.get(provider)
        if row is None:
            raise UnknownModelError(
                f"no provider {provider!r} is configured: set its key in the environment or add [providers.{provider}] "
                f"to the configuration. Providers: {self._known()}",
                path="model",
            )
        named = row.for_model(rest)
        return Route(named, rest, self._scopes[id(named)])

    def has_alias(self, name: str) -> bool:
        """Whether the configuration has this alias."""
        return name in self._aliases

    def _known(self) -> str:
        return ", ".join(sorted(self._rows)) or "none"
