"""How OpenAI words the refusal of a request whose fields are wrong; the same on both of its chat surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tests.fakes.refusal import Refusal, path_in

Body = dict[str, Any]


def refusal_of(body: Body, error: ValidationError, host: str = "openai") -> Refusal:
    """What is wrong with the most deeply nested field of those that are."""
    problems = error.errors(include_url=False)
    problem = max(problems, key=lambda each: len(path_in(body, each["loc"])))
    path = path_in(body, problem["loc"])
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    context: Mapping[str, Any] = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return Refusal(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
        case "extra_forbidden" if host == "groq":
            return Refusal(f"property '{name}' is unsupported")
        case "extra_forbidden":
            return Refusal(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        case "string_pattern_mismatch":
            text = f"string does not match pattern. Expected a string that matches the pattern '{context['pattern']}'."
            return Refusal(f"Invalid '{name}': {text}", param=name, code="invalid_value")
        case "string_too_long":
            return too_long(name, context["max_length"], len(problem["input"]))
        case "too_short":
            text = "empty array. Expected an array with minimum length 1, but got an empty array instead."
            return Refusal(f"Invalid '{name}': {text}", param=name, code="empty_array")
        case "too_long":
            text = f"array too long. Expected an array with maximum length {context['max_length']}."
            return Refusal(f"Invalid '{name}': {text}", param=name, code="array_above_max_length")
        case "less_than_equal" if isinstance(problem["input"], float | int):
            text = f"above maximum value. Expected a value <= {context['le']:g}, but got {problem['input']} instead."
            return Refusal(f"Invalid '{name}': decimal {text}", param=name, code="decimal_above_max_value")
        case "greater_than_equal" if isinstance(problem["input"], float | int):
            text = f"below minimum value. Expected a value >= {context['ge']:g}, but got {problem['input']} instead."
            return Refusal(f"Invalid '{name}': decimal {text}", param=name, code="decimal_below_min_value")
        case "literal_error" | "union_tag_invalid":
            return Refusal(f"Invalid value: {_shown(problem)}.", param=name, code="invalid_value")
        case _:
            return Refusal(f"Invalid type for '{name}': {problem['msg']}.", param=name, code="invalid_type")


def _shown(problem: ErrorDetails) -> str:
    context: Mapping[str, Any] = problem.get("ctx", {})
    if problem["type"] == "union_tag_invalid":
        return f"'{context['tag']}'. Supported values are: {context['expected_tags']}"
    return f"'{problem['input']}'. Supported values are: {context['expected']}"


def too_long(name: str, limit: int, length: int) -> Refusal:
    """A string above its limit."""
    text = f"Expected a string with maximum length {limit}, but got a string with length {length} instead."
    return Refusal(f"Invalid '{name}': string too long. {text}", param=name, code="string_above_max_length")


def invalid(param: str, text: str) -> Refusal:
    """A value that does not go with the rest of the request."""
    return Refusal(f"Invalid value for '{param}': {text}.", param=param)
