"""Names under which foreign tools are offered: legal for every provider, and no two tools get the same."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from loop_client.errors import ConfigurationError

LONGEST_NAME: Final = 64
"""Characters of a tool name at most: what OpenAI's chat API takes (SCHEMA-15)."""
LONGEST_PREFIX: Final = 32

_SEPARATOR: Final = "__"
_DIGITS: Final = 12
_LEGAL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ILLEGAL_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_-]")
_LOOKS_REWRITTEN: Final = re.compile(rf".*_[0-9a-f]{{{_DIGITS}}}")
_LEGAL_PREFIX: Final = re.compile(r"[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*")


def checked_prefix(prefix: str) -> str:
    """The prefix, which may be empty for none.

    It holds no ``__`` and ends in no ``_``, so that the first ``__`` of an offered name tells where the prefix ends:
    tools of two servers with different prefixes never get the same name.

    Raises:
        ConfigurationError: it is not legal.
    """
    if prefix and (len(prefix) > LONGEST_PREFIX or _LEGAL_PREFIX.fullmatch(prefix) is None):
        raise ConfigurationError(
            f"prefix {prefix!r}: at most {LONGEST_PREFIX} letters, digits and '-' are accepted, and single '_' within"
        )
    return prefix


def offered_name(prefix: str, name: str) -> str:
    """The name under which the tool ``name`` is offered.

    ``prefix__name`` where that is legal. Otherwise what is illegal becomes ``_``, what is too long is cut, and a hash
    over the whole original name is appended, so that tools whose names differ only there stay two (SCHEMA-16). A name
    that ends like such a hash is rewritten, too, so that none can pass for the rewritten form of another.
    """
    whole = f"{prefix}{_SEPARATOR}{name}" if prefix else name
    if _LEGAL.fullmatch(whole) is not None and _LOOKS_REWRITTEN.fullmatch(whole) is None:
        return whole
    digest = hashlib.sha256(whole.encode("utf-8", errors="surrogatepass")).hexdigest()[:_DIGITS]
    kept = _ILLEGAL_CHARACTER.sub("_", whole)[: LONGEST_NAME - _DIGITS - 1]
    return f"{kept}_{digest}"
