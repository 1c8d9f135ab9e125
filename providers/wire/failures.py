"""What a provider's failure says, in whatever dialect it fails."""

import html
import re
from typing import Final

from providers.spec.errors import InvalidRequestError, ProviderProtocolError, RouterError
from providers.spec.values import Json
from providers.wire.json import dumps_text

LONGEST: Final = 500
"""Characters of a provider's words that are shown."""


def text_of(value: Json) -> str:
    """A string without the space around it; empty for anything else."""
    return value.strip() if isinstance(value, str) else ""


def unsaid(status: int, raw: Json) -> str:
    """The message of an error in which none was found: the body that came, where it was JSON and says anything."""
    words = text_of(raw) or (dumps_text(raw) if raw else "")
    said = f": {words[:LONGEST]}" if words else " and no message"
    return f"the provider answered with HTTP {status}{said}"


def page_text(body: bytes) -> str:
    """What a page that is not JSON says: its title, else its text."""
    text = body[: 64 * LONGEST].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    shown = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(html.unescape(shown).split())[:LONGEST]


def upstream_error(error: RouterError) -> RouterError:
    """Readers blame the caller; in a stream it is the provider that wrote a wrong type."""
    if isinstance(error, InvalidRequestError):
        return ProviderProtocolError(f"an event of the stream is malformed: {error.message}")
    return error
