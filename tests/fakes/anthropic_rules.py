"""Judges an Anthropic Messages request as the provider does."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import ValidationError

from tests.fakes.anthropic_schemas import check_input_schema, check_strict_schemas
from tests.fakes.anthropic_shapes import MessagesRequest
from tests.fakes.anthropic_turns import check_thinking_history, check_turns
from tests.fakes.refusal import Refusal

Body = dict[str, Any]
Surface = Literal["api", "vertex"]

NEWEST_VERSION = "2026-10-21"
VERTEX_VERSIONS = ("vertex-2023-10-16", NEWEST_VERSION)
"""What may stand in the body on Vertex: the documented one, and what the SDK of today sends."""
_VERTEX_TOOLS = re.compile(
    r"custom|(bash|memory|text_editor)_\d+|tool_search_tool_(bm25|regex)(_\d+)?|web_search_20250305"
)
VERSIONS = ("2023-01-01", "2023-06-01", NEWEST_VERSION)

_MODEL = re.compile(r"claude-(3|opus-\d|sonnet-\d|haiku-\d|fable-\d|mythos-\d|\d)")
_NO_PREFILL = re.compile(r"claude-(opus-4-[678]|sonnet-4-6|(opus|sonnet|haiku)-[5-9])")
_ADAPTIVE_ONLY = re.compile(r"claude-(opus-4-[78]|(opus|sonnet|haiku)-[5-9])")
_CACHE_MARKS = 4


def check_messages(
    body: object, *, surface: Surface = "api", version: str = "2023-06-01", verify_signatures: bool = True
) -> Body:
    """The body, if Anthropic would take it.

    Args:
        body: the parsed JSON.
        surface: on Vertex the model is in the path and the version in the body.
        version: of the header ``anthropic-version``; the newest takes less.
        verify_signatures: False where signatures come from the real provider, which only it can check.

    Raises:
        Refusal: it would not; the words are Anthropic's.
    """
    if not isinstance(body, dict):
        raise Refusal("The request body is not valid JSON: expected an object")
    known = _of_surface(body, surface)
    _check_shape(known)
    if not _MODEL.match(known["model"]):
        raise Refusal(f"model: {known['model']}", status=404, kind="not_found_error")
    if version >= NEWEST_VERSION:
        _check_newest_version(known)
    _check_cache_marks(known)
    _check_tools(known)
    _check_choice(known)
    _check_thinking(known)
    check_turns(known["messages"])
    check_thinking_history(known, verify_signatures=verify_signatures)
    _check_ending(known)
    return known


def _of_surface(body: Body, surface: Surface) -> Body:
    if surface == "api":
        return body
    if "anthropic_version" not in body:
        raise Refusal("anthropic_version: Field required")
    if body["anthropic_version"] not in VERTEX_VERSIONS:
        raise Refusal(f'anthropic_version: "{body["anthropic_version"]}" is not a valid version')
    if "model" in body:
        raise Refusal("model: Extra inputs are not permitted")
    _check_vertex_sources(body)
    for index, tool in enumerate(body.get("tools") or []):
        kind = tool.get("type", "custom") if isinstance(tool, dict) else "custom"
        if not _VERTEX_TOOLS.fullmatch(kind):
            text = f"Input tag '{kind}' found using 'type' does not match any of the expected tags"
            raise Refusal(f"tools.{index}: {text}")
    return {"model": "claude-3", **{key: value for key, value in body.items() if key != "anthropic_version"}}


def _check_vertex_sources(value: object) -> None:
    """What Vertex says of a picture or document that is named by its URL, wherever it stands."""
    if isinstance(value, list):
        for item in value:
            _check_vertex_sources(item)
    elif isinstance(value, dict):
        source = value.get("source")
        if value.get("type") in {"image", "document"} and isinstance(source, dict) and source.get("type") == "url":
            raise Refusal("messages.0.content.0.image.source.base64.data: URL sources are not supported")
        for key in ("messages", "content"):
            _check_vertex_sources(value.get(key))


# --- fields and types


def _check_newest_version(body: Body) -> None:
    """The version of 2026 has no sampling parameters, and no citations on a user's text."""
    for name in ("temperature", "top_p", "top_k"):
        if body.get(name) is not None:
            raise Refusal(f"{name}: Extra inputs are not permitted")
    for index, message in enumerate(body["messages"]):
        blocks = message["content"] if message["role"] == "user" and isinstance(message["content"], list) else []
        for position, block in enumerate(blocks):
            if block["type"] == "text" and block.get("citations") is not None:
                raise Refusal(f"messages.{index}.content.{position}.text.citations: Extra inputs are not permitted")


def _check_shape(body: Body) -> None:
    try:
        MessagesRequest.model_validate(body)
    except ValidationError as error:
        raise _refusal_of(body, error) from None


def _refusal_of(body: Body, error: ValidationError) -> Refusal:
    problem = max(error.errors(include_url=False), key=lambda each: len(_shown_path(body, each["loc"])))
    path = ".".join(map(str, _shown_path(body, problem["loc"])))
    match problem["type"]:
        case "extra_forbidden":
            text = "Extra inputs are not permitted"
        case "model_type" | "model_attributes_type":
            text = "Input does not match the expected shape."
        case "union_tag_invalid" | "union_tag_not_found":
            found = problem.get("ctx", {}).get("tag", "")
            text = f"Input tag '{found}' found using 'type' does not match any of the expected tags"
        case _:
            text = problem["msg"]
    return Refusal(f"{path}: {text}")


def _shown_path(body: Body, location: tuple[str | int, ...]) -> list[str | int]:
    """The location as Anthropic shows it: with the names of blocks and tool kinds, without those of plain types."""
    return [step for step in location if not (isinstance(step, str) and re.match(r"str$|list\[|.*\[", step))]


# --- limits


def _check_cache_marks(body: Body) -> None:
    marks = _marks(body.get("tools")) + _marks(body.get("system")) + _marks(body["messages"])
    marks += body.get("cache_control") is not None
    if marks > _CACHE_MARKS:
        raise Refusal(f"A maximum of {_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}.")


def _marks(value: object) -> int:
    """Cache marks on blocks and tools; what merely looks like one inside a schema or an input is none."""
    if isinstance(value, list):
        return sum(_marks(item) for item in value)
    if not isinstance(value, dict):
        return 0
    return (value.get("cache_control") is not None) + _marks(value.get("content"))


def _check_tools(body: Body) -> None:
    strict: list[tuple[str, Body]] = []
    names: list[str] = []
    for index, tool in enumerate(body.get("tools") or []):
        if "name" in tool:
            names.append(tool["name"])
        if "input_schema" not in tool:
            continue
        path = f"tools.{index}.custom"
        check_input_schema(tool["input_schema"], path)
        if tool.get("strict"):
            strict.append((path, tool["input_schema"]))
    check_strict_schemas(strict)
    if len(names) != len(set(names)):
        raise Refusal("tools: Tool names must be unique.")


def _check_choice(body: Body) -> None:
    choice, tools = body.get("tool_choice"), body.get("tools") or []
    if choice is None:
        return
    if not tools:
        raise Refusal("tool_choice: Tool choice may only be specified while providing tools.")
    if choice["type"] == "tool" and choice["name"] not in [tool.get("name") for tool in tools]:
        raise Refusal(f"tool_choice: Tool '{choice['name']}' not found in provided tools")


def _check_thinking(body: Body) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    if _ADAPTIVE_ONLY.match(body["model"]):
        _check_adaptive_only(body, thinking)
    if thinking["type"] == "disabled":
        return
    if thinking["type"] == "enabled" and thinking["budget_tokens"] >= body["max_tokens"]:
        raise Refusal("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if thinking["type"] == "enabled" and (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise Refusal("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in (None, 1):
        raise Refusal("`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_k") is not None:
        raise Refusal("`top_k` must be unset when thinking is enabled.")
    if body.get("top_p") is not None and body["top_p"] < 0.95:
        raise Refusal("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")


def _check_adaptive_only(body: Body, thinking: Body) -> None:
    if thinking["type"] == "enabled":
        text = '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" instead.'
        raise Refusal(text)
    for name in ("temperature", "top_p", "top_k"):
        if body.get(name) is not None:
            raise Refusal(f"`{name}` is deprecated for this model.")


def _check_ending(body: Body) -> None:
    last = body["messages"][-1]
    if last["role"] != "assistant":
        return
    blocks = last["content"]
    paused = isinstance(blocks, list) and any(block["type"] == "server_tool_use" for block in blocks)
    if _NO_PREFILL.match(body["model"]) and not paused:
        text = "This model does not support assistant message prefill. The conversation must end with a user message."
        raise Refusal(text)
    text = blocks if isinstance(blocks, str) else (blocks[-1].get("text") or "" if blocks else "")
    if text != text.rstrip():
        raise Refusal("messages: final assistant content cannot end with trailing whitespace")
