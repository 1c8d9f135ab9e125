"""What Anthropic is sent for the reasoning that other dialects ask for."""

from __future__ import annotations

import pytest

from providers.spec.parts import ReasoningPart
from providers.spec.request import Reasoning
from providers.spec.values import JsonObject
from tests.dialects.anthropic_messages_building import ADAPTIVE, USER, call, paths, result, sent, signature, turn

# ---- reasoning


@pytest.mark.parametrize(
    ("reasoning", "budget"),
    [
        (Reasoning(effort="minimal"), 1024),
        (Reasoning(effort="high"), 16_384),
        (Reasoning(enabled=True), 8192),
        (Reasoning(budget_tokens=5000), 5000),
        (Reasoning(budget_tokens=10), 1024),
        (Reasoning(budget_tokens=-1), 8192),
        (Reasoning(budget_tokens=90_000), 18_976),
        (Reasoning(effort="none"), None),
        (Reasoning(enabled=False), None),
        (Reasoning(budget_tokens=0), None),
    ],
)
def test_reasoning_becomes_a_budget_below_the_limit(reasoning: Reasoning, budget: int | None) -> None:
    """REASON-20."""
    body, _ = sent(reasoning=reasoning)
    assert body.get("thinking") == (None if budget is None else {"type": "enabled", "budget_tokens": budget})
    assert body["max_tokens"] == 20_000


@pytest.mark.parametrize(
    ("show", "display", "reported"),
    [
        *(("summarized", "summarized", []), ("omitted", "omitted", [])),
        *(("auto", "summarized", [("reasoning.show", "mapped")]), ("none", "omitted", [("reasoning.show", "mapped")])),
        ("sung", None, [("reasoning.show", "dropped")]),
    ],
)
def test_what_is_shown_of_the_thinking(show: str, display: str | None, reported: list[tuple[str, str]]) -> None:
    body, report = sent(reasoning=Reasoning(budget_tokens=2000, show=show))
    assert body["thinking"].get("display") == display
    assert paths(report) == reported


def test_the_budget_comes_on_top_where_the_caller_gave_no_limit_or_too_small_a_one() -> None:
    body, _ = sent(reasoning=Reasoning(budget_tokens=5000), max_output_tokens=None)
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (5000, 5000 + 16384)
    body, report = sent(reasoning=Reasoning(budget_tokens=5000), max_output_tokens=100)
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (1024, 1124)
    assert ("max_tokens", "mapped") in paths(report)


@pytest.mark.parametrize(
    ("reasoning", "thinking", "effort"),
    [
        (Reasoning(effort="high"), {"type": "adaptive"}, "high"),
        (Reasoning(effort="minimal"), {"type": "adaptive"}, "low"),
        (Reasoning(enabled=True), {"type": "adaptive"}, None),
        (Reasoning(budget_tokens=8000), {"type": "adaptive"}, "medium"),
        (Reasoning(budget_tokens=90_000), {"type": "adaptive"}, "max"),
        (Reasoning(effort="low", show="auto"), {"type": "adaptive", "display": "summarized"}, "low"),
        (Reasoning(effort="none"), {"type": "disabled"}, None),
        (Reasoning(enabled=False), {"type": "disabled"}, None),
    ],
)
def test_models_that_think_adaptively_take_an_effort(
    reasoning: Reasoning, thinking: JsonObject, effort: str | None
) -> None:
    """REASON-20: they think unless they are told not to."""
    body, _ = sent(reasoning=reasoning, model=ADAPTIVE)
    assert body["thinking"] == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_manual_thinking_is_turned_off_where_the_thinking_of_the_last_turn_is_lost() -> None:
    """REASON-06: "a final assistant message must start with a thinking block"."""
    body, report = sent(USER, turn(call()), result(), reasoning=Reasoning(budget_tokens=2000))
    assert body["thinking"] == {"type": "disabled"}
    assert ("reasoning", "downgraded") in paths(report)
    body, report = sent(USER, turn(call()), result(), reasoning=Reasoning(effort="high"), model=ADAPTIVE)
    assert body["thinking"] == {"type": "adaptive"}
    thought = ReasoningPart(text="Hm.", state=signature("Hm."))
    body, report = sent(USER, turn(thought, call()), result(), reasoning=Reasoning(budget_tokens=2000))
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert report.adjustments == []
