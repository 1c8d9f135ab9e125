"""Makes frozen values of ours from tables that name their fields, and says of a table what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from loop_client.errors import ConfigurationError

_Value = TypeVar("_Value")
_MOST_PROBLEMS: Final = 10


def value_of(kind: Callable[..., _Value], table: Mapping[str, Any], at: tuple[str, ...]) -> _Value:
    """A value of a frozen dataclass.

    Args:
        kind: The dataclass.
        table: Its fields by name; those with a default may be missing.
        at: The keys under which the table stands.

    Raises:
        ConfigurationError: a key is unknown or missing, a value has the wrong type, or the value itself refuses it; the
            text has a line for each problem, which begins with its key.
    """
    hints = get_type_hints(kind)
    wanted: dict[str, Any] = {
        # A default is only looked at by the value itself.
        item.name: (hints[item.name], ... if item.default is item.default_factory is MISSING else None)
        for item in fields(kind)  # type: ignore[arg-type]
    }
    model = create_model("Table", __config__=ConfigDict(extra="forbid", strict=True), **wanted)
    try:
        read = model.model_validate(dict(table))
    except ValidationError as error:
        raise ConfigurationError("\n".join(problems(error, at))) from None
    key = ".".join(at)
    try:
        return kind(**{name: getattr(read, name) for name in read.model_fields_set})
    except ConfigurationError as error:
        text = str(error)
        # Some values name themselves, or their table as it is called at the top of a file.
        told = text if text.startswith(key) else f"{key}: {text.removeprefix(f'{at[-1]}: ')}"
        raise ConfigurationError(told) from None


def problems(error: ValidationError, at: tuple[str, ...] = ()) -> Iterator[str]:
    """A line for each problem: its key, and the reason without the value."""
    found = error.errors(include_url=False)
    for problem in found[:_MOST_PROBLEMS]:
        yield f"{_key((*at, *problem['loc']))}: {_reason(problem)}"
    if len(found) > _MOST_PROBLEMS:
        yield f"and {len(found) - _MOST_PROBLEMS} more"


def _key(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".") or "the file"


def _reason(problem: ErrorDetails) -> str:
    """What is wrong, without the value."""
    match problem["type"]:
        case "extra_forbidden":
            return "there is no such setting"
        case "missing":
            return "is required"
        case "value_error":
            return str(problem["ctx"]["error"])
        case _:
            return problem["msg"][:1].lower() + problem["msg"][1:]
