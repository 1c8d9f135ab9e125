"""The canonical form to a Responses request."""

from typing import Final

from providers.dialects.openai_responses.caller import spelled_defaults
from providers.dialects.openai_responses.grammar import (
    CHAT,
    ENCRYPTED,
    NAME,
    NOT_KNOWN,
    PATH,
    is_native,
    report_foreign_ext,
    was_written,
)
from providers.dialects.openai_responses.history_encode import encode_history
from providers.dialects.openai_responses.tools_encode import encode_tools
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import OutputFormat, Reasoning, Request
from providers.spec.values import Ext, Json, JsonObject, extended
from providers.wire.json import loads
from providers.wire.reader import arranged, variant
from providers.wire.schema import closed_objects, gemini_to_json_schema

_UNKNOWN: Final = ("top_k", "seed", "presence_penalty", "frequency_penalty")

_SHARED: Final = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "top_logprobs",
        "user",
    }
)
"""Fields that chat completions have under the same name (OpenAI's reference of both)."""

_LOGPROBS: Final = "message.output_text.logprobs"

MIN_OUTPUT_TOKENS: Final = 16
"""OpenAI: "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16"."""

_EFFORTS: Final = {"low": 2048, "medium": 8192, "high": 16384}
"""The least effort whose tokens cover a budget; beyond them it is ``xhigh``."""

_SHOWN: Final = {"summarized": "auto", "auto": "auto", "concise": "concise", "detailed": "detailed"}


def encode_request(request: Request, target: Target, report: Report) -> EncodedRequest:
    """One request for OpenAI, or for a host that speaks its dialect.

    What was written in this dialect keeps what it says about storing; else nothing is stored, and reasoning comes
    back sealed (REASON-14). Raises InvalidRequestError for orphaned calls and results and for illegal tools;
    UnsupportedError for media, provider tools and several answers.
    """
    _check_candidates(request)
    _report_unknown(request, report)
    native = is_native(request.form)
    ext = _ext(request, target, report)
    spelled = spelled_defaults(request.form)
    stored = {**extended(ext, NAME), **spelled}.get("store") is not False
    history = encode_history(request.messages, target, report, native=native, stored=stored)
    tools = encode_tools(request.tools, request.tool_choice, target, report)
    fields: JsonObject = {
        "model": target.model if not native or was_written(request.form, "model") else None,
        "instructions": history.instructions,
        "input": history.input if history.input or not native or was_written(request.form, "input") else None,
        "tools": tools.tools,
        "tool_choice": tools.choice,
        "parallel_tool_calls": tools.parallel,
        "reasoning": _reasoning(request.reasoning, report),
        "text": _text(request, ext, report),
        "max_output_tokens": _limit(request, report),
        **_sampling(request, target, report),
        "stream": request.stream,
        **spelled,
    }
    return EncodedRequest(path=PATH, body=arranged(fields, _without_text(ext), request.form, NAME))


def _check_candidates(request: Request) -> None:
    if request.candidates is not None and request.candidates > 1:
        raise UnsupportedError(f"n: {NAME} gives one answer per request", path="n")


def _report_unknown(request: Request, report: Report) -> None:
    for field in _UNKNOWN:
        value: Json = getattr(request, field)
        if value is not None:
            report.add(field, "dropped", NOT_KNOWN, from_=value)
    if request.stop is not None:
        report.add("stop", "dropped", NOT_KNOWN, from_=list(request.stop))


# ---- fields beside the conversation


def _ext(request: Request, target: Target, report: Report) -> Ext:
    """Carried fields of this dialect, those of chat that mean the same here, and what is sent of our own accord."""
    if is_native(request.form):
        report_foreign_ext(request.ext, "", report)
        return request.ext
    fields = dict(extended(request.ext, NAME))
    include: list[Json] = []
    rest: JsonObject = {}
    for name, value in extended(request.ext, CHAT).items():
        if name in _SHARED:
            fields.setdefault(name, value)
        elif name == "verbosity":
            fields.setdefault("text", {"verbosity": value})
        elif name == "logprobs":
            include += [_LOGPROBS] if value is True else []
        elif name != "stream_options":
            rest[name] = value
    others = {dialect: value for dialect, value in request.ext.items() if dialect not in {NAME, CHAT}}
    report_foreign_ext({**others, CHAT: rest} if rest else others, "", report)
    fields.setdefault("store", False)
    if fields["store"] is False and _seals_reasoning(target):
        include.insert(0, ENCRYPTED)
    if include:
        fields.setdefault("include", include)
    return {NAME: fields}


def _seals_reasoning(target: Target) -> bool:
    pattern = target.profile.unsealed_models
    return pattern is None or not target.is_one_of(pattern)


def _without_text(ext: Ext) -> Ext:
    return {NAME: {key: value for key, value in extended(ext, NAME).items() if key != "text"}}


def _limit(request: Request, report: Report) -> int | None:
    limit = request.max_output_tokens
    if limit is not None and limit < MIN_OUTPUT_TOKENS and not is_native(request.form):
        reason = "OpenAI takes no smaller limit"
        report.add("max_output_tokens", "mapped", reason, from_=limit, to=MIN_OUTPUT_TOKENS)
        return MIN_OUTPUT_TOKENS
    return limit


def _sampling(request: Request, target: Target, report: Report) -> JsonObject:
    """Temperature and top_p, left out with a report where the model has them fixed (PARAM-03)."""
    fields: JsonObject = {"temperature": request.temperature, "top_p": request.top_p}
    effort = request.reasoning.effort if request.reasoning is not None else None
    if is_native(request.form) or effort == "none" or not target.is_one_of(target.profile.fixed_sampling_models):
        return fields
    for name, value in fields.items():
        if value is not None and value != 1:
            report.add(name, "dropped", "not supported with this model", from_=value)
            fields[name] = None
    return fields


# ---- output


def _text(request: Request, ext: Ext, report: Report) -> JsonObject | None:
    order = variant(request.form, NAME, "text")
    config: JsonObject = {}
    if request.output is not None:
        config["format"] = _format(request.output, report)
    carried = extended(ext, NAME).get("text")
    config.update(carried if isinstance(carried, dict) else {})
    if order is None:
        return config or None
    keys = loads(order)
    known = [key for key in keys if isinstance(key, str) and key in config] if isinstance(keys, list) else []
    return {**{key: config[key] for key in known}, **config}


def _format(output: OutputFormat, report: Report) -> JsonObject:
    report_foreign_ext(output.ext, "output", report)
    if output.kind != "json_schema":
        kind = "json_object" if output.kind == "json" else "text"
        return arranged({"type": kind}, output.ext, output.form, NAME)
    fields: JsonObject = {
        "type": "json_schema",
        "name": output.name,
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    if not is_native(output.form):
        if output.schema is None:
            raise InvalidRequestError("output: a JSON schema is required for this format", path="output")
        fields["name"] = output.name or "output"
        fields["schema"] = _schema(output, report)
    return arranged(fields, output.ext, output.form, NAME)


def _schema(output: OutputFormat, report: Report) -> Json:
    schema = gemini_to_json_schema(output.schema) if output.schema_grammar == "gemini_schema" else output.schema
    if output.strict is not True:
        return schema
    closed = closed_objects(schema)
    if closed != schema:
        report.add("output.schema", "mapped", "every object must be closed (additionalProperties: false)")
    return closed


# ---- reasoning


def _reasoning(reasoning: Reasoning | None, report: Report) -> JsonObject | None:
    if reasoning is None:
        return None
    report_foreign_ext(reasoning.ext, "reasoning", report)
    shown = variant(reasoning.form, NAME, "summary") or "summary"
    if is_native(reasoning.form):
        native: JsonObject = {"effort": reasoning.effort, shown: reasoning.show}
        return arranged(native, reasoning.ext, reasoning.form, NAME)
    fields: JsonObject = {"effort": _effort(reasoning, report), "summary": _summary(reasoning, report)}
    return {key: value for key, value in fields.items() if value is not None} or None


def _effort(reasoning: Reasoning, report: Report) -> str | None:
    if reasoning.effort is not None:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if reasoning.enabled is False or budget == 0:
        report.add("reasoning", "mapped", "thinking is turned off by an effort here", from_=False, to="none")
        return "none"
    if budget is None or budget < 0:
        return None
    effort = next((name for name, tokens in _EFFORTS.items() if tokens >= budget), "xhigh")
    report.add("reasoning.budget_tokens", "downgraded", "OpenAI takes an effort", from_=budget, to=effort)
    return effort


def _summary(reasoning: Reasoning, report: Report) -> str | None:
    if reasoning.show is None or reasoning.show == "omitted":
        return None
    shown = _SHOWN.get(reasoning.show)
    if shown is None:
        report.add("reasoning.show", "dropped", NOT_KNOWN, from_=reasoning.show)
    elif shown != reasoning.show:
        report.add("reasoning.show", "mapped", "the nearest that OpenAI has", from_=reasoning.show, to=shown)
    return shown
