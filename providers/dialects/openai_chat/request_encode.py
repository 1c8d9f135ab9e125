"""The canonical form to a chat request."""

from typing import Final

from providers.dialects.openai_chat.caller import spelled_defaults
from providers.dialects.openai_chat.forced_choice import check_forced_choice
from providers.dialects.openai_chat.grammar import (
    NAME,
    NOT_KNOWN,
    NOT_STRICT,
    PATH,
    carried,
    inner_form,
    is_known,
    report_foreign,
    variant_of,
)
from providers.dialects.openai_chat.history_encode import encode_history
from providers.dialects.openai_chat.legacy import is_legacy, modern, takes_legacy
from providers.dialects.openai_chat.tools_encode import encode_tools
from providers.dialects.openai_chat.turn_order import bridged
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import InvalidRequestError
from providers.spec.profile import Profile, Target
from providers.spec.request import OutputFormat, Reasoning, Request
from providers.spec.values import Ext, Json, JsonObject, extended
from providers.wire.cache_marks import without_marks
from providers.wire.reader import arranged
from providers.wire.schema import closed_objects, fits_strict, gemini_to_json_schema

_EFFORTS: Final = {"low": 2048, "medium": 8192, "high": 16384}
"""The least effort whose tokens cover a budget; beyond them it is ``high``, the most that every host knows."""

_RESPONSES: Final = "openai-responses"

_SHARED_WITH_RESPONSES: Final = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
"""Fields that Responses has under the same name (OpenAI's reference of both)."""


def encode_request(request: Request, target: Target, report: Report) -> EncodedRequest:
    """One request for OpenAI, or for a host that speaks its dialect.

    Raises InvalidRequestError for orphaned calls and results of another dialect, illegal tools, and a call forced
    without tools or against thinking; UnsupportedError for media and provider tools.
    """
    if is_legacy(request) and not takes_legacy(target):
        request = modern(request)
    own = carried(request.form)
    if is_known(target.profile) and not target.profile.cache_marks:
        request = without_marks(request, NAME, report)
    ext = _ext(request, target, report)
    limit_field = _limit_field(request, target, report)
    tools = encode_tools(request, target, report)
    check_forced_choice(tools.choice, request.reasoning, target)
    reasoning_field, reasoning = _reasoning(request.reasoning, target.profile, report)
    legacy = variant_of(request.form, "tools") == "functions"
    history = encode_history(request.messages, target, report, with_tools=bool(tools.tools))
    fields: JsonObject = {
        "model": target.model,
        "messages": bridged(history, target.profile, report),
        ("functions" if legacy else "tools"): tools.tools,
        ("function_call" if variant_of(request.form, "choice") else "tool_choice"): tools.choice,
        "parallel_tool_calls": tools.parallel,
        limit_field: request.max_output_tokens,
        **_sampling(request, target, report),
        "top_k": _top_k(request, report),
        "stop": _stop(request),
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "n": request.candidates,
        "response_format": _output(request.output, report),
        "stream": request.stream,
        "stream_options": _stream_options(request, ext),
    }
    if reasoning is not None:
        fields[reasoning_field] = reasoning
    switch = target.profile.tool_stream_field
    if switch is not None and request.stream and tools.tools and switch not in extended(ext, NAME):
        fields[switch] = True
    if own and "model" not in (request.form.keys if request.form else ()):
        fields["model"] = target.model or None
    return EncodedRequest(path=PATH, body=arranged(fields, ext, request.form, NAME))


def _ext(request: Request, target: Target, report: Report) -> Ext:
    """Carried fields of this dialect, and those of Responses that mean the same here."""
    if carried(request.form):
        report_foreign(request.ext, "", report)
        return _with_one_limit(request, target, report)
    fields = dict(extended(request.ext, NAME))
    rest: JsonObject = {}
    for name, value in extended(request.ext, _RESPONSES).items():
        if name in _SHARED_WITH_RESPONSES:
            fields.setdefault(name, value)
        elif name not in {"include", "text"}:
            rest[name] = value
    others = {dialect: value for dialect, value in request.ext.items() if dialect not in {NAME, _RESPONSES}}
    report_foreign({**others, **({_RESPONSES: rest} if rest else {})}, "", report)
    return {NAME: fields} if fields else {}


def _with_one_limit(request: Request, target: Target, report: Report) -> Ext:
    """Carried fields, with what was taken as a default; the other name of the limit only where the host has both."""
    own: JsonObject = {**spelled_defaults(request.form), **extended(request.ext, NAME)}
    other = own.get("max_tokens")
    if other is not None and target.profile.max_tokens_field is not None:
        report.add(
            "max_tokens",
            "dropped",
            "the host has one limit, and max_completion_tokens says it",
            from_=other,
            carried=True,
        )
        del own["max_tokens"]
    return {NAME: own}


def _limit_field(request: Request, target: Target, report: Report) -> str:
    """The name the host has for the limit; as the caller wrote it where that is not known (PARAM-02)."""
    spelled, wanted = variant_of(request.form, "limit"), target.profile.max_tokens_field
    if spelled is not None and wanted is not None and spelled != wanted:
        report.add(spelled, "mapped", "the host's own name for it", from_=spelled, to=wanted, carried=True)
    return wanted or spelled or "max_tokens"


def _sampling(request: Request, target: Target, report: Report) -> JsonObject:
    """Temperature and top_p; of another dialect's making left out with a report where the model has them fixed
    (PARAM-03). What a chat caller writes for such a model is the provider's to judge.
    """
    fields: JsonObject = {"temperature": request.temperature, "top_p": request.top_p}
    effort = request.reasoning.effort if request.reasoning is not None else None
    if carried(request.form) or effort == "none" or not target.is_one_of(target.profile.fixed_sampling_models):
        return fields
    for name, value in fields.items():
        if value is not None and value != 1:
            report.add(name, "dropped", "not supported with this model", from_=value)
            fields[name] = None
    return fields


def _top_k(request: Request, report: Report) -> int | None:
    if request.top_k is not None and not carried(request.form):
        report.add("top_k", "dropped", NOT_KNOWN, from_=request.top_k)
        return None
    return request.top_k


def _stop(request: Request) -> Json:
    if request.stop is None:
        return None
    if variant_of(request.form, "stop") == "text" and len(request.stop) == 1:
        return request.stop[0]
    return list(request.stop)


def _stream_options(request: Request, ext: Ext) -> JsonObject | None:
    """``include_usage``, and what the caller put beside it; only a stream may have it."""
    beside = ext.get(NAME, {}).get("stream_options")
    rest: JsonObject = beside if isinstance(beside, dict) else {}
    form = inner_form(request.form, "stream_options")
    if not request.stream and form is None:
        return None
    if request.stream_usage is None and not rest and form is None:
        return None
    return arranged({"include_usage": request.stream_usage}, {NAME: rest}, form, NAME)


# ---- output


def _output(output: OutputFormat | None, report: Report) -> JsonObject | None:
    if output is None:
        return None
    report_foreign(output.ext, "output", report)
    if output.kind != "json_schema":
        kind = "json_object" if output.kind == "json" else "text"
        return arranged({"type": kind}, output.ext, output.form, NAME)
    fields: JsonObject = {
        "name": output.name,
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    own = dict(output.ext.get(NAME, {}))
    below = own.pop("json_schema", None)
    if not carried(output.form):
        if output.schema is None:
            raise InvalidRequestError("output: a JSON schema is required for this format", path="output")
        schema, strict = _schema(output, report)
        fields |= {"name": output.name or "output", "schema": schema, "strict": strict}
    rest: Ext = {NAME: below} if isinstance(below, dict) else {}
    inner = arranged(fields, rest, inner_form(output.form, "json_schema"), NAME)
    return arranged({"type": "json_schema", "json_schema": inner}, {NAME: own}, output.form, NAME)


def _schema(output: OutputFormat, report: Report) -> tuple[Json, bool | None]:
    """The schema of another dialect's output, and whether it can be strict here."""
    schema = gemini_to_json_schema(output.schema) if output.schema_grammar == "gemini_schema" else output.schema
    if output.strict is not True:
        return schema, output.strict
    closed = closed_objects(schema)
    if not fits_strict(closed):
        report.add("output.strict", "downgraded", NOT_STRICT, from_=True, to=False)
        return schema, False
    if closed != schema:
        report.add("output.schema", "mapped", "every object must be closed (additionalProperties: false)")
    return closed, True


# ---- reasoning


def _reasoning(reasoning: Reasoning | None, profile: Profile, report: Report) -> tuple[str, Json]:
    """The field for how much to think, and its value."""
    if reasoning is None:
        return "reasoning_effort", None
    report_foreign(reasoning.ext, "reasoning", report)
    field = variant_of(reasoning.form, "field")
    if field in {"reasoning", "thinking"}:
        return field, _own_object(reasoning, field)
    if profile.thinking_switch and _is_off(reasoning):
        # REASON-20: another word would not reach it.
        report.add("reasoning", "mapped", "the host's own switch", from_="none", to="disabled")
        return "thinking", {"type": "disabled"}
    if reasoning.show is not None and not carried(reasoning.form):
        report.add("reasoning.show", "dropped", NOT_KNOWN, from_=reasoning.show)
    return "reasoning_effort", _effort(reasoning, report)


def _is_off(reasoning: Reasoning) -> bool:
    return reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0


def _own_object(reasoning: Reasoning, field: str) -> JsonObject:
    kind = variant_of(reasoning.form, "type")
    form = reasoning.form
    fields: JsonObject = {
        "type": kind,
        "effort": reasoning.effort,
        ("max_tokens" if field == "reasoning" else "budget_tokens"): reasoning.budget_tokens,
        "enabled": reasoning.enabled if form is not None and "enabled" in form.keys else None,
    }
    return arranged(fields, reasoning.ext, form, NAME)


def _effort(reasoning: Reasoning, report: Report) -> str | None:
    if reasoning.effort is not None:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if reasoning.enabled is False or budget == 0:
        report.add("reasoning", "mapped", "thinking is turned off by an effort here", from_=False, to="none")
        return "none"
    if budget is None or budget < 0:
        if reasoning.enabled:
            report.add("reasoning", "dropped", "a chat host takes an effort, and none was given", from_=True)
        return None
    effort = next((name for name, tokens in _EFFORTS.items() if tokens >= budget), "high")
    report.add("reasoning.budget_tokens", "downgraded", "chat hosts take an effort", from_=budget, to=effort)
    return effort
