"""Reasoning in Anthropic's words: ``thinking``, the effort, and the limits that hang on them."""

from typing import Final

import msgspec

from providers.dialects.anthropic_messages.grammar import NAME, is_native, report_foreign_ext
from providers.spec.adjustments import Report
from providers.spec.profile import Target
from providers.spec.request import Reasoning
from providers.spec.values import JsonObject
from providers.wire.reader import arranged, variant

DEFAULT_MAX_TOKENS: Final = 4096
"""Sent where the caller gave no limit and the profile has none: Anthropic requires one."""

BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 24576}
"""Tokens to think with, by effort, on models that take a budget. Ours: Anthropic has no such table."""

MIN_BUDGET: Final = 1024
"""Anthropic refuses smaller budgets, and budgets that are not below ``max_tokens``."""

_EFFORTS: Final = {"minimal": "low"}
"""Efforts of other dialects that ``output_config.effort`` does not know."""

_SHOWN: Final = {
    "summarized": "summarized",
    "omitted": "omitted",
    "auto": "summarized",
    "concise": "summarized",
    "detailed": "summarized",
    "include": "summarized",
    "none": "omitted",
    "exclude": "omitted",
}


class Thinking(msgspec.Struct, frozen=True):
    """What is sent for reasoning."""

    config: JsonObject | None
    """The ``thinking`` object."""
    effort: str | None
    """For ``output_config``."""
    max_tokens: int

    @property
    def on(self) -> bool:
        """Whether the model is told to think."""
        return self.config is not None and self.config.get("type") != "disabled"

    @property
    def manual(self) -> bool:
        """Whether it thinks within a budget: the kind that forbids forced calls and unsigned turns."""
        return self.config is not None and self.config.get("type") == "enabled"


def encode_thinking(
    reasoning: Reasoning | None, max_tokens: int | None, unsigned_turn: bool, target: Target, report: Report
) -> Thinking:
    """The reasoning of one request.

    ``unsigned_turn``: the last assistant turn called tools and its thinking did not survive. Anthropic refuses manual
    thinking then ("a final assistant message must start with a thinking block"), so it is turned off, as its
    documentation advises, and reported.
    """
    limit = max_tokens if max_tokens is not None else _default_limit(target)
    if reasoning is not None:
        report_foreign_ext(reasoning.ext, "reasoning", report)
    thinking = _thinking(reasoning, limit, max_tokens is not None, target, report)
    if max_tokens is None:
        report.add("max_tokens", "mapped", "Anthropic requires a limit", to=thinking.max_tokens)
    if unsigned_turn and thinking.manual:
        reason = "the thinking of the last turn with calls was lost, and the model cannot go on thinking without it"
        report.add("reasoning", "downgraded", reason, from_=thinking.config, to={"type": "disabled"})
        return msgspec.structs.replace(thinking, config={"type": "disabled"})
    return thinking


def _default_limit(target: Target) -> int:
    limit = target.profile.default_max_tokens
    return DEFAULT_MAX_TOKENS if limit is None else limit


def _thinking(reasoning: Reasoning | None, limit: int, given: bool, target: Target, report: Report) -> Thinking:
    if reasoning is None:
        return Thinking(None, None, limit)
    if is_native(reasoning.form):
        return Thinking(_native_config(reasoning), reasoning.effort, limit)
    adaptive = _is_adaptive(target)
    if reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        # Adaptive models think unless told not to; the others only when told to (REASON-20).
        return Thinking({"type": "disabled"} if adaptive else None, None, limit)
    shown = _display(reasoning, report)
    if adaptive:
        config: JsonObject = {"type": "adaptive", **shown}
        return Thinking(config, _effort(reasoning, report), limit)
    budget, limit = _budget(reasoning, limit, given, report)
    return Thinking({"type": "enabled", "budget_tokens": budget, **shown}, None, limit)


def _native_config(reasoning: Reasoning) -> JsonObject | None:
    kind = variant(reasoning.form, NAME, "type")
    if kind is None:
        return None
    fields: JsonObject = {"type": kind, "budget_tokens": reasoning.budget_tokens, "display": reasoning.show}
    return arranged(fields, reasoning.ext, reasoning.form, NAME)


def _is_adaptive(target: Target) -> bool:
    return target.is_one_of(target.profile.adaptive_thinking_models)


def _display(reasoning: Reasoning, report: Report) -> JsonObject:
    if reasoning.show is None:
        return {}
    shown = _SHOWN.get(reasoning.show)
    if shown is None:
        report.add("reasoning.show", "dropped", f"not known to {NAME}", from_=reasoning.show)
        return {}
    if shown != reasoning.show:
        report.add("reasoning.show", "mapped", "the nearest that Anthropic has", from_=reasoning.show, to=shown)
    return {"display": shown}


def _effort(reasoning: Reasoning, report: Report) -> str | None:
    """The effort for an adaptive model, which takes no budget."""
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort is None and budget is not None and budget > 0:
        effort = next((name for name, tokens in BUDGETS.items() if name != "minimal" and tokens >= budget), "max")
        report.add(
            "reasoning.budget_tokens", "downgraded", "the model takes an effort and no budget", from_=budget, to=effort
        )
        return effort
    if effort is None:
        return None
    known = _EFFORTS.get(effort, effort)
    if known != effort:
        report.add("reasoning.effort", "mapped", "the nearest effort that Anthropic has", from_=effort, to=known)
    return known


def _budget(reasoning: Reasoning, limit: int, given: bool, report: Report) -> tuple[int, int]:
    """The budget for a model that thinks within one, and the limit it has to fit under."""
    wanted = reasoning.budget_tokens
    if wanted is None or wanted < 0:
        effort = reasoning.effort or "medium"
        wanted = BUDGETS.get(effort, BUDGETS["medium"])
        report.add(
            "reasoning.effort", "mapped", "the model takes a budget and no effort", from_=reasoning.effort, to=wanted
        )
    budget = max(wanted, MIN_BUDGET)
    if not given:
        return budget, budget + limit
    if budget < limit:
        _report_budget(wanted, budget, report)
        return budget, limit
    if limit > 2 * MIN_BUDGET:
        # What the caller allowed stays the limit; a part of it is kept for the answer.
        budget = limit - MIN_BUDGET
        _report_budget(wanted, budget, report)
        return budget, limit
    _report_budget(wanted, MIN_BUDGET, report)
    raised = MIN_BUDGET + limit
    reason = "thinking takes at least 1024 tokens of its own"
    report.add("max_tokens", "mapped", reason, from_=limit, to=raised)
    return MIN_BUDGET, raised


def _report_budget(wanted: int, budget: int, report: Report) -> None:
    if budget != wanted:
        reason = "a budget is at least 1024 and below max_tokens"
        report.add("reasoning.budget_tokens", "mapped", reason, from_=wanted, to=budget)
