"""Joins the tool call fragments of a chat stream into whole calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from loop_client.delta_merge import merge_into
from loop_client.errors import ModelStreamError
from loop_client.events import ToolInputDelta, ToolInputStart
from loop_client.jsontext import JsonObject, dumps, loads


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model made it."""

    id: str
    name: str
    arguments_text: str
    """JSON text as it came; ``{}`` where the model wrote nothing."""


@dataclass(slots=True)
class _OpenCall:
    server_id: str = ""
    id: str = ""
    """Set when the call is announced: the server's, or a new one where that is missing or taken."""
    name: str = ""
    arguments: str = ""
    fields: JsonObject = field(default_factory=dict)
    """The call as it goes back to the server."""

    def is_whole(self) -> bool:
        return _is_json_object(self.arguments)


class CallStream:
    """Feed it the ``tool_calls`` of each delta; it tells what is new, and in the end gives the calls.

    Fragments are joined by ``index``, else by id, else to the latest call. ``taken`` holds ids of earlier calls: a call
    that comes with one of them, or with none, gets a new id.
    """

    def __init__(self, round_number: int, taken: set[str], new_id: Callable[[], str]) -> None:
        self._round = round_number
        self._taken = taken
        self._new_id = new_id
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}

    def feed(self, fragments: list[Any]) -> Iterator[ToolInputStart | ToolInputDelta]:
        """Take the fragments of one delta.

        Raises:
            ModelStreamError: a fragment is not of the shape the chat wire has.
        """
        for fragment in fragments:
            function = fragment.get("function") if isinstance(fragment, dict) else None
            if not isinstance(fragment, dict) or not isinstance(function, (dict, type(None))):
                raise ModelStreamError("malformed stream: a tool call is not an object")
            yield from self._take(fragment, function or {})

    def close(self) -> Iterator[ToolInputStart | ToolInputDelta]:
        """Announce the calls that were held back because their id or name never came."""
        for call in self._calls:
            if not call.id:
                yield from self._announce(call)

    def calls(self) -> tuple[ToolCall, ...]:
        """The calls in the order in which they began; after ``close``."""
        return tuple(ToolCall(call.id, call.name, call.arguments or "{}") for call in self._calls)

    def wire_calls(self) -> list[JsonObject]:
        """The calls as they go back to the server, with every field they came with; after ``close``."""
        return [_wire_call(call) for call in self._calls]

    def _take(self, fragment: JsonObject, function: JsonObject) -> Iterator[ToolInputStart | ToolInputDelta]:
        server_id, name = _text(fragment, "id"), _text(function, "name")
        call = self._find(fragment.get("index"), server_id, name, has_arguments=bool(function.get("arguments")))
        call.server_id = call.server_id or server_id
        call.name = _joined_name(call, name, server_id)
        added = _added_arguments(call, function.get("arguments"))
        call.arguments += added
        _keep_fields(call, fragment, function)
        if call.id:
            if added:
                yield ToolInputDelta(self._round, call.id, added)
        elif call.server_id and call.name:
            yield from self._announce(call)

    def _find(self, index: Any, server_id: str, name: str, *, has_arguments: bool) -> _OpenCall:
        if index is None:
            return self._find_without_index(server_id, name, has_arguments=has_arguments)
        if not isinstance(index, int):
            raise ModelStreamError("malformed stream: the index of a tool call is not an integer")
        call = self._by_index.get(index)
        if call is None or _begins_another(call, server_id, name, has_arguments=has_arguments):
            call = self._by_index[index] = self._open()
        return call

    def _find_without_index(self, server_id: str, name: str, *, has_arguments: bool) -> _OpenCall:
        if server_id:
            known = (call for call in self._calls if call.server_id == server_id)
            return next(known, None) or self._open()
        if not self._calls or _begins_another(self._calls[-1], server_id, name, has_arguments=has_arguments):
            return self._open()
        return self._calls[-1]

    def _open(self) -> _OpenCall:
        call = _OpenCall()
        self._calls.append(call)
        return call

    def _announce(self, call: _OpenCall) -> Iterator[ToolInputStart | ToolInputDelta]:
        is_usable = call.server_id and call.server_id not in self._taken
        call.id = call.server_id if is_usable else self._new_id()
        self._taken.add(call.id)
        yield ToolInputStart(self._round, call.id, call.name)
        if call.arguments:
            yield ToolInputDelta(self._round, call.id, call.arguments)


def _begins_another(call: _OpenCall, server_id: str, name: str, *, has_arguments: bool) -> bool:
    """Whether a fragment on a call's index opens a new call: some servers number all parallel calls 0 (STREAM-01).

    A new id alone does not say so, because others send a new id with every fragment (ID-14), nor does a name alone,
    because others repeat it.
    """
    if not name or not call.name or (server_id and server_id == call.server_id):
        return False
    is_other_id = bool(server_id and call.server_id)
    if call.is_whole():
        return is_other_id or has_arguments or name != call.name
    return is_other_id and not call.arguments and name != call.name


def _joined_name(call: _OpenCall, name: str, server_id: str) -> str:
    if not call.name or not name:
        return call.name or name
    # Repeated with every fragment by some servers, split over two by others.
    is_rest = name != call.name and not server_id and not call.arguments
    return call.name + name if is_rest else call.name


def _added_arguments(call: _OpenCall, arguments: Any) -> str:
    match arguments:
        case None:
            return ""
        case str():
            text = arguments
        case dict():
            text = dumps(arguments)  # ARGS-05: some servers send the object itself
        case _:
            raise ModelStreamError("malformed stream: the arguments of a tool call are not text")
    if call.arguments == "{}" and text.startswith("{"):
        call.arguments = ""  # ARGS-02: a placeholder that was sent as if it were text
    is_recap = text.strip() != "" and text == call.arguments and call.is_whole()
    return "" if is_recap else text


def _keep_fields(call: _OpenCall, fragment: JsonObject, function: JsonObject) -> None:
    """Keep what the call came with, in its order. What is joined elsewhere is only given its place here."""
    for name, value in fragment.items():
        if name == "id":
            call.fields.setdefault("id", "")
        elif name == "function":
            _keep_function_fields(call.fields.setdefault("function", {}), function)
        elif name != "index":
            merge_into(call.fields, {name: value})


def _keep_function_fields(kept: JsonObject, function: JsonObject) -> None:
    for name, value in function.items():
        if name in {"name", "arguments"}:
            kept.setdefault(name, "")
        else:
            merge_into(kept, {name: value})


def _wire_call(call: _OpenCall) -> JsonObject:
    wire = {"id": call.id, "type": "function", **call.fields} if "id" not in call.fields else dict(call.fields)
    wire["id"] = call.id
    wire["type"] = wire.get("type") or "function"
    if wire["type"] == "function" or call.fields.get("function"):
        wire["function"] = {**call.fields.get("function", {}), "name": call.name, "arguments": call.arguments or "{}"}
    return wire


def _text(container: JsonObject, name: str) -> str:
    value = container.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ModelStreamError(f"malformed stream: the {name} of a tool call is not text")
    return value


def _is_json_object(text: str) -> bool:
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(loads(text), dict)
    except ValueError:
        return False
