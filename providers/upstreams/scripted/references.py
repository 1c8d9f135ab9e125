"""References of a script to the results of the calls before: ``{{filetree_list/entries/0/path}}``.

A reference is a path: first which result, then keys and positions inside its JSON.

- ``NAME`` or ``NAME#2``: the first (third, …) call of that tool in the latest turn that called it;
  a number: that call of the last turn. Calls count in the order they were made in, whatever order the results came in.
- then keys of objects and positions in arrays; ``type=file`` keeps the members of an array whose ``type`` is ``file``.
- then, after ``|``: ``count`` (members), ``first_line``, ``json`` or ``names`` (members joined by commas).
- at the end, after ``??``: the text to use where nothing is found.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from providers.spec.parts import TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import Message
from providers.spec.values import Json
from providers.wire.json import JsonError, dumps_text, loads

VIEWS = ("count", "first_line", "json", "names")

_REFERENCE = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_WHICH = re.compile(r"(?P<position>[0-9]+)|(?P<name>[^#|]+?)(?:#(?P<number>[0-9]+))?")


class MissingReferenceError(LookupError):
    """A reference finds nothing in the results."""


class Reference(msgspec.Struct, frozen=True):
    """One reference, read."""

    text: str
    """As it was written, for messages."""
    name: str | None
    """The tool; ``None``: any tool of the last turn."""
    position: int
    """Of the call among those of its turn that count."""
    steps: tuple[str, ...]
    view: str
    """One of ``VIEWS``, or empty."""
    fallback: str | None
    """The text to use where nothing is found; ``None``: that is an error."""


class Result(msgspec.Struct, frozen=True):
    """One tool result of the history."""

    turn: int
    call: int
    """Position of its call among all calls of the history."""
    name: str
    text: str


def read_reference(text: str) -> Reference:
    """Read what stands between the braces. Raises ValueError for what can never find anything."""
    path, alternative, fallback = (piece.strip() for piece in text.partition("??"))
    path, bar, view = (piece.strip() for piece in path.partition("|"))
    first, *steps = path.split("/")
    which = _WHICH.fullmatch(first)
    if which is None:
        raise ValueError(f"{{{{{text}}}}}: expected the name of a tool, NAME#2 or a number, got {first!r}")
    if bar and view not in VIEWS:
        raise ValueError(f"{{{{{text}}}}}: {view!r} is none of {', '.join(VIEWS)}")
    position = int(which["position"] or which["number"] or 0)
    return Reference(text, which["name"], position, tuple(steps), view, fallback if alternative else None)


def references_in(value: Json) -> Iterator[str]:
    """The text of every reference in a value, at any depth."""
    match value:
        case str():
            yield from (match[1] for match in _REFERENCE.finditer(value))
        case dict():
            for item in value.values():
                yield from references_in(item)
        case list():
            for item in value:
                yield from references_in(item)
        case _:
            return


def results_of(messages: Sequence[Message]) -> list[Result]:
    """Every result of the history in the order of the calls, each joined to the nearest call before it by id."""
    calls: dict[str, tuple[int, int, str]] = {}
    turn = count = 0
    results = []
    for message in messages:
        turn += message.role == "assistant"
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                calls[part.id] = (turn, count, part.name)
                count += 1
            elif isinstance(part, ToolResultPart) and part.call_id in calls:
                text = "".join(item.text for item in part.content if isinstance(item, TextPart))
                results.append(Result(*calls[part.call_id], text))
    return sorted(results, key=lambda result: result.call)


def filled(value: Json, results: Sequence[Result]) -> Json:
    """``value`` with every reference replaced.

    A string that is one reference becomes the value it names, with its type; inside a longer string it becomes text.
    Raises MissingReferenceError.
    """
    if isinstance(value, dict):
        return {key: filled(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, results) for item in value]
    if not isinstance(value, str):
        return value
    only = _REFERENCE.match(value)
    if only and only.end() == len(value):
        return _looked_up(read_reference(only[1]), results)
    return filled_text(value, results)


def filled_text(text: str, results: Sequence[Result]) -> str:
    """``text`` with every reference replaced by the text of what it names. Raises MissingReferenceError."""
    return _REFERENCE.sub(lambda match: _as_text(_looked_up(read_reference(match[1]), results)), text)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else dumps_text(value)


def _looked_up(reference: Reference, results: Sequence[Result]) -> Json:
    try:
        value = _parsed(_chosen(reference, results))
        for step in reference.steps:
            value = _step(value, step, reference)
        return _viewed(value, reference)
    except MissingReferenceError:
        if reference.fallback is not None:
            return reference.fallback
        raise


def _chosen(reference: Reference, results: Sequence[Result]) -> Result:
    named = [result for result in results if reference.name in {None, result.name}]
    last = [result for result in named if result.turn == named[-1].turn]
    if reference.position >= len(last):
        raise MissingReferenceError(f"{reference.text!r}: there is no such result")
    return last[reference.position]


def _parsed(result: Result) -> Json:
    try:
        return loads(result.text)
    except JsonError:
        return result.text


def _step(value: Json, step: str, reference: Reference) -> Json:
    key, equals, wanted = step.partition("=")
    match value:
        case list() if equals:
            return [item for item in value if isinstance(item, dict) and _as_text(item.get(key)) == wanted]
        case list() if step.isascii() and step.isdigit() and int(step) < len(value):
            return value[int(step)]
        case dict() if step in value:
            return value[step]
        case _:
            raise MissingReferenceError(f"{reference.text!r} finds no {step!r}")


def _viewed(value: Json, reference: Reference) -> Json:
    match reference.view, value:
        case "", _:
            return value
        case "count", list() | dict() | str():
            return len(value)
        case "first_line", str():
            return value.lstrip().partition("\n")[0].rstrip()
        case "names", list():
            return ", ".join(_as_text(item) for item in value)
        case "json", _:
            return dumps_text(value)
        case view, _:
            raise MissingReferenceError(f"{reference.text!r}: {view!r} does not apply")
