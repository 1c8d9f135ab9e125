"""A function becomes a tool: its schema, its descriptions, and the check of what a model wrote."""

from __future__ import annotations

import asyncio
import contextvars
import enum
import functools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from loop_client import ConfigurationError, FileTree, LoopClient, Tool, ToolDefinitionError, tool
from loop_client.arguments import InvalidArguments
from loop_client.call_stream import ToolCall
from loop_client.model_request import Model
from loop_client.steps import LiveSteps
from loop_client.tool_run import ToolRequest, run_tool
from loop_client.verdict import Runnable


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


@dataclass
class Place:
    name: str
    zip: int | None = None


class Window(BaseModel):
    start: date
    days: int = 1

    @field_validator("days")
    @classmethod
    def few(cls, days: int) -> int:
        if days > 10:
            raise ValueError(f"no more than 10, not {days}")
        return days


def forecast(
    place: Place,
    window: Window,
    unit: Unit = Unit.CELSIUS,
    detail: Literal["low", "high"] = "low",
    tags: Annotated[list[str], Field(max_length=2, description="Labels from the hint.")] = [],  # noqa: B006
    *,
    scale: float = 1.0,
) -> str:
    """Tell the weather to come.

    It knows nothing of
    the past.

    Args:
        place: Where
            to look.
        unit: Of the temperatures.
        tags: Labels from the docstring.
    """
    return f"{place.name} {window.start} {window.days} {unit.name} {detail} {tags} {scale}"


def test_the_schema_is_that_of_the_signature() -> None:
    made = tool(forecast)
    assert made.name == "forecast"
    assert made.description == "Tell the weather to come.\n\nIt knows nothing of\nthe past."
    schema = made.parameters
    assert schema["required"] == ["place", "window"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert list(properties) == ["place", "window", "unit", "detail", "tags", "scale"]
    assert properties["place"] == {"$ref": "#/$defs/Place", "description": "Where to look."}
    assert properties["unit"]["description"] == "Of the temperatures."
    assert properties["unit"]["default"] == "celsius"
    assert properties["tags"]["description"] == "Labels from the hint."
    assert properties["tags"]["maxItems"] == 2
    assert properties["scale"] == {"type": "number", "default": 1.0}
    assert '"title"' not in json.dumps({**schema, "$defs": {}}), "titles made up from names are left out"


def test_a_definition_is_what_the_chat_wire_has() -> None:
    def ping() -> str:
        """Ping."""
        return "pong"

    assert tool(ping).definition() == {
        "type": "function",
        "function": {
            "name": "ping",
            "description": "Ping.",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        },
    }


def read(function: Callable[..., object], text: str) -> dict[str, Any]:
    return tool(function).read_arguments(text)


def test_arguments_become_the_declared_types_and_defaults_stay_with_the_function() -> None:
    text = '{"place": {"name": "Rome"}, "window": {"start": "2026-11-24"}, "unit": "kelvin", "scale": 2}'
    arguments = read(forecast, text)
    assert arguments == {
        "place": Place("Rome"),
        "window": Window(start=date(2026, 11, 24)),
        "unit": Unit.KELVIN,
        "scale": 2.0,
    }
    assert forecast(**arguments) == "Rome 2026-11-24 1 KELVIN low [] 2.0"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"place": {"name": "Rome"}}', "$.window: is required"),
        ('{"place": {}, "window": {"start": "2026-11-24"}}', "$.place.name: "),
        ('{"place": {"name": "Rome", "zip": "secret"}, "window": {"start": "2026-11-24"}}', "$.place.zip: "),
        ('{"place": {"name": "Rome"}, "window": {"start": "secret"}}', "$.window.start: "),
        ('{"place": {"name": "Rome"}, "window": {"start": "2026-11-24", "days": 4242}}', "$.window.days: was refused"),
        ('{"place": {"name": "Rome"}, "window": {"start": "2026-11-24"}, "tags": ["a", 4242]}', "$.tags[1]: "),
        ('{"place": {"name": "Rome"}, "window": {"start": "2026-11-24"}, "detail": "secret"}', "$.detail: "),
        ('{"place": {"name": "Rome"}, "window": {"start": "2026-11-24"}, "a b": 1}', '$["a b"]: is not a parameter'),
        ('["secret"]', "$: "),
        ('"secret"', "$: "),
        ("null", "$: "),
    ],
)
def test_a_problem_names_the_path_and_never_the_value(text: str, problem: str) -> None:
    """LOOP-05."""
    with pytest.raises(InvalidArguments) as caught:
        read(forecast, text)
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "4242" not in str(caught.value)
    assert caught.value.is_json


@pytest.mark.parametrize("text", ["", "{", '{"a": }', "{} {}", "{'a': 1}", '{"a": NaN}x'])
def test_text_that_is_not_json_says_so(text: str) -> None:
    """FINISH-08: that is another thing than a schema mismatch."""
    with pytest.raises(InvalidArguments) as caught:
        read(forecast, text)
    assert not caught.value.is_json
    assert str(caught.value).startswith("the arguments are not valid JSON: ")


def test_many_problems_are_told_in_bounded_length() -> None:
    def many(numbers: list[int]) -> None:
        """Take numbers."""

    with pytest.raises(InvalidArguments) as caught:
        read(many, json.dumps({"numbers": ["x"] * 1000}))
    assert str(caught.value).endswith("; and 992 more")


def count(number: int, others: list[int] = [], anything: Any = None) -> int:  # noqa: B006
    """Count."""
    return number


def test_integers_are_exact_and_may_be_written_as_integral_floats() -> None:
    """ARGS-10, ARGS-11."""
    assert read(count, '{"number": 12345678901234567890123}') == {"number": 12345678901234567890123}
    arguments = read(count, '{"number": 3.0, "others": [1, 2.0, 1e2], "anything": 1.0}')
    assert repr(arguments) == "{'number': 3, 'others': [1, 2, 100], 'anything': 1.0}"
    for wrong in (
        '{"number": 3.5}',
        '{"number": "3"}',
        '{"number": true}',
        '{"number": null}',
        '{"number": 3.0, "x": 1}',
    ):
        with pytest.raises(InvalidArguments):
            read(count, wrong)


class Robot:
    def __init__(self, name: str) -> None:
        self.name = name

    def greet(self, other: str) -> str:
        """Greet someone."""
        return f"{self.name} greets {other}"

    async def __call__(self, other: str) -> str:
        """Call someone."""
        return f"{self.name} calls {other}"


async def outcome(made: Tool, arguments: str = "{}", seconds: float | None = 5.0) -> str:
    runnable = Runnable(ToolCall("c1", made.name, arguments), made, made.read_arguments(arguments))
    return str((await run_tool(ToolRequest(runnable, "run_1", 1, seconds))).content)


async def test_methods_and_callable_objects_are_tools() -> None:
    robot = Robot("Rob")
    assert await outcome(tool(robot.greet), '{"other": "Ann"}') == "Rob greets Ann"
    assert await outcome(tool(robot, name="call"), '{"other": "Ann"}') == "Rob calls Ann"


async def test_the_decorator_works_with_and_without_settings() -> None:
    @tool
    def plain() -> str:
        """Plain."""
        return "plain"

    @tool(name="renamed", description="Set here.", timeout=5)
    def other() -> str:
        return "other"

    assert (await outcome(plain), await outcome(other)) == ("plain", "other")
    assert (other.name, other.description, other.timeout) == ("renamed", "Set here.", 5)


@pytest.mark.parametrize(
    ("returned", "content"),
    [
        ("as it is", "as it is"),
        ({"a": [1, None, 1.5, "é"]}, '{"a":[1,null,1.5,"é"]}'),
        (None, "null"),
        (Place("Rome", 1), '{"name":"Rome","zip":1}'),
        (Window(start=date(2026, 1, 2)), '{"start":"2026-01-02","days":1}'),
        (float("nan"), '"NaN"'),
        (b"\xff", "Error: the tool returned a value that has no JSON form"),
        (2**100, "1267650600228229401496703205376"),
    ],
)
async def test_results_go_to_the_model_as_json_and_strings_as_they_are(returned: object, content: str) -> None:
    def give() -> object:
        """Give it."""
        return returned

    assert await outcome(tool(give)) == content


async def test_a_plain_function_runs_in_a_thread_with_the_callers_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("seen")

    def where() -> str:
        """Tell where this runs."""
        return f"{threading.current_thread() is threading.main_thread()} {variable.get()}"

    assert await outcome(tool(where)) == "False seen"


@pytest.mark.parametrize("raised", [StopIteration("secret"), SystemExit("secret"), asyncio.CancelledError("secret")])
async def test_whatever_a_function_raises_becomes_an_error_result(raised: BaseException) -> None:
    def fail() -> None:
        """Fail."""
        raise raised

    async def fail_async() -> None:
        """Fail."""
        raise asyncio.CancelledError("secret")

    for function in (fail, fail_async):
        content = await outcome(tool(function))
        assert content.startswith("Error: the tool failed: ")
        assert "secret" not in content


def test_what_cannot_be_a_tool_is_refused_with_a_reason() -> None:
    def untyped(a) -> None:  # type: ignore[no-untyped-def]
        """Doc."""

    def starred(*a: int) -> None:
        """Doc."""

    def positional(a: int, /) -> None:
        """Doc."""

    def undocumented(a: int) -> None: ...

    def unknown(a: NoSuchType) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Doc."""

    def unreadable(a: threading.Lock) -> None:  # type: ignore[valid-type, unused-ignore]
        """Doc."""

    def spaced() -> None:
        """Doc."""

    cases: list[tuple[Callable[..., object], str | None, str]] = [
        (untyped, None, "'a' has no type hint"),
        (starred, None, "'a' cannot be passed by name"),
        (positional, None, "'a' cannot be passed by name"),
        (undocumented, None, "no docstring"),
        (unknown, None, "type hints cannot be read"),
        (unreadable, None, "tool unreadable"),
        (spaced, "two words", "tool name"),
        (functools.partial(count, 1), "part", "part"),
    ]
    for function, name, reason in cases:
        with pytest.raises(ToolDefinitionError, match=reason):
            tool(function, name=name)
    with pytest.raises(ToolDefinitionError, match="timeout"):
        tool(count, timeout=0)


def test_what_is_no_tool_is_refused_with_what_is_expected() -> None:
    def client(item: Any) -> LoopClient:
        return LoopClient(base_url="http://127.0.0.1:8080/v1", model="m", tools=[item])

    with pytest.raises(ToolDefinitionError, match=r"a function, a tool or a source of tools is expected, not a str$"):
        client("weather")
    with pytest.raises(ToolDefinitionError, match=r"not a FileTree; give what its tools\(\) returns"):
        client(FileTree({"here": "."}))


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two tools are named 'count'"):
        LoopClient(base_url="http://host", model="m", tools=[count, tool(forecast, name="count")])


def test_ids_made_here_are_legal_everywhere_and_differ() -> None:
    """ID-06, ID-09."""
    made = {LiveSteps(_NoModel()).new_id("call") for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(name) <= 40 and name.replace("_", "").isalnum() for name in made)


class _NoModel(Model):
    def call(self, request: Any) -> Any:
        raise AssertionError("not called")
