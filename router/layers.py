"""Options of the configuration: for every request, for a key, for an alias; what the request says counts most."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from router.options import Options

Given: TypeAlias = Mapping[str, Any]
"""Checked options by name, only those that were given."""


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """Given options, from the most general to the most particular; the request's own come last."""

    everywhere: Given = {}
    keys: Mapping[str, Given] = {}
    """By name of the router key."""
    aliases: Mapping[str, Given] = {}
    """By alias; those of an alias that it stands for are included."""

    def __bool__(self) -> bool:
        """Whether the configuration gives any."""
        return bool(self.everywhere or self.keys or self.aliases)

    def options(self, given: Given, *, model: str, key: str | None) -> Options:
        """What counts for a request that gives these, for this model, under this key."""
        by_key = self.keys.get(key, {}) if key else {}
        return Options(**{**self.everywhere, **by_key, **self.aliases.get(model, {}), **given})


NO_LAYERS = Layers()
"""Of a configuration that gives no options."""
