"""Headers that can be sent: a value that no header may hold is told when it is set, and is never quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from loop_client.errors import ConfigurationError

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")
"""RFC 9110, 5.5, without what is beyond ASCII: clients do not agree on how that is written."""


def checked_headers(headers: Mapping[str, str], what: str) -> dict[str, str]:
    """The headers, by names in small letters.

    An HTTP client that finds a value wrong on sending quotes it in its error, and a key that was read with the line
    break at its end is such a value.

    Raises:
        ConfigurationError: a name or value cannot be sent; the text begins with ``what``.
    """
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None:
            raise ConfigurationError(f"{what}: {name!r} is no name of a header")
        if value:
            check_value(value, f"{what}.{name}")
    return {name.lower(): value for name, value in headers.items()}


def check_value(value: str, what: str) -> None:
    """Say early that a value cannot be sent.

    Raises:
        ConfigurationError: it cannot; the text begins with ``what``.
    """
    if _VALUE.fullmatch(value) is None:
        raise ConfigurationError(
            f"{what}: no header may hold this value; it has a line break, a space at an end, or what is not ASCII"
        )
