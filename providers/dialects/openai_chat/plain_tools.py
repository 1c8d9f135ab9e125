"""The tools of plain chat requests: each is read once for as long as it comes in the same bytes, and so is a list."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from providers.spec.request import FunctionTool
from providers.wire.json import JsonError, loads_object
from providers.wire.kept import Kept
from providers.wire.known_tools import KnownTool, KnownTools


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    description: str | UnsetType = UNSET
    parameters: Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class _Tool(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["function"]
    function: _Function


_split = msgspec.json.Decoder(Annotated[tuple[Raw, ...], msgspec.Meta(min_length=1)]).decode
_decode = msgspec.json.Decoder(_Tool).decode

_DEPTH: Final = 4
"""How deep the parameters of a tool lie."""


class _PlainTool(msgspec.Struct, frozen=True):
    """One of them, as it is known in any list."""

    name: str
    known: KnownTool
    schema: bytes | None
    depth: int


class PlainTools(msgspec.Struct, frozen=True):
    """The tools of a request, all of them functions."""

    tools: KnownTools
    names: tuple[str, ...]
    schemas: dict[str, bytes | None]
    """The parameters of the first tool of a name as they were written."""
    depth: int
    """How deep the body is nested because of them at most."""


def _read(raw: bytes) -> PlainTools | None:
    try:
        each = _split(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    found: list[_PlainTool] = []
    for one in each:
        tool = _each.of(bytes(one))
        if tool is None:
            return None
        found.append(tool)
    tools = KnownTools([tool.known for tool in found])
    schemas: dict[str, bytes | None] = {}
    for tool in found:
        schemas.setdefault(tool.name, tool.schema)
    return PlainTools(tools, tuple([tool.name for tool in found]), schemas, max([tool.depth for tool in found]))


def _read_one(raw: bytes) -> _PlainTool | None:
    try:
        function = _decode(raw).function
        text = None if function.parameters is UNSET else bytes(function.parameters)
        known = KnownTool(_canonical(function, text))
    except (msgspec.DecodeError, JsonError, RecursionError):
        return None
    # An upper bound of the depth; brackets within texts only add to it.
    depth = 0 if text is None else _DEPTH + text.count(b"{") + text.count(b"[")
    return _PlainTool(function.name, known, text, depth)


def _canonical(function: _Function, parameters: bytes | None) -> FunctionTool:
    description, strict = function.description, function.strict
    return FunctionTool(
        name=function.name,
        description=description if description is not UNSET else None,
        schema=loads_object(parameters) if parameters is not None else None,
        strict=strict if strict is not UNSET else None,
    )


_known = Kept(_read, most=256, most_bytes=1 << 20, largest=1 << 20)
_each = Kept(_read_one, most=4096, most_bytes=1 << 20, largest=1 << 18)
"""Read, they take some eight times the memory of their bytes."""


def read_tools(raw: bytes) -> PlainTools | None:
    """The tools in the bytes of ``tools``, which are text; ``None`` for any that are spelled in another way."""
    return _known.of(raw)
