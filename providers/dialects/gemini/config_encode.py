"""``generationConfig`` in Gemini's words: limits, sampling, reasoning and the form of the answer."""

from typing import Final

from providers.dialects.gemini.config_decode import JSON_TYPE, TEXT_TYPE, taken_modalities
from providers.dialects.gemini.grammar import NAME, report_foreign_ext
from providers.dialects.gemini.reader import inner_ext, is_native, kept_form, was_written, written
from providers.spec.adjustments import Report
from providers.spec.profile import Target
from providers.spec.request import OutputFormat, Reasoning, Request
from providers.spec.values import Ext, Form, Json, JsonObject, extended
from providers.wire.reader import variant

BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""Tokens to think with by effort (https://ai.google.dev/gemini-api/docs/openai#thinking), for models with budgets."""

SMALLEST_BUDGET: Final = 128
"""The least that a model which always thinks takes (https://ai.google.dev/gemini-api/docs/thinking#set-budget)."""

LEVELS: Final = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
"""Efforts as levels; those above the highest that all models know are that one."""

_MIME_KEYS: Final = frozenset({"responseMimeType", "response_mime_type"})
_SHOWN: Final = frozenset({"summarized", "auto", "concise", "detailed", "include"})
_HIDDEN: Final = frozenset({"omitted", "none", "exclude"})


def encode_config(request: Request, target: Target, report: Report) -> JsonObject | None:
    """The object, or ``None`` where there is nothing to say."""
    form = kept_form(request.form, "generationConfig")
    carried = inner_ext(request.ext, "generationConfig")
    fields: JsonObject = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "candidateCount": request.candidates,
        "maxOutputTokens": request.max_output_tokens,
        "stopSequences": None if request.stop is None else list(request.stop),
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        **({} if request.output is None else _output(request.output, form, carried, report)),
        "thinkingConfig": None if request.reasoning is None else _thinking(request.reasoning, target, report),
    }
    fields["responseModalities"] = taken_modalities(form, extended(carried, NAME))
    config = written(fields, carried, form)
    return config if config or form is not None else None


# ---- output


def _output(output: OutputFormat, form: Form | None, ext: Ext, report: Report) -> JsonObject:
    report_foreign_ext(output.ext, "output", report)
    media_type = None if output.kind == "text" else JSON_TYPE
    if is_native(output.form):
        media_type = (media_type or TEXT_TYPE) if was_written(form, "responseMimeType") else None
        if extended(ext, NAME).keys() & _MIME_KEYS:
            # Another type than JSON beside a schema (``text/x.enum``) is carried, and stays what it is.
            media_type = None
    elif output.kind == "json_schema":
        _report_schema(output, report)
    fields: JsonObject = {"responseMimeType": media_type}
    if output.kind == "json_schema":
        key = "responseSchema" if output.schema_grammar == "gemini_schema" else "responseJsonSchema"
        fields[key] = output.schema
    return {key: value for key, value in fields.items() if value is not None}


def _report_schema(output: OutputFormat, report: Report) -> None:
    if output.description is not None:
        report.add("output.description", "dropped", f"not known to {NAME}", from_=output.description)
    if output.strict is False:
        report.add("output.strict", "mapped", "a schema is always enforced here", from_=False, to=True)


# ---- reasoning


def _thinking(reasoning: Reasoning, target: Target, report: Report) -> JsonObject | None:
    if is_native(reasoning.form):
        return _native_thinking(reasoning)
    report_foreign_ext(reasoning.ext, "reasoning", report)
    config: JsonObject = {**_shown(reasoning, report), **_amount(reasoning, target, report)}
    return config or None


def _native_thinking(reasoning: Reasoning) -> JsonObject:
    shown = None if reasoning.show is None else reasoning.show == "summarized"
    fields: JsonObject = {
        "includeThoughts": shown,
        "thinkingBudget": -1 if reasoning.adaptive else reasoning.budget_tokens,
        "thinkingLevel": variant(reasoning.form, NAME, "thinkingLevel"),
    }
    return written(fields, reasoning.ext, reasoning.form)


def _shown(reasoning: Reasoning, report: Report) -> JsonObject:
    shown = reasoning.show
    if shown is None:
        # A dialect that turns thinking on by itself shows it unless told not to.
        return {"includeThoughts": True} if reasoning.enabled is True and reasoning.effort != "none" else {}
    if shown not in _SHOWN | _HIDDEN:
        report.add("reasoning.show", "dropped", f"not known to {NAME}", from_=shown)
        return {}
    if shown in {"concise", "detailed"}:
        report.add("reasoning.show", "mapped", "Gemini has one kind of summary", from_=shown, to="summarized")
    return {"includeThoughts": shown in _SHOWN}


def _amount(reasoning: Reasoning, target: Target, report: Report) -> JsonObject:
    always = target.is_one_of(target.profile.always_thinking_models)
    levels = target.is_one_of(target.profile.thinking_level_models)
    if reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        return _off(levels, always, report)
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort is not None and effort not in LEVELS:
        report.add("reasoning.effort", "dropped", f"not known to {NAME}", from_=effort)
        effort = None
    if effort is None:
        if budget is not None:
            return {"thinkingBudget": budget}
        # The model decides: -1 says so where a budget rules, and with levels its absence does.
        return {"thinkingBudget": -1} if reasoning.enabled is True and not levels else {}
    if levels:
        return {"thinkingLevel": _level(effort, budget, always, report)}
    wanted = BUDGETS[effort] if budget is None else budget
    if budget is None:
        report.add("reasoning.effort", "mapped", "the model takes a budget and no effort", from_=effort, to=wanted)
    return {"thinkingBudget": wanted}


def _level(effort: str, budget: int | None, always: bool, report: Report) -> str:
    level = "LOW" if always and effort == "minimal" else LEVELS[effort]
    if level.lower() != effort:
        report.add("reasoning.effort", "mapped", "the nearest level that the model has", from_=effort, to=level)
    if budget is not None:
        report.add("reasoning.budget_tokens", "dropped", "the model takes a level or a budget, not both", from_=budget)
    return level


def _off(levels: bool, always: bool, report: Report) -> JsonObject:
    """Thinking switched off, or as low as the model goes (REASON-20)."""
    if not levels and not always:
        return {"thinkingBudget": 0}
    least: JsonObject = {"thinkingBudget": SMALLEST_BUDGET}
    if levels:
        least = {"thinkingLevel": "LOW" if always else "MINIMAL"}
    to: Json = least
    report.add("reasoning", "downgraded", "this model cannot be told not to think: as little as it takes", to=to)
    return least
