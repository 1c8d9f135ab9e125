"""The vocabulary every other module of the canonical form is written in."""

from typing import TypeAlias

import msgspec

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A decoded JSON value. Floats read by ``providers.wire.json`` keep their literal, integers are exact."""

JsonObject: TypeAlias = dict[str, Json]

Ext: TypeAlias = dict[str, JsonObject]
"""Fields we do not model, by the dialect they were met in: carried verbatim there, reported for other dialects."""


class Form(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a value was spelled in its own dialect: only its spelling, so that it can be written back alike.

    Only the dialect that wrote a form reads it; encoding for another dialect ignores it and loses nothing.
    """

    dialect: str
    """The dialect whose spelling this is."""
    keys: tuple[str, ...] = ()
    """The keys of the object in the order they came."""
    nulls: tuple[str, ...] = ()
    """Keys that were spelled out as ``null`` where absence means the same."""
    variants: dict[str, str] = {}
    """Which of several equivalent shapes a field had, by field name (for example ``{"content": "text"}``)."""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every node of the canonical form carries beside its own fields."""

    ext: Ext = {}
    form: Form | None = None


def extended(ext: Ext, dialect: str) -> JsonObject:
    """The carried fields of one dialect; empty where there are none. The result is not to be modified."""
    return ext.get(dialect) or {}
