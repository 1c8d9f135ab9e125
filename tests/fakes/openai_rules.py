"""Judges an OpenAI chat request as the provider does."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from tests.fakes.openai_profiles import OPENAI, Profile
from tests.fakes.openai_schemas import check_schema
from tests.fakes.openai_shapes import ChatRequest
from tests.fakes.openai_words import invalid, refusal_of, too_long
from tests.fakes.refusal import Refusal

Body = dict[str, Any]


def check_chat(body: object, profile: Profile = OPENAI) -> Body:
    """The body, if the host would take it.

    Raises:
        Refusal: it would not; the words are OpenAI's.
    """
    if not isinstance(body, dict):
        raise Refusal("We could not parse the JSON body of your request.")
    if profile.thinking:
        _check_thinking(body)
    _check_model_limits(body, profile)
    _check_shape(body, profile)
    _check_model_exists(body.get("model", ""), profile)
    _check_parts(body, profile)
    _check_tools(body, profile)
    _check_choice(body, profile)
    _check_turns(body["messages"], profile)
    return body


def _check_model_exists(model: str, profile: Profile) -> None:
    if profile.models and not model.startswith(profile.models):
        raise Refusal(
            f"The model `{model}` does not exist or you do not have access to it.", status=404, code="model_not_found"
        )


# --- fields and types


def _check_shape(body: Body, profile: Profile) -> None:
    try:
        ChatRequest.model_validate(_without_extras(body, profile))
    except ValidationError as error:
        raise refusal_of(body, error, profile.name) from None
    if body.get("stream_options") is not None and not body.get("stream"):
        raise invalid("stream_options", "'stream_options' is only allowed when 'stream' is enabled")


def _without_extras(body: Body, profile: Profile) -> Body:
    """The body as OpenAI would know it: without the fields that only this host knows."""
    known = {key: value for key, value in body.items() if key not in profile.top_level}
    if profile.model_in_path:
        known.setdefault("model", "in-the-path")
    if isinstance(known.get("messages"), list):
        known["messages"] = [_message_without_extras(message, profile) for message in known["messages"]]
    if profile.type_optional:
        if isinstance(known.get("tools"), list):
            known["tools"] = [_typed(tool) for tool in known["tools"]]
        known["tool_choice"] = _typed(known.get("tool_choice"))
    return known


def _message_without_extras(message: object, profile: Profile) -> object:
    if not isinstance(message, dict):
        return message
    if isinstance(message.get("content"), list):
        message = {**message, "content": _parts_without_extras(message["content"], profile, message.get("role"))}
    if message.get("role") != "assistant":
        return message
    known = {key: value for key, value in message.items() if key not in profile.message}
    if profile.empty_content and known.get("content") == []:
        known["content"] = ""
    if isinstance(known.get("tool_calls"), list):
        known["tool_calls"] = [
            {key: value for key, value in call.items() if key not in profile.call} if isinstance(call, dict) else call
            for call in known["tool_calls"]
        ]
    return known


def _parts_without_extras(parts: list[Any], profile: Profile, role: object) -> list[Any]:
    known = []
    for part in parts:
        if not isinstance(part, dict):
            known.append(part)
        elif role != "assistant" or part.get("type") not in profile.assistant_parts:
            known.append({key: value for key, value in part.items() if key not in profile.part})
    return known


def _typed(tool: object) -> object:
    return {"type": "function", **tool} if isinstance(tool, dict) else tool


# --- what models can do


def _check_model_limits(body: Body, profile: Profile) -> None:
    model = body.get("model")
    if not isinstance(model, str) or not profile.reasoning_models:
        return
    if not model.startswith(profile.reasoning_models) or model.startswith("gpt-5-chat"):
        if profile.no_effort_models and body.get("reasoning_effort") is not None:
            raise Refusal("Unrecognized request argument supplied: reasoning_effort")
        return
    if body.get("max_tokens") is not None:
        text = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise Refusal(f"Unsupported parameter: {text}", param="max_tokens", code="unsupported_parameter")
    for name in ("temperature", "top_p"):
        if body.get(name) not in (None, 1):
            text = f"'{name}' does not support {body[name]} with this model. Only the default (1) value is supported."
            raise Refusal(f"Unsupported value: {text}", param=name, code="unsupported_value")
    for name in ("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "stop"):
        if body.get(name):
            text = f"'{name}' is not supported with this model."
            raise Refusal(f"Unsupported parameter: {text}", param=name, code="unsupported_parameter")
    if _gpt_5_minor(model) >= 4 and body.get("tools") and body.get("reasoning_effort") not in (None, "none"):
        text = f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions."
        raise Refusal(f"{text} Please use /v1/responses instead.", param="reasoning_effort")


def _gpt_5_minor(model: str) -> int:
    found = re.match(r"gpt-5\.(\d+)", model)
    return int(found[1]) if found else 0


def _check_thinking(body: Body) -> None:
    """DeepSeek: thinking is on unless switched off (V4 and ``deepseek-reasoner``), and then binds the request."""
    thinking = body.get("thinking")
    off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    if off or body.get("model") == "deepseek-chat":
        return
    choice = body.get("tool_choice")
    if choice == "required" or isinstance(choice, dict):
        raise Refusal("Thinking mode does not support this tool_choice", code="invalid_request_error")
    messages = body.get("messages")
    if not body.get("tools") or not isinstance(messages, list):
        return
    for message in messages:
        if isinstance(message, dict) and message.get("tool_calls") and "reasoning_content" not in message:
            text = "The `reasoning_content` in the thinking mode must be passed back to the API."
            raise Refusal(text, code="invalid_request_error")


# --- tools


def _check_parts(body: Body, profile: Profile) -> None:
    allowed = {"user": profile.user_parts, "tool": profile.tool_parts}
    for index, message in enumerate(body["messages"]):
        content = message.get("content")
        if message["role"] not in allowed or not isinstance(content, list):
            continue
        for position, part in enumerate(content):
            if part["type"] not in allowed[message["role"]]:
                name = f"messages[{index}].content[{position}].type"
                expected = ", ".join(sorted(allowed[message["role"]]))
                text = f"Invalid value: '{part['type']}'. Supported values are: {expected}."
                raise Refusal(text, param=name, code="invalid_value")


def _check_tools(body: Body, profile: Profile) -> None:
    for index, tool in enumerate(body.get("tools") or []):
        function = tool.get("function")
        if function and function.get("parameters") is not None:
            param = f"tools[{index}].function.parameters"
            strict = bool(function.get("strict")) and profile.strict_schemas
            check_schema(function["parameters"], f"function '{function['name']}'", param, strict=strict)
    output = (body.get("response_format") or {}).get("json_schema") or {}
    if profile.strict_schemas and output.get("strict"):
        owner = f"response_format '{output['name']}'"
        check_schema(output.get("schema") or {}, owner, "response_format", strict=True)


def _check_choice(body: Body, profile: Profile) -> None:
    names = [_tool_name(tool) for tool in body.get("tools") or []]
    for field in ("tool_choice", "parallel_tool_calls"):
        if body.get(field) is not None and not names:
            raise invalid(field, f"'{field}' is only allowed when 'tools' are specified")
    choice = body.get("tool_choice")
    if choice == "any" and not profile.any_choice:
        text = "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'."
        raise Refusal(text, param="tool_choice", code="invalid_value")
    if not isinstance(choice, dict):
        return
    listed = choice["allowed_tools"]["tools"] if choice.get("type") == "allowed_tools" else [choice]
    for wanted in listed:
        if _tool_name(wanted) not in names:
            text = f"Tool choice '{_tool_name(wanted)}' not found in 'tools' parameter."
            raise Refusal(text, param="tool_choice", code="invalid_value")


def _tool_name(tool: Body) -> str | None:
    named = tool.get("function") or tool.get("custom")
    return named.get("name") if isinstance(named, dict) else None


# --- the order of messages


def _check_turns(messages: list[Body], profile: Profile) -> None:
    awaited: list[str] = []
    open_calls = False
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if not open_calls or message["tool_call_id"] not in awaited:
                raise _orphan(index, message["tool_call_id"], awaited if open_calls else None)
            awaited.remove(message["tool_call_id"])
            continue
        _all_answered(awaited)
        calls = message.get("tool_calls") or []
        _check_ids(index, calls, profile)
        awaited, open_calls = [call["id"] for call in calls], bool(calls)
        if message["role"] == "assistant" and not calls:
            _check_says_something(index, message)
    _all_answered(awaited)


def _orphan(index: int, call_id: str, awaited: list[str] | None) -> Refusal:
    if awaited is None:
        text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
    else:
        text = f"'tool_call_id' of '{call_id}' not found in 'tool_calls' of previous message."
    return Refusal(f"Invalid parameter: {text}", param=f"messages.[{index}].role")


def _all_answered(awaited: list[str]) -> None:
    if awaited:
        raise Refusal(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(awaited),
            param="messages",
        )


def _check_ids(index: int, calls: list[Body], profile: Profile) -> None:
    for position, call in enumerate(calls):
        name = f"messages[{index}].tool_calls[{position}].id"
        if re.fullmatch(profile.call_id, call["id"]):
            continue
        if profile.call_id == OPENAI.call_id and call["id"]:
            raise too_long(name, 40, len(call["id"]))
        text = f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9."
        raise Refusal(text if profile.call_id != OPENAI.call_id else f"Invalid '{name}': empty string.", param=name)


def _check_says_something(index: int, message: Body) -> None:
    if all(message.get(field) is None for field in ("content", "refusal", "audio", "function_call")):
        name = f"messages.[{index}].content"
        raise Refusal(f"Invalid value for 'content': expected a string, got null. ({name})", param=name)
