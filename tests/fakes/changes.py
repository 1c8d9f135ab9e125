"""Requests that differ from a good one in one place, and a tool schema to put into them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Body = dict[str, Any]
Change = tuple[str, Any]
"""A dotted path with the value to put there; at the end of a list it is added, ``GONE`` removes what is there."""

GONE = object()


def changed(body: Body, *changes: Change) -> Body:
    """A copy of a request with some values changed."""
    result = copy.deepcopy(body)
    for path, value in changes:
        *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
        place: Any = result
        for step in steps:
            place = place[step]
        if value is GONE:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return result


SCHEMA: Body = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def broken_everywhere(body: Body) -> Iterator[Body]:
    """The request with each of its values in turn replaced by values of every JSON type."""
    for path in _paths(body):
        for value in (None, 5, -1, "x", "", True, [], [5], {}, {"type": 5}, {"type": "x"}):
            yield changed(body, (path, value))


def _paths(value: object, prefix: str = "") -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield f"{prefix}{key}"
        yield from _paths(part, f"{prefix}{key}.")
