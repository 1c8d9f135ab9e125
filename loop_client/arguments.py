"""Turns a function's signature into a JSON Schema, and argument text into arguments that the schema admits."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Final, NotRequired, cast, get_args, get_origin, get_type_hints

import docstring_parser
from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, with_config
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails, PydanticSerializationError, to_jsonable_python
from typing_extensions import TypedDict

from loop_client.context import ToolContext
from loop_client.errors import ToolDefinitionError
from loop_client.jsontext import JsonObject, dumps, loads
from loop_client.schema_check import schema_problems

_MOST_PROBLEMS: Final = 8
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InvalidArguments(ValueError):
    """Argument text that the schema does not admit.

    The message names the JSON path and what is wrong there, never the value.
    """

    def __init__(self, message: str, *, is_json: bool) -> None:
        super().__init__(message)
        self.is_json = is_json
        """False where the text is not even JSON."""


class _Schema(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes up from names: the model pays for them and learns nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class FunctionArguments:
    """The arguments of one function: their JSON Schema, and the check of what a model wrote against it.

    Accepts functions whose parameters all have type hints that pydantic can read from JSON and can be passed by name. A
    parameter of type ``ToolContext`` is no argument: it is left to the caller, and the model does not see it.

    Raises:
        ToolDefinitionError: the function has a parameter that cannot be one of a tool.
    """

    def __init__(self, function: Callable[..., object], name: str) -> None:
        hints = _type_hints(function, name)
        self.context_name = _context_name(hints, name)
        """The parameter that wants the ``ToolContext``; None where there is none."""
        try:
            self._adapter = TypeAdapter(_arguments_type(function, name, hints, self.context_name))
            schema = self._adapter.json_schema(schema_generator=_Schema)
        except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
            raise ToolDefinitionError(f"tool {name}: {error.message}") from None
        schema.pop("title", None)
        self.schema: JsonObject = {"type": "object", "properties": {}, **schema}
        """JSON Schema of the arguments object."""

    def read(self, text: str) -> dict[str, Any]:
        """The arguments to call the function with, as the types it declares.

        Types are checked strictly: a number in quotes is not a number. An integer may be written as ``3.0``, which JSON
        Schema counts as one (ARGS-11). Parameters that are left out are left to the function's defaults.

        Raises:
            InvalidArguments: the text is not JSON, not an object, or not what the schema admits.
        """
        try:
            return self._validated(text)
        except ValidationError as error:
            mended = _with_integers(text, error)
            if mended is None:
                raise _invalid(error) from None
        try:
            return self._validated(mended)
        except ValidationError as error:
            raise _invalid(error) from None

    def _validated(self, text: str) -> dict[str, Any]:
        return cast("dict[str, Any]", self._adapter.validate_json(text, strict=True))


class SchemaArguments:
    """The arguments of a tool that is described by a JSON Schema alone, such as one of a tool server."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema

    def read(self, text: str) -> dict[str, Any]:
        """The arguments as JSON values, numbers in their own spelling.

        Raises:
            InvalidArguments: the text is not JSON, not an object, or not what the schema admits.
        """
        try:
            arguments = loads(text)
        except ValueError as error:
            raise InvalidArguments(f"the arguments are not valid JSON: {error}", is_json=False) from None
        if not isinstance(arguments, dict):
            raise InvalidArguments("the arguments do not fit the schema: $: should be an object", is_json=True)
        problems = schema_problems(self._schema, arguments)
        if problems:
            raise InvalidArguments("the arguments do not fit the schema: " + "; ".join(problems), is_json=True)
        return arguments


def _context_name(hints: Mapping[str, Any], name: str) -> str | None:
    found = [parameter for parameter, hint in hints.items() if parameter != "return" and _is_context(hint)]
    if len(found) > 1:
        raise ToolDefinitionError(f"tool {name}: more than one parameter is a ToolContext")
    return found[0] if found else None


def _is_context(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return _is_context(get_args(hint)[0])
    others = set(get_args(hint)) - {NoneType}
    return hint is ToolContext or others == {ToolContext}


def _arguments_type(
    function: Callable[..., object], name: str, hints: Mapping[str, Any], context_name: str | None
) -> Any:
    descriptions = _parameter_descriptions(function)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == context_name and parameter.kind is not parameter.POSITIONAL_ONLY:
            continue
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise ToolDefinitionError(f"tool {name}: parameter {parameter.name!r} cannot be passed by name")
        if parameter.name not in hints:
            raise ToolDefinitionError(f"tool {name}: parameter {parameter.name!r} has no type hint")
        fields[parameter.name] = _field(parameter, hints[parameter.name], descriptions.get(parameter.name))
    make_type: Any = TypedDict  # type checkers want the fields of a TypedDict spelled out
    return with_config(ConfigDict(extra="forbid"))(make_type(f"{name}_arguments", fields))


def _type_hints(function: Callable[..., object], name: str) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError) as error:
        raise ToolDefinitionError(f"tool {name}: its type hints cannot be read: {error}") from None


def _parameter_descriptions(function: Callable[..., object]) -> dict[str, str]:
    documented = docstring_parser.parse(inspect.getdoc(function) or "").params
    return {item.arg_name: " ".join(item.description.split()) for item in documented if item.description}


def _field(parameter: inspect.Parameter, hint: Any, description: str | None) -> Any:
    if parameter.default is parameter.empty:
        return _described(hint, description, {})
    try:
        shown = {"default": to_jsonable_python(parameter.default)}
    except PydanticSerializationError:
        shown = {}  # the function knows its default; only the model does not see it
    return NotRequired[_described(hint, description, shown)]


def _described(hint: Any, description: str | None, extra: JsonObject) -> Any:
    # A description in the type hint itself is the nearer one, and stays.
    is_described = any(getattr(item, "description", None) for item in getattr(hint, "__metadata__", ()))
    if description is None or is_described:
        return Annotated[hint, Field(json_schema_extra=extra)] if extra else hint
    return Annotated[hint, Field(description=description, json_schema_extra=extra or None)]


def _with_integers(text: str, error: ValidationError) -> str | None:
    """The text with integers in place of integral floats, if those are all that is wrong; else None."""
    arguments = None
    for problem in error.errors(include_url=False, include_context=False):
        value = problem["input"]
        if problem["type"] != "int_type" or not isinstance(value, float) or not value.is_integer():
            return None
        arguments = loads(text) if arguments is None else arguments
        if not _replace(arguments, problem["loc"], int(value)):
            return None
    return None if arguments is None else dumps(arguments)


def _replace(container: Any, location: Sequence[int | str], value: int) -> bool:
    try:
        for step in location[:-1]:
            container = container[step]
        container[location[-1]] = value
    except (KeyError, IndexError, TypeError):
        return False  # within a union the location is not a path
    return True


def _invalid(error: ValidationError) -> InvalidArguments:
    problems = error.errors(include_url=False)
    if problems[0]["type"] == "json_invalid":
        context: Mapping[str, Any] = problems[0].get("ctx", {})
        return InvalidArguments(f"the arguments are not valid JSON: {context.get('error', '')}", is_json=False)
    return InvalidArguments(f"the arguments do not fit the schema: {described_problems(error)}", is_json=True)


def described_problems(error: ValidationError) -> str:
    """What pydantic found, each with its JSON path and without the value."""
    problems = error.errors(include_url=False)
    lines = [f"{_path(problem['loc'])}: {_what(problem)}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return "; ".join(lines)


def _path(location: Sequence[int | str]) -> str:
    steps = (f".{step}" if _is_plain(step) else f"[{dumps(step)}]" for step in location)
    return "$" + "".join(steps)


def _is_plain(step: int | str) -> bool:
    return isinstance(step, str) and _PLAIN_NAME.fullmatch(step) is not None


def _what(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a parameter of this tool"
        case "value_error" | "assertion_error":
            # The text of an exception raised by a validator often quotes the value.
            return "was refused by the tool's own check"
        case "union_tag_invalid":
            return f"must have one of these tags: {problem['ctx']['expected_tags']}"
        case _:
            return problem["msg"][:1].lower() + problem["msg"][1:]
