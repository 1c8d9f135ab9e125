"""Arguments that come in pieces (``partialArgs`` of Vertex), put together into one object.

Each piece is a scalar for a JSON path (RFC 9535, names and indexes only); a string may come in several pieces.
"""

import itertools
import re
from typing import Final

from providers.spec.errors import ProviderProtocolError
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps_text

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_MOST_ITEMS: Final = 100_000
_MOST_STEPS: Final = 100

Step = str | int


class PartialArgs:
    """The arguments of one call while they grow."""

    def __init__(self, known: JsonObject) -> None:
        self._value: JsonObject = dict(known)
        self._open: tuple[Step, ...] | None = None

    def add(self, pieces: list[Json]) -> None:
        """Take the pieces of one chunk. Raises ProviderProtocolError for a path that leads nowhere."""
        for piece in pieces:
            if not isinstance(piece, dict) or not isinstance(piece.get("jsonPath"), str):
                raise ProviderProtocolError("a piece of a call's arguments has no jsonPath")
            self._piece(steps_of(str(piece["jsonPath"])), piece)

    def _piece(self, steps: tuple[Step, ...], piece: JsonObject) -> None:
        parent, last = self._parent(steps), steps[-1]
        value = _value(piece)
        before = _member(parent, last)
        if steps == self._open and isinstance(before, str) and isinstance(value, str):
            value = before + value
        _set(parent, last, value)
        self._open = steps if piece.get("willContinue") is True else None

    def _parent(self, steps: tuple[Step, ...]) -> Json:
        node: Json = self._value
        for step, following in itertools.pairwise(steps):
            child = _member(node, step)
            if not isinstance(child, list if isinstance(following, int) else dict):
                child = [] if isinstance(following, int) else {}
                _set(node, step, child)
            node = child
        return node

    def text(self) -> str:
        """The whole arguments as compact JSON."""
        return dumps_text(self._value)

    def cut_text(self) -> str:
        """What came of arguments that never ended: their JSON text without its end, so that it reads as cut."""
        text = self.text().rstrip("}]")
        return text.removesuffix('"') if self._open is not None else text


def steps_of(path: str) -> tuple[Step, ...]:
    """``$.a.b[0]`` as ``("a", "b", 0)``. Raises ProviderProtocolError for a path of another kind."""
    steps: list[Step] = []
    position = 1
    while position < len(path) and path.startswith("$"):
        found = _STEP.match(path, position)
        if found is None:
            break
        name, index, single, double = found.groups()
        named = next((text for text in (name, single, double) if text is not None), "")
        steps.append(named if index is None else int(index))
        position = found.end()
    if not 0 < len(steps) <= _MOST_STEPS or position < len(path) or isinstance(steps[0], int):
        raise ProviderProtocolError(f"a piece of a call's arguments has the path {path[:100]!r}")
    return tuple(steps)


def _value(piece: JsonObject) -> Json:
    for key in ("stringValue", "numberValue", "boolValue"):
        if key in piece:
            return piece[key]
    # Neither: ``nullValue``, or an empty string, which JSON of protocol buffers may leave out.
    return None if "nullValue" in piece else ""


def _member(node: Json, step: Step) -> Json:
    if isinstance(node, dict) and isinstance(step, str):
        return node.get(step)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


def _set(node: Json, step: Step, value: Json) -> None:
    if isinstance(node, dict) and isinstance(step, str):
        node[step] = value
    elif isinstance(node, list) and isinstance(step, int) and step < _MOST_ITEMS:
        node.extend([None] * (step + 1 - len(node)))
        node[step] = value
    else:
        raise ProviderProtocolError("the pieces of a call's arguments contradict one another")
