"""What a fake answers: a conversation written once and played by all three dialects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Finish = Literal["natural", "length"]


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """A call of the history together with the result that was sent for it."""

    name: str
    arguments: object
    output: str
    """The result's text; JSON objects in one canonical spelling, so that all dialects give the same text."""

    def __str__(self) -> str:
        return f"{self.name}({canonical(self.arguments)}) = {self.output}"


Rounds = Sequence[Sequence[ToolOutcome]]
"""The tool rounds of a history: per round, the outcomes in the order of the calls."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model makes."""

    name: str
    arguments: Mapping[str, object] | Callable[[Rounds], Mapping[str, object]]
    """The arguments, or how they follow from the results so far."""
    invented: bool = False
    """Made although no such tool is offered."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that an answer reports."""

    input: int = 40
    """All input tokens, cached ones included."""
    cached: int = 8
    output: int = 20
    """Output without thinking."""
    thinking: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model."""

    text: str | Callable[[Rounds], str] = ""
    thinking: str = ""
    """Shown only where the request has thinking switched on."""
    calls: tuple[Call, ...] = ()
    finish: Finish = "natural"
    """``length``: cut by the output limit."""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A conversation; the turn is chosen by the number of tool rounds in the request."""

    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A call as it goes into an answer."""

    name: str
    arguments: dict[str, object]
    position: str
    """Distinct for every call of a conversation: ``round-index``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with everything resolved."""

    text: str
    thinking: str
    calls: tuple[MadeCall, ...]
    finish: Finish
    usage: Usage


@dataclass(frozen=True, slots=True)
class Ask:
    """What of a request decides the answer, whatever its dialect."""

    rounds: Rounds = ()
    tools: tuple[str, ...] = ()
    """Names that may be called; empty also where the choice forbids calls."""
    forced: str | None = None
    """A tool that must be called by name."""
    required: bool = False
    """Some tool must be called."""
    parallel: bool = True
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """Collects rounds while a dialect's messages are read."""

    rounds: list[list[ToolOutcome]] = field(default_factory=list)

    def add(self, calls: Sequence[tuple[str, str, object]], outputs: Mapping[str, str]) -> None:
        """Add a round: calls as (id, name, arguments) and the text of each result by call id."""
        answered = [ToolOutcome(name, arguments, outputs[key]) for key, name, arguments in calls if key in outputs]
        if answered:
            self.rounds.append(answered)


def reply_to(scenario: Scenario, ask: Ask) -> Reply:
    """The answer to a request."""
    turn = scenario.turns[min(len(ask.rounds), len(scenario.turns) - 1)]
    calls = _calls(turn, ask)
    if turn.calls and not calls:  # the model may not call: it sums up what it has
        turn = scenario.turns[-1]
    return Reply(
        text=turn.text if isinstance(turn.text, str) else turn.text(ask.rounds),
        thinking=turn.thinking if ask.thinking else "",
        calls=calls,
        finish=turn.finish,
        usage=turn.usage,
    )


def _calls(turn: Turn, ask: Ask) -> tuple[MadeCall, ...]:
    wanted = tuple(call for call in turn.calls if call.invented or call.name in ask.tools)
    if ask.forced is not None:
        wanted = tuple(call for call in wanted if call.name == ask.forced) or (Call(ask.forced, {}),)
    if ask.required and not wanted:
        wanted = (Call(ask.tools[0], {}),)
    if not ask.parallel:
        wanted = wanted[:1]
    return tuple(
        MadeCall(
            name=call.name,
            arguments=dict(call.arguments(ask.rounds) if callable(call.arguments) else call.arguments),
            position=f"{len(ask.rounds)}-{index}",
        )
        for index, call in enumerate(wanted)
    )


def call_id(dialect: str, call: MadeCall, *, prefix: str, length: int) -> str:
    """A call id in a provider's manner; the same for the same place in a conversation."""
    digest = hashlib.sha256(f"{dialect} {call.position} {call.name}".encode()).hexdigest()
    return prefix + digest[:length]


def canonical(value: object) -> str:
    """JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def output_text(text: str) -> str:
    """The text of a result; a JSON object in its canonical spelling, since some dialects carry it as an object."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return canonical(value) if isinstance(value, dict) else text


def pieces(text: str, size: int = 7) -> list[str]:
    """A text in the small pieces in which providers stream it."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def _first_output(rounds: Rounds) -> Mapping[str, object]:
    return {"value": rounds[0][0].output}


def _summary(rounds: Rounds) -> str:
    outcomes = [str(outcome) for outcomes in rounds for outcome in outcomes]
    return "Results: " + "; ".join(outcomes or ["none"])


WEATHER = Scenario(
    turns=(
        Turn(
            thinking="Two cities are asked for, so I ask for both at once.",
            text="Let me look.",
            calls=(Call("get_weather", {"city": "Paris"}), Call("get_weather", {"city": "Rome"})),
            usage=Usage(thinking=12),
        ),
        Turn(
            thinking="The first value has to be converted.",
            calls=(Call("convert", _first_output),),
            usage=Usage(input=90, thinking=6),
        ),
        Turn(text=_summary, usage=Usage(input=120, output=30)),
    )
)
"""Two parallel calls, then one whose argument comes from their results, then a text that names every result."""
