"""A request turned down, in words that each fake puts into its provider's error body."""

from __future__ import annotations

from collections.abc import Sequence


class Refusal(Exception):
    """The provider would not take this request."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "", param: str | None = None, code: str | None = None
    ):
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        """The provider's error type; empty for its word for a bad request."""
        self.param = param
        """The offending field, where the provider names it apart from the text."""
        self.code = code
        """The provider's error code, where it has one."""


def path_in(body: object, location: Sequence[str | int]) -> list[str | int]:
    """The part of a validator's location that is a path in the body: names of union members left out."""
    path: list[str | int] = []
    here = body
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(here, dict) and step == here.get("type") and not last and location[position + 1] in here:
            continue  # the name of a union's member, though it is also a field's name
        if isinstance(here, dict) and step in here:
            here = here[step]
        elif isinstance(here, list) and isinstance(step, int):
            here = here[step] if step < len(here) else None
        elif not (last and isinstance(here, dict)):
            continue
        path.append(step)
    return path
