"""The tools of plain chat requests, read once for as long as they come in the same bytes."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from providers.spec.request import FunctionTool
from providers.wire.json import JsonError, loads_object
from providers.wire.kept import Kept
from providers.wire.known_tools import KnownTools


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    description: str | UnsetType = UNSET
    parameters: Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class _Tool(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["function"]
    function: _Function


_decode = msgspec.json.Decoder(Annotated[tuple[_Tool, ...], msgspec.Meta(min_length=1)]).decode

_DEPTH: Final = 4
"""How deep the parameters of a tool lie."""


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
        functions = [tool.function for tool in _decode(raw)]
        tools = KnownTools(map(_canonical, functions))
    except (msgspec.DecodeError, JsonError, RecursionError):
        return None
    schemas: dict[str, bytes | None] = {}
    depth = 0
    for function in functions:
        text = None if function.parameters is UNSET else bytes(function.parameters)
        schemas.setdefault(function.name, text)
        if text is not None:
            # An upper bound of the depth; brackets within texts only add to it.
            depth = max(depth, _DEPTH + text.count(b"{") + text.count(b"["))
    return PlainTools(tools, tuple([function.name for function in functions]), schemas, depth)


def _canonical(function: _Function) -> FunctionTool:
    description, strict = function.description, function.strict
    return FunctionTool(
        name=function.name,
        description=description if description is not UNSET else None,
        schema=loads_object(bytes(function.parameters)) if function.parameters is not UNSET else None,
        strict=strict if strict is not UNSET else None,
    )


_known = Kept(_read, most=256, most_bytes=1 << 20, largest=1 << 18)
"""Read, they take many times the memory of their bytes."""


def read_tools(raw: bytes) -> PlainTools | None:
    """The tools in the bytes of ``tools``, which are text; ``None`` for any that are spelled in another way."""
    return _known.of(raw)
