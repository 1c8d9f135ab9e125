"""Where a caller wrote what stands at a place of the canonical form: found in the body itself, never guessed.

A canonical place is ``messages[i].content[j].arguments``, ``tools[i].parameters``, ``output.schema`` or the like. A
dialect says in data what its fields are called, and with its own decoder where its messages, parts and tools stood.
What cannot be found for certain is the nearest place around it that can.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    is_client_call,
)
from providers.spec.request import Message, Request
from providers.spec.values import Json, JsonObject

_INDEXED: Final = re.compile(r"(messages|tools)\[(\d+)\](.*)", re.DOTALL)
_PART: Final = re.compile(r"\.(content|tool_calls)\[(\d+)\](.*)", re.DOTALL)
_ITEM: Final = re.compile(r"\.content\[(\d+)\](.*)", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_ALIASES: Final = {"max_tokens": "max_output_tokens", "n": "candidates"}
"""What codecs call fields of the canonical request beside their names."""
_ELSEWHERE: Final = ("response", "headers", "router", "model")
"""What begins with these is no place of the canonical request, or is called so by every caller."""


class PlacedPart(msgspec.Struct, frozen=True):
    """Where a part stands."""

    path: str
    content: Sequence[str] = ()
    """Where each part of its content stands, for a result."""


class PlacedMessage(msgspec.Struct, frozen=True):
    """Where a message stands, and each of its parts. Of several items, the place that they all stand in."""

    path: str
    message: Message
    parts: Sequence[PlacedPart]


Names = Mapping[str, Sequence[str]]
"""What a field is called, by canonical name: the first that is there counts, and the first where none is."""


def as_it_is(key: str) -> tuple[str, ...]:
    """The spellings of a key in a dialect that has one."""
    return (key,)


class Spelling(msgspec.Struct, frozen=True, kw_only=True):
    """What one dialect calls things."""

    fields: Names
    parts: Names
    """Fields of a message's parts, seen from the part."""
    tools: Names
    """Fields of a tool, seen from the tool."""
    messages: Callable[[JsonObject], list[PlacedMessage]]
    """The messages of a body that the dialect's decoder takes, in its order."""
    tool_places: Callable[[JsonObject], list[str]]
    """Where the tools of such a body stand, in the decoder's order."""
    keys: Callable[[str], tuple[str, ...]] = as_it_is
    """Every spelling of a key."""


class Places:
    """The places of one body. ``request`` gives the canonical request whose places are asked for.

    Both are asked for when they are needed: bodies are read in ways that leave them unopened.
    """

    def __init__(self, body: Callable[[], JsonObject], request: Callable[[], Request], spelling: Spelling) -> None:
        self._body = body
        self._request = request
        self._spelling = spelling
        self._placed: list[PlacedMessage] | None = None
        self._tools: list[str] | None = None
        self._runs: dict[tuple[int, str, bool], list[tuple[int, int]]] = {}
        self._matches: dict[int, list[int | None]] = {}

    def __call__(self, path: str, *, carried: bool = False) -> str:
        """The place as its caller wrote it."""
        if carried:
            return self._carried(path)
        found = _INDEXED.fullmatch(path)
        if found is None:
            return path if re.split(r"[.\[]", path, maxsplit=1)[0] in _ELSEWHERE else self._field(path)
        index, rest = int(found[2]), found[3]
        return self._tool(index, rest) if found[1] == "tools" else self._message(index, rest)

    def _carried(self, path: str) -> str:
        return self._followed("", f".{path}")[0] or path

    # ---- fields and tools

    def _field(self, path: str) -> str:
        known = path = _ALIASES.get(path, path)
        while known not in self._spelling.fields:
            known = known[: max(known.rfind("."), known.rfind("["))] if re.search(r"[.\[]", known) else ""
            if not known:
                return self._carried(path)
        names = self._spelling.fields[known]
        # Of what the caller did not set the body need not be read.
        at = None if getattr(self._request(), known, names) is None else self._first("", names)
        return self._absent(names[0]) if at is None else self._followed(at, path[len(known) :])[0]

    def _absent(self, path: str) -> str:
        """Where a setting would be that nobody made, in the spelling of what is there around it."""
        if self._spelling.keys is as_it_is:
            return path
        at, _ = self._followed("", f".{path}")
        around = at.split(".") if at else []
        return ".".join([*around, *path.split(".")[len(around) :]])

    def _tool(self, index: int, rest: str) -> str:
        if self._tools is None:
            self._tools = self._spelling.tool_places(self._body())
        if index >= len(self._tools):
            return self._field("tools")
        return self._member(self._tools[index], rest, self._spelling.tools) or self._tools[index]

    # ---- messages

    def _message(self, index: int, rest: str) -> str:
        if self._placed is None:
            self._placed = self._spelling.messages(self._body())
        messages = self._request().messages
        if index >= len(messages) or len(messages) != len(self._placed):
            return self._field("messages")
        part = _PART.fullmatch(rest)
        if part is not None:
            return self._part(index, part[1], int(part[2]), part[3])
        placed = self._placed[index]
        if rest == ".reasoning":
            thoughts = [n for n, said in enumerate(messages[index].parts) if isinstance(said, ReasoningPart)]
            return self._part(index, "content", thoughts[0], "") if len(thoughts) == 1 else placed.path
        return self._member(placed.path, rest, {}) or placed.path

    def _part(self, index: int, kind: str, number: int, rest: str) -> str:
        assert self._placed is not None  # noqa: S101  # ``_message`` looked for them
        parts = self._run(index, kind, longer=False)
        if number >= len(parts):
            # Neighbouring turns of a model are one where results have to follow the very turn that called.
            parts = self._run(index, kind, longer=True)
        if number >= len(parts):
            return self._placed[index].path
        told, place = parts[number]
        if told not in self._matches:
            self._matches[told] = _matched(self._placed[told].message.parts, self._request().messages[told].parts)
        matched = self._matches[told][place]
        placed = self._placed[told]
        return placed.path if matched is None else self._within(placed, placed.parts[matched], rest)

    def _run(self, index: int, kind: str, *, longer: bool) -> list[tuple[int, int]]:
        """The parts or calls of a message, ``longer``: and of the turns of a model that follow it at once."""
        key = (index, kind, longer)
        if key not in self._runs:
            messages = self._request().messages
            end = index + 1
            while longer and end < len(messages) and messages[end].role == messages[index].role == "assistant":
                end += 1
            self._runs[key] = [
                (told, number)
                for told in range(index, end)
                for number, part in enumerate(messages[told].parts)
                if kind == "content" or is_client_call(part)
            ]
        return self._runs[key]

    def _within(self, message: PlacedMessage, part: PlacedPart, rest: str) -> str:
        item = _ITEM.fullmatch(rest)
        if item is not None and int(item[1]) < len(part.content):
            at = part.content[int(item[1])]
            return self._member(at, item[2], self._spelling.parts) or at
        # What a caller wrote on the message may have become its last part's.
        names = self._spelling.parts
        return self._member(part.path, rest, names) or self._member(message.path, rest, {}) or part.path

    # ---- in the body

    def _member(self, at: str, rest: str, names: Names) -> str | None:
        """The member ``rest`` of what is at ``at``; ``None`` where it has none of these names."""
        step = _STEP.match(rest)
        if step is None:
            return at
        if step[1] not in names:
            found, _ = self._followed(at, rest)
            return None if found == at else found
        called = self._first(at, names[step[1]])
        return None if called is None else self._followed(called, rest[step.end() :])[0]

    def _first(self, at: str, names: Sequence[str]) -> str | None:
        """The first of these places below ``at`` that is there."""
        for name in names:
            found, whole = self._followed(at, f".{name}")
            if whole:
                return found
        return None

    def _followed(self, at: str, rest: str) -> tuple[str, bool]:
        """As far as ``rest`` can be followed from ``at``, and whether that is all of it."""
        value = self._value(at)
        while rest:
            step = _STEP.match(rest)
            if step is None:
                return at, False
            if step[2] is not None:
                if not isinstance(value, list) or int(step[2]) >= len(value):
                    return at, False
                at, value, rest = at + step[0], value[int(step[2])], rest[step.end() :]
                continue
            # A key may itself look like a path.
            whole = rest[1:]
            keys = [(key, "") for key in self._spelling.keys(whole)]
            keys += [(key, rest[step.end() :]) for key in self._spelling.keys(step[1])]
            found = next((pair for pair in keys if isinstance(value, dict) and pair[0] in value), None)
            if found is None or not isinstance(value, dict):
                return at, False
            at, value, rest = f"{at}.{found[0]}" if at else found[0], value[found[0]], found[1]
        return at, True

    def _value(self, at: str) -> Json:
        value: Json = self._body()
        for step in _STEP.finditer(f".{at}" if at else ""):
            if isinstance(value, dict) and step[1] is not None:
                value = value.get(step[1])
            elif isinstance(value, list) and step[2] is not None:
                value = value[int(step[2])]
        return value


def placed_content(value: Json, path: str) -> list[str]:
    """Where the parts of a content stand that is a text or a list of parts."""
    if isinstance(value, list):
        return [f"{path}[{index}]" for index in range(len(value))]
    return [] if value is None else [path]


def listed_tools(body: JsonObject, field: str = "tools") -> list[str]:
    """Where the tools of a body stand that has a list of them."""
    values = body.get(field)
    return [f"{field}[{index}]" for index, _ in enumerate(values if isinstance(values, list) else ())]


def moved(before: Request, after: Request) -> Callable[[str], str]:
    """Gives, for a place in ``after``, the place in ``before``: after messages were added, left out or moved."""
    messages = {id(message): index for index, message in enumerate(before.messages)}
    parts: dict[int, tuple[int, int] | None] = {}
    for index, message in enumerate(before.messages):
        for number, part in enumerate(message.parts):
            parts[id(part)] = None if id(part) in parts else (index, number)

    def place(path: str) -> str:
        found = _INDEXED.fullmatch(path)
        if found is None or found[1] == "tools":
            return path
        message = after.messages[int(found[2])]
        same = messages.get(id(message))
        if same is not None:
            return f"messages[{same}]{found[3]}"
        item = _ITEM.fullmatch(found[3])
        part = message.parts[int(item[1])] if item is not None and int(item[1]) < len(message.parts) else None
        place = None if part is None else parts.get(id(part))
        if place is not None and item is not None:
            return f"messages[{place[0]}].content[{place[1]}]{item[2]}"
        origins = {known[0] for said in message.parts if (known := parts.get(id(said))) is not None}
        return f"messages[{origins.pop()}]" if len(origins) == 1 else "messages"

    return place


def _matched(written: Sequence[Part], told: Sequence[Part]) -> list[int | None]:
    """For each part of ``told`` the part of ``written`` that it is: some may be left out, and some put in."""
    places: dict[tuple[object, ...], deque[int]] = {}
    for number, part in enumerate(written):
        places.setdefault(_said(part), deque()).append(number)
    matched: list[int | None] = []
    start = 0
    for part in told:
        same = places.get(_said(part), deque())
        while same and same[0] < start:
            same.popleft()
        found = same.popleft() if same else None
        matched.append(found)
        if found is not None:
            start = found + 1
    return matched


def _said(part: Part) -> tuple[object, ...]:
    """What a part says, beside ids, state and spelling."""
    match part:
        case TextPart() | ReasoningPart() | RefusalPart():
            return (type(part), part.text)
        case MediaPart():
            return (type(part), part.data, part.url, part.file_id, part.text)
        case ToolCallPart():
            return (type(part), part.name, part.arguments)
        case ToolResultPart():
            return (type(part),)
        case OpaquePart():
            return (type(part), part.type)
