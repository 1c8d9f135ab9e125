"""Whose a job is: what is known of a caller, as one name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from loop_client.errors import ConfigurationError

EVERYBODY: Final = "everybody"
"""Owner of all jobs of a service that asks nobody who they are."""

OwnerOf: TypeAlias = Callable[[Mapping[str, Any]], str]
"""Gives the owner from the values that the authentication hook gave."""

_NAMED: Final = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,64}):(?P<key>.+)")


def owner_in(values: Mapping[str, Any]) -> str:
    """``values["owner"]``; everybody's where a service knows nothing at all of its callers.

    Raises:
        ConfigurationError: something is known of the caller, but not whose the jobs are: users must never see each
            other's because nobody thought of it.
    """
    owner = values.get("owner")
    if isinstance(owner, str) and owner:
        return owner
    if not values:
        return EVERYBODY
    raise ConfigurationError("jobs need an owner: give 'owner' in what authenticate returns, or owner= to ChatService")


def owners_of_keys(entries: tuple[str, ...]) -> dict[str, str]:
    """Owner by key. An entry is a key, or ``name:key``; keys of one name are one owner's, as while they change."""
    owners: dict[str, str] = {}
    for entry in entries:
        found = _NAMED.fullmatch(entry)
        if found is not None:
            owners[found["key"]] = found["name"]
        else:
            owners[entry] = owner_of_key(entry)
    return owners


def owner_of_key(key: str) -> str:
    """A name that says nothing of the key and is no other key's."""
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
