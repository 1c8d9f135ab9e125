"""Judges an OpenAI Responses request as the provider does."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tests.fakes.openai_responses_hosts import OPENAI, Host
from tests.fakes.openai_responses_items import check_items
from tests.fakes.openai_responses_shapes import ResponsesRequest
from tests.fakes.openai_schemas import check_schema
from tests.fakes.openai_words import invalid, refusal_of
from tests.fakes.refusal import Refusal

Body = dict[str, Any]


def check_responses(body: object, host: Host = OPENAI, *, verify: bool = True) -> Body:
    """The body, if the host would take it.

    Args:
        body: the parsed JSON.
        host: whose rules are kept.
        verify: whether reasoning and references to stored things have to be this fake's own.

    Raises:
        Refusal: it would not; the words are OpenAI's.
    """
    if not isinstance(body, dict):
        raise Refusal("We could not parse the JSON body of your request.")
    known = {key: value for key, value in body.items() if key not in host.top_level}
    _check_shape(known)
    _check_model(known, host)
    _check_stored(known, verify=verify)
    _check_tools(known, host)
    _check_choice(known)
    check_items(known, host, verify=verify)
    return body


def _check_shape(body: Body) -> None:
    try:
        ResponsesRequest.model_validate(body)
    except ValidationError as error:
        raise refusal_of(body, error) from None
    if body.get("stream_options") is not None and not body.get("stream"):
        raise invalid("stream_options", "'stream_options' is only allowed when 'stream' is enabled")
    if all(body.get(field) is None for field in ("input", "prompt", "conversation", "previous_response_id")):
        raise Refusal(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
            code="missing_required_parameter",
        )


# --- what models can do


def _check_model(body: Body, host: Host) -> None:
    model = body["model"]
    if host.models and not model.startswith(host.models):
        text = f"The requested model '{model}' does not exist."
        raise Refusal(text, param="model", code="model_not_found")
    if not host.reasoning_models:
        return
    if not model.startswith(host.reasoning_models) or model.startswith("gpt-5-chat"):
        if (body.get("reasoning") or {}).get("effort") is not None:
            raise _unsupported("reasoning.effort")
        if "reasoning.encrypted_content" in (body.get("include") or []):
            raise Refusal("Encrypted content is not supported with this model.", param="include")
        return
    for name in ("temperature", "top_p"):
        if body.get(name) not in (None, 1):
            raise _unsupported(name)


def _unsupported(name: str) -> Refusal:
    return Refusal(f"Unsupported parameter: '{name}' is not supported with this model.", param=name)


def _check_stored(body: Body, *, verify: bool) -> None:
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        raise Refusal("Mutually exclusive parameters: 'previous_response_id' and 'conversation'.")
    if body.get("background") and body.get("store") is False:
        raise invalid("background", "background mode needs 'store' to be true")
    if verify and body.get("previous_response_id") is not None:
        text = f"Previous response with id '{body['previous_response_id']}' not found."
        raise Refusal(text, param="previous_response_id", code="previous_response_not_found")


# --- tools


def _check_tools(body: Body, host: Host) -> None:
    for index, tool in enumerate(body.get("tools") or []):
        if tool["type"] == "function" and tool.get("parameters") is not None:
            param = f"tools[{index}].parameters"
            strict = bool(tool.get("strict")) and host.strict_schemas
            check_schema(tool["parameters"], f"function '{tool['name']}'", param, strict=strict)
    output = (body.get("text") or {}).get("format") or {}
    if output.get("type") == "json_schema":
        if output.get("name") is None or output.get("schema") is None:
            missing = "name" if output.get("name") is None else "schema"
            name = f"text.format.{missing}"
            raise Refusal(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
        if host.strict_schemas and output.get("strict"):
            owner = f"response_format '{output['name']}'"
            check_schema(output["schema"], owner, "text.format.schema", strict=True)


def _check_choice(body: Body) -> None:
    choice = body.get("tool_choice")
    tools = body.get("tools") or []
    if choice == "required" and not tools:
        text = "Tool choice 'required' must be specified with 'tools' parameter."
        raise Refusal(text, param="tool_choice")
    if not isinstance(choice, dict):
        return
    offered = {(tool["type"], tool.get("name")) for tool in tools}
    wanted = choice["tools"] if choice["type"] == "allowed_tools" else [choice]
    for tool in wanted:
        named = (tool.get("type"), tool.get("name"))
        known = named in offered if tool.get("type") in ("function", "custom") else named[0] in dict(offered)
        if not known:
            text = f"Tool choice '{tool.get('name') or tool.get('type')}' not found in 'tools' parameter."
            raise Refusal(text, param="tool_choice", code="invalid_value")
