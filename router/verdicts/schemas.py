"""The request's own tool schemas as validators: compiled once, never fetched from anywhere."""

from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from providers.spec.request import FunctionTool, Request
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps
from providers.wire.kept import Kept
from providers.wire.schema import gemini_to_json_schema

_MOST_ERRORS = 10
"""Of one call: the rest would tell a reader no more."""
_LONGEST_MESSAGE = 300
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)
"""A pattern that would take exponential time is given up, and then says nothing."""
_GIVEN_UP = frozenset({"BacktrackLimitExceeded", "RegexEngineFailure"})


class Misfit(msgspec.Struct, frozen=True):
    """One place where arguments do not fit their schema."""

    path: str
    """JSON path within the arguments; empty for their root."""
    message: str

    def as_json(self) -> JsonObject:
        """The entry as it stands in ``router.calls[].errors``."""
        return {"path": self.path, "message": self.message}


class KnownTool(msgspec.Struct, frozen=True):
    """A tool of the request, as far as a call of it can be checked."""

    free_text: bool = False
    """Its argument is no JSON: any text fits."""
    text: bytes = b""
    """JSON Schema of its arguments; empty where the request gave none, or one that cannot be compiled."""
    validator: jsonschema_rs.Validator | None = None
    """The same, compiled."""

    @property
    def schema(self) -> JsonObject | bool | None:
        """The schema as plain values."""
        return msgspec.json.decode(self.text) if self.text else None

    def misfits(self, arguments: Any) -> list[Misfit]:
        """Where the arguments (plain JSON values) do not fit; empty where they do, or nothing can be said."""
        if self.validator is None:
            return []
        try:
            if self.validator.is_valid(arguments):
                return []
            found = islice(self.validator.iter_errors(arguments), _MOST_ERRORS)
            return [_misfit(error) for error in found if type(error.kind).__name__ not in _GIVEN_UP]
        except ValueError:
            # Nested deeper than the validator follows, or a lone surrogate: nothing can be said.
            return []


def known_tool(request: Request, name: str) -> KnownTool | None:
    """The request's tool of this name, or ``None``. Tools that a provider knows by type are known and not checked."""
    for tool in request.tools or ():
        if tool.name == name:
            return _known(tool) if isinstance(tool, FunctionTool) else KnownTool()
    return None


def _known(tool: FunctionTool) -> KnownTool:
    if tool.kind == "custom":
        return KnownTool(free_text=True)
    schema: Json = tool.schema
    if tool.schema_grammar == "gemini_schema" and isinstance(schema, dict):
        schema = gemini_to_json_schema(schema)
    if not isinstance(schema, dict | bool):
        return KnownTool()
    return tool_of_text(dumps(schema))


def tool_of_text(schema: bytes) -> KnownTool:
    """The tool whose arguments have this JSON Schema."""
    return _tools.of(schema)


def _tool_of_text(schema: bytes) -> KnownTool:
    validator = _compiled(schema)
    return KnownTool() if validator is None else KnownTool(text=schema, validator=validator)


def _compiled(schema: bytes) -> jsonschema_rs.Validator | None:
    """``None`` for a schema that is none, or that points outside itself: nothing is fetched for it (SSRF)."""
    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema), offline=True, validate_formats=False, pattern_options=_PATTERNS
        )
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None


_tools = Kept(_tool_of_text, most=512, most_bytes=1 << 21, largest=1 << 16)
"""By their schemas: requests of one agent bring the same tools. A validator takes many times its schema's memory."""


def _misfit(error: jsonschema_rs.ValidationError) -> Misfit:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return Misfit(path.lstrip("."), error.message[:_LONGEST_MESSAGE])
