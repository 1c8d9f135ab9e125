"""A function with type hints and a docstring becomes a tool; so does a JSON Schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

import docstring_parser
from pydantic import PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypedDict, Unpack

from loop_client.arguments import FunctionArguments, InvalidArguments, SchemaArguments, described_problems
from loop_client.context import ToolContext
from loop_client.errors import ToolDefinitionError
from loop_client.jsontext import JsonObject, dumps
from loop_client.schema_check import schema_problems
from loop_client.threads import run_in_thread
from loop_client.tools import Handler, NeedsApproval, OnAnswer, OnInterrupted, Tool


class ToolFlags(TypedDict, total=False):
    """The rules a tool may be given; ``Tool`` says what each means."""

    timeout: float | None
    retries: int
    terminal: bool
    needs_approval: NeedsApproval
    parallel: bool
    idempotent: bool
    may_repeat: bool
    on_interrupted: OnInterrupted | None
    max_result_bytes: int | None
    title: str | None
    annotations: Mapping[str, Any]
    dynamic: bool
    on_answer: OnAnswer | None
    provides: Callable[[Any], Iterable[Tool]] | None


@overload
def tool(
    function: Callable[..., object],
    *,
    name: str | None = None,
    description: str | None = None,
    deferred: bool = False,
    answer: Any = None,
    **flags: Unpack[ToolFlags],
) -> Tool: ...


@overload
def tool(
    function: None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    deferred: bool = False,
    answer: Any = None,
    **flags: Unpack[ToolFlags],
) -> Callable[[Callable[..., object]], Tool]: ...


def tool(
    function: Callable[..., object] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    deferred: bool = False,
    answer: Any = None,
    **flags: Unpack[ToolFlags],
) -> Tool | Callable[[Callable[..., object]], Tool]:
    """Make a tool of a function; also a decorator, with or without arguments.

    The type hints give the schema, the docstring (Google, NumPy, reST or Epydoc style) the descriptions. An async
    function is awaited, any other runs in a thread. A parameter of type ``ToolContext`` gets the context of the call
    and is not shown to the model.

    Args:
        function: All its parameters need type hints and must be passable by name.
        name: Instead of the function's own.
        description: Instead of the docstring's text above its sections.
        deferred: The function is only read, never run: the results of its calls come from outside.
        answer: Of a deferred tool: the type of its answers, or their JSON Schema; None where any JSON value will do.
        flags: The rules of the tool, as ``Tool`` describes them.

    Raises:
        ToolDefinitionError: the function cannot be a tool; the text says why.
    """

    def make(decorated: Callable[..., object]) -> Tool:
        chosen = str(name or getattr(decorated, "__name__", ""))
        text = description or _description(decorated)
        if not text:
            raise ToolDefinitionError(f"tool {chosen}: it has no docstring, so the model would not know what it does")
        arguments = FunctionArguments(decorated, chosen)
        handler = None if deferred else _handler(decorated, arguments.context_name)
        schema, read_answer = _answer(answer, chosen)
        return Tool(
            chosen,
            text,
            arguments.schema,
            arguments.read,
            handler,
            answer_schema=schema,
            read_answer=read_answer,
            **flags,
        )

    return make if function is None else make(function)


def schema_tool(
    name: str,
    description: str,
    parameters: JsonObject,
    handler: Handler | None = None,
    *,
    answer: Any = None,
    **flags: Unpack[ToolFlags],
) -> Tool:
    """Make a tool of a JSON Schema; without a handler, a deferred one.

    Args:
        name: As ``Tool`` has it.
        description: For the model.
        parameters: JSON Schema of the arguments object. Arguments are checked against it before the handler sees them.
        handler: Gets the arguments as JSON values, and the context of the call.
        answer: As in ``tool``.
        flags: The rules of the tool, as ``Tool`` describes them.

    Raises:
        ToolDefinitionError: the name or a rule is not legal.
    """
    schema, read_answer = _answer(answer, name)
    read = SchemaArguments(parameters).read
    return Tool(name, description, parameters, read, handler, answer_schema=schema, read_answer=read_answer, **flags)


def _description(function: Callable[..., object]) -> str:
    if not inspect.isroutine(function):
        function = type(function).__call__
    return (docstring_parser.parse(inspect.getdoc(function) or "").description or "").strip()


def _handler(function: Callable[..., object], context_name: str | None) -> Handler:
    call = function if inspect.isroutine(function) else type(function).__call__
    is_async = inspect.iscoroutinefunction(call)

    async def handle(arguments: dict[str, Any], context: ToolContext) -> object:
        given = arguments if context_name is None else {**arguments, context_name: context}
        returned = function(**given) if is_async else await run_in_thread(function, given)
        return await returned if inspect.isawaitable(returned) else returned

    return handle


def _answer(answer: Any, name: str) -> tuple[JsonObject | None, Callable[[Any], Any] | None]:
    """The schema of a deferred tool's answers, and what reads a value by it."""
    if answer is None:
        return None, None
    if isinstance(answer, Mapping):
        schema = dict(answer)
        return schema, lambda value: _checked(schema, value)
    try:
        adapter = TypeAdapter[Any](answer)
        schema = adapter.json_schema()
    except PydanticUserError as error:
        raise ToolDefinitionError(f"tool {name}: answers of this type have no JSON Schema: {error.message}") from None

    def read(value: Any) -> Any:
        try:
            return adapter.validate_json(dumps(value), strict=True)
        except ValidationError as error:
            raise InvalidArguments(f"the answer does not fit: {described_problems(error)}", is_json=True) from None

    return schema, read


def _checked(schema: JsonObject, value: Any) -> Any:
    problems = schema_problems(schema, value)
    if problems:
        raise InvalidArguments("the answer does not fit: " + "; ".join(problems), is_json=True)
    return value
