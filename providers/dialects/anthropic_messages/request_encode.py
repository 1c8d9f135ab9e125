"""The canonical form to a Messages request."""

from typing import Final

from providers.dialects.anthropic_messages.grammar import (
    HEADERS,
    NAME,
    PATH,
    is_native,
    report_foreign_ext,
    was_written,
)
from providers.dialects.anthropic_messages.history_encode import encode_history
from providers.dialects.anthropic_messages.plain_history import plain_history
from providers.dialects.anthropic_messages.strict_schemas import described
from providers.dialects.anthropic_messages.thinking_encode import Thinking, encode_thinking
from providers.dialects.anthropic_messages.tools_encode import encode_tools
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ForcedChoiceError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import OutputFormat, Request
from providers.spec.values import Json, JsonObject, extended
from providers.wire.cache_marks import adopted_marks
from providers.wire.json import loads
from providers.wire.known_tools import KnownTools
from providers.wire.reader import arranged, variant
from providers.wire.schema import closed_objects, gemini_to_json_schema

_UNKNOWN: Final = ("seed", "presence_penalty", "frequency_penalty")


_CHAT: Final = "openai-chat"
"""Its callers write marks of what may be cached as this dialect has them."""
_MOST_MARKS: Final = 4
"""Of what may be cached, in one request (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching)."""


def encode_request(request: Request, target: Target, report: Report) -> EncodedRequest:
    """One request for Anthropic, or for a host that speaks its dialect.

    Raises InvalidRequestError for orphaned calls and results, illegal tools, and a call forced while manual thinking
    is on where the profile refuses that; UnsupportedError for media, provider tools and several answers.
    """
    _check_candidates(request)
    history = plain_history(request.messages, target)
    if not is_native(request.form) and not (history is not None and _has_no_marks(request)):
        request = adopted_marks(request, _CHAT, NAME, _MOST_MARKS, report)
    _report_unknown(request, report)
    if history is None:
        history = encode_history(request.messages, target, report)
    thinking = encode_thinking(request.reasoning, request.max_output_tokens, history.unsigned_turn, target, report)
    tools = encode_tools(request.tools, request.tool_choice, target, report)
    if tools.forced and thinking.manual and target.profile.forced_choice_with_thinking == "refuse":
        raise _forced_with_thinking()
    fields: JsonObject = {
        "model": target.model if _has_model(request) else None,
        "max_tokens": thinking.max_tokens,
        "system": history.system,
        "messages": history.messages,
        "tools": tools.tools,
        "tool_choice": tools.choice,
        "thinking": thinking.config,
        **_output(request, thinking, report),
        **_sampling(request, thinking, target, report),
        "stop_sequences": None if request.stop is None else list(request.stop),
        "stream": request.stream,
    }
    return EncodedRequest(path=PATH, body=arranged(fields, request.ext, request.form, NAME), headers=HEADERS)


def _check_candidates(request: Request) -> None:
    if request.candidates is not None and request.candidates > 1:
        raise UnsupportedError(f"n: {NAME} gives one answer per request", path="n")


def _has_no_marks(request: Request) -> bool:
    """Whether there are none outside of the messages; of tools that were read plainly none has any."""
    return not request.ext and (request.tools is None or isinstance(request.tools, KnownTools))


def _report_unknown(request: Request, report: Report) -> None:
    report_foreign_ext(request.ext, "", report)
    for field in _UNKNOWN:
        value: Json = getattr(request, field)
        if value is not None:
            report.add(field, "dropped", f"not known to {NAME}", from_=value)


def _has_model(request: Request) -> bool:
    """On Vertex the model stands in the URL, and the caller's body has none."""
    return not is_native(request.form) or was_written(request.form, "model")


def _forced_with_thinking() -> ForcedChoiceError:
    """Decided on what would be sent, so that it holds on every round of a loop (CHOICE-04, CHOICE-06)."""
    message = (
        "tool_choice: this model refuses a forced call while manual thinking is on; "
        "use tool_choice auto, turn reasoning off (reasoning effort none), "
        "or say with router.forced_choice which of the two to give up"
    )
    return ForcedChoiceError(message, path="tool_choice")


# ---- output


def _output(request: Request, thinking: Thinking, report: Report) -> JsonObject:
    """``output_config``, or ``output_format`` where the caller used that name."""
    if request.output is None and thinking.effort is None and not (request.ext or request.form):
        return {}
    legacy = variant(request.form, NAME, "output") == "output_format"
    format_ = None if request.output is None else _format(request.output, report)
    order = variant(request.form, NAME, "output_config")
    config: JsonObject = {"effort": thinking.effort, "format": None if legacy else format_}
    config = {key: value for key, value in config.items() if value is not None}
    rest = extended(request.ext, NAME).get("output_config")
    config.update(rest if isinstance(rest, dict) else {})
    if order is not None:
        keys = loads(order)
        known = [key for key in keys if isinstance(key, str) and key in config] if isinstance(keys, list) else []
        config = {**{key: config[key] for key in known}, **config}
    return {
        "output_config": config if config or order is not None else None,
        "output_format": format_ if legacy else None,
    }


def _format(output: OutputFormat, report: Report) -> JsonObject | None:
    report_foreign_ext(output.ext, "output", report)
    if output.kind == "json":
        report.add("output", "dropped", f"{NAME} has no JSON mode without a schema", from_="json")
        return None
    if output.kind == "text":
        return None
    fields: JsonObject = {"type": "json_schema", "schema": output.schema}
    if not is_native(output.form):
        fields["schema"] = _closed_schema(output, report)
    return arranged(fields, output.ext, output.form, NAME)


def _closed_schema(output: OutputFormat, report: Report) -> Json:
    if output.description is not None:
        report.add("output.description", "dropped", f"not known to {NAME}", from_=output.description)
    if output.strict is False:
        report.add("output.strict", "mapped", "a schema is always enforced here", from_=False, to=True)
    schema = gemini_to_json_schema(output.schema) if output.schema_grammar == "gemini_schema" else output.schema
    closed = closed_objects(schema)
    if closed != schema:
        report.add("output.schema", "mapped", "every object must be closed (additionalProperties: false)")
    loosened = described(closed)
    if loosened != closed:
        report.add("output.schema", "downgraded", "bounds are described to the model and not enforced")
    return loosened


# ---- sampling


def _sampling(request: Request, thinking: Thinking, target: Target, report: Report) -> JsonObject:
    fields: JsonObject = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    if is_native(request.form):
        return fields
    if target.is_one_of(target.profile.fixed_sampling_models):
        return _without_sampling(fields, report)
    if thinking.on:
        _drop_with_thinking(fields, report)
    temperature = fields["temperature"]
    if isinstance(temperature, int | float) and temperature > 1:
        report.add("temperature", "downgraded", "Anthropic's scale ends at 1", from_=temperature, to=1)
        fields["temperature"] = 1
    return fields


def _without_sampling(fields: JsonObject, report: Report) -> JsonObject:
    """The newest models refuse all three, at any value (PARAM-03)."""
    for name, value in fields.items():
        if value is not None:
            report.add(name, "dropped", "refused by this model", from_=value)
    return {}


def _drop_with_thinking(fields: JsonObject, report: Report) -> None:
    """With thinking on, Anthropic refuses another temperature than 1, any top_k, and a top_p below 0.95."""
    top_p = fields["top_p"]
    allowed = {
        "temperature": fields["temperature"] == 1,
        "top_p": isinstance(top_p, int | float) and top_p >= 0.95,
        "top_k": False,
    }
    for name, is_allowed in allowed.items():
        if fields[name] is not None and not is_allowed:
            report.add(name, "dropped", "refused while the model thinks", from_=fields[name])
            fields[name] = None
