"""Values that name an environment variable instead of holding a secret: ``env:NAME``, or ``Bearer env:NAME``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from loop_client.errors import ConfigurationError

_REFERENCE: Final = re.compile(r"(?P<before>(?:[A-Za-z]+ )?)env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)")


def is_reference(value: str) -> bool:
    """Whether the value is taken from the environment, be it behind a word."""
    return _REFERENCE.fullmatch(value) is not None


def is_plain_reference(value: str) -> bool:
    """Whether the value is taken from the environment as a whole."""
    found = _REFERENCE.fullmatch(value)
    return found is not None and not found["before"]


def from_environment(value: str, what: str) -> str:
    """The value, or what the variable that it names holds. A word may stand before it: ``Bearer env:TOKEN``.

    Raises:
        ConfigurationError: the variable is not set; the text says what it was wanted for.
    """
    found = _REFERENCE.fullmatch(value)
    if found is None:
        return value
    held = os.environ.get(found["name"])
    if not held:
        raise ConfigurationError(f"{what}: the environment variable {found['name']} is not set")
    return found["before"] + held


def all_from_environment(values: Mapping[str, str], what: str) -> dict[str, str]:
    """Each value as ``from_environment`` reads it.

    Raises:
        ConfigurationError: as ``from_environment``.
    """
    return {name: from_environment(value, f"{what}.{name}") for name, value in values.items()}
