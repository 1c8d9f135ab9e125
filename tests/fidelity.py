"""What becomes of each feature between every face and every wire, seen by sending it through: ``docs/fidelity.md``.

``python -m tests.fidelity`` writes the page; ``tests/test_fidelity.py`` holds it to the code, and all that it says is
sent to the strict fake of its provider.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from providers.dialects import DIALECTS
from providers.spec.adjustments import Adjustment, Report
from providers.spec.dialect import FaceContext
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.parts import MediaPart, Origin, ReasoningPart, State, TextPart, ToolCallPart, ToolResultPart
from providers.spec.profile import Target
from providers.spec.request import FunctionTool, Message, OutputFormat, ProviderTool, Reasoning, Request, ToolChoice
from providers.spec.values import Json, JsonObject
from providers.upstreams.catalog import profile
from router.passes import LostCitations
from tests.fidelity_written import ANSWERS, SCHEMA, WRITTEN

PAGE = Path(__file__).resolve().parent.parent / "docs" / "fidelity.md"

Outcome = Literal["native", "mapped", "reported", "refused", "no words"]

NAMES: Mapping[str, str] = {
    "openai-chat": "chat",
    "openai-responses": "Responses",
    "anthropic-messages": "Messages",
    "google-generate-content": "Gemini",
}
MODELS: Mapping[str, str] = {
    "openai-chat": "gpt-4.1",
    "openai-responses": "gpt-5.1",
    "anthropic-messages": "claude-sonnet-4-5",
    "google-generate-content": "gemini-3-pro-preview",
}
THINKING = {"reasoning effort": "gpt-5.1", "thinking budget": "gpt-5.1"}
"""The chat model of features that the other one does not have."""
_PROFILES: Mapping[str, str] = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic-messages": "anthropic",
    "google-generate-content": "google",
}

_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
_IMAGE = MediaPart(kind="image", media_type="image/png", data=_PNG)
_OTHER = FunctionTool(name="get_time", description="The time.", schema=SCHEMA)


def _user(*parts: TextPart | MediaPart) -> Message:
    return Message(role="user", parts=parts or (TextPart(text="How warm is it?"),))


def _tool(schema: JsonObject | None = SCHEMA, **more: object) -> FunctionTool:
    return FunctionTool(name="get_weather", description="How warm it is.", schema=schema, **more)  # type: ignore[arg-type]


def _ask(*tools: FunctionTool | ProviderTool, **more: object) -> Request:
    return Request(messages=(_user(),), tools=tools or None, **more)  # type: ignore[arg-type]


def _loop(*results: ToolResultPart) -> Request:
    calls = tuple(
        ToolCallPart(id=result.call_id, name="get_weather", arguments='{"city":"Rome"}') for result in results
    )
    turns = tuple(Message(role="tool", parts=(result,)) for result in results)
    return Request(messages=(_user(), Message(role="assistant", parts=calls), *turns), tools=(_tool(),))


def _thought(dialect: str) -> Request:
    state = State(
        kind="signature",
        value="c2lnbmF0dXJl",
        origin=Origin(dialect=dialect, provider="elsewhere", model="m", scope="s"),
    )
    call = ToolCallPart(id="call_1", name="get_weather", arguments='{"city":"Rome"}')
    turn = Message(role="assistant", parts=(ReasoningPart(text="I should look.", state=state), call))
    result = ToolResultPart(call_id="call_1", content=(TextPart(text="18"),))
    return Request(messages=(_user(), turn, Message(role="tool", parts=(result,))), tools=(_tool(),))


def _said(text: str, call_id: str = "call_1", **more: object) -> ToolResultPart:
    return ToolResultPart(call_id=call_id, content=(TextPart(text=text),), **more)  # type: ignore[arg-type]


FEATURES: Mapping[str, Request] = {
    "function tool": _ask(_tool()),
    "tool without parameters": _ask(_tool(None)),
    "parameters with $ref and recursion": _ask(
        _tool(
            {
                "type": "object",
                "properties": {"node": {"$ref": "#/$defs/node"}},
                "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
            }
        )
    ),
    "parameters with a union at the root": _ask(
        _tool(
            {
                "anyOf": [
                    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
                    {"type": "object", "properties": {"zip": {"type": "string"}}, "required": ["zip"]},
                ]
            }
        )
    ),
    "strict tool": _ask(_tool({**SCHEMA, "additionalProperties": False}, strict=True)),
    "free-text tool": _ask(FunctionTool(name="patch", description="Applies a patch.", kind="custom")),
    "tool that OpenAI runs": _ask(
        ProviderTool(dialect="openai-responses", type="web_search", value={"type": "web_search"})
    ),
    "tool that Anthropic runs": _ask(
        ProviderTool(
            dialect="anthropic-messages",
            type="web_search_20250305",
            name="web_search",
            value={"type": "web_search_20250305", "name": "web_search"},
        )
    ),
    "tool that Google runs": _ask(
        ProviderTool(dialect="google-generate-content", type="googleSearch", value={"googleSearch": {}})
    ),
    "choice auto": _ask(_tool(), tool_choice=ToolChoice(mode="auto")),
    "choice none": _ask(_tool(), tool_choice=ToolChoice(mode="none")),
    "choice required": _ask(_tool(), tool_choice=ToolChoice(mode="required")),
    "choice of one tool": _ask(_tool(), _OTHER, tool_choice=ToolChoice(mode="required", names=("get_time",))),
    "allowed subset": _ask(_tool(), _OTHER, tool_choice=ToolChoice(mode="required", names=("get_weather", "get_time"))),
    "one call at a time": _ask(_tool(), tool_choice=ToolChoice(mode="auto", parallel=False)),
    "parallel calls and results in the history": _loop(_said("18"), _said("21", "call_2")),
    "failed result": _loop(_said("no such city", outcome="error")),
    "picture in a result": _loop(ToolResultPart(call_id="call_1", content=(TextPart(text="A map."), _IMAGE))),
    "reasoning state of another provider": _thought("elsewhere"),
    "picture in a message": Request(messages=(_user(TextPart(text="What is this?"), _IMAGE),)),
    "document in a message": Request(
        messages=(
            _user(
                TextPart(text="Sum it up."),
                MediaPart(kind="document", media_type="application/pdf", data="JVBERi0xLjQK", filename="a.pdf"),
            ),
        )
    ),
    "sound in a message": Request(
        messages=(
            _user(
                TextPart(text="Write it down."),
                MediaPart(kind="audio", media_type="audio/wav", data="UklGRg=="),
            ),
        )
    ),
    "system message in front": Request(messages=(Message(role="system", parts=(TextPart(text="Be brief."),)), _user())),
    "system message in the middle": Request(
        messages=(
            _user(),
            Message(role="assistant", parts=(TextPart(text="Warm."),)),
            Message(role="system", parts=(TextPart(text="Be brief."),)),
            _user(),
        )
    ),
    "answer by a JSON schema": _ask(
        output=OutputFormat(
            kind="json_schema", name="answer", schema={**SCHEMA, "additionalProperties": False}, strict=True
        )
    ),
    "answer in any JSON": _ask(output=OutputFormat(kind="json")),
    "reasoning effort": _ask(reasoning=Reasoning(enabled=True, effort="high"), max_output_tokens=30_000),
    "thinking budget": _ask(reasoning=Reasoning(enabled=True, budget_tokens=4096), max_output_tokens=30_000),
    "token limit": _ask(max_output_tokens=500),
    "temperature and top_p": _ask(temperature=0.5, top_p=0.9),
    "top_k": _ask(top_k=20),
    "stop sequences": _ask(stop=("END",)),
    "seed": _ask(seed=7),
    "penalties": _ask(presence_penalty=0.5, frequency_penalty=0.5),
    "several answers": _ask(candidates=2),
}
"""Each feature as one canonical request that has it."""

ROWS = (*FEATURES, *WRITTEN, *ANSWERS)
"""All that the page has a row for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One feature from one face to one wire."""

    outcome: Outcome
    sent: JsonObject | None = None
    """The body for the wire's provider."""
    told: tuple[str, ...] = ()
    """Paths of the adjustments, or of what was refused."""


def target(dialect: str, feature: str = "") -> Target:
    """The vendor's own row, with a model that has the feature."""
    row = _PROFILES[dialect]
    model = THINKING.get(feature, MODELS[dialect]) if dialect == "openai-chat" else MODELS[dialect]
    return Target(provider=row, model=model, dialect=dialect, scope="s", profile=profile(row))


def spoken(feature: str, face: str) -> Request | None:
    """The feature as a caller of this face writes it; ``None`` where the dialect has no words for it."""
    if feature in WRITTEN:
        body = WRITTEN[feature].get(face)
        return None if body is None else DIALECTS[face].decode_request({"model": MODELS[face], **body})
    report = Report()
    request = FEATURES[feature]
    request = msgspec.structs.replace(request, max_output_tokens=request.max_output_tokens or 1000)
    try:
        body = DIALECTS[face].encode_request(request, target(face, feature), report).body
    except (InvalidRequestError, UnsupportedError):
        return None
    if any(_is_loss(adjustment) for adjustment in report.adjustments):
        return None
    _write_schema(body, request)
    return msgspec.structs.replace(DIALECTS[face].decode_request(body), model=MODELS[face])


def _is_loss(adjustment: Adjustment) -> bool:
    # A schema that the vendor would refuse is a caller's to write all the same.
    return adjustment.action in {"dropped", "downgraded"} and not adjustment.path.endswith(".parameters")


def _write_schema(body: Json, request: Request) -> None:
    """Put the first tool's schema into the body as the caller gives it, whatever its vendor insists on."""
    tool = (request.tools or (None,))[0]
    if not isinstance(tool, FunctionTool) or tool.kind == "custom" or tool.schema is None:
        return
    for holder in _objects(body):
        for field in ("parameters", "input_schema", "parametersJsonSchema"):
            if field in holder and holder.get("name") == tool.name:
                holder[field] = tool.schema


def _objects(value: Json) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(item)


def cell(feature: str, face: str, wire: str) -> Cell:
    """What becomes of a feature. Foreign reasoning state is no caller's to write: it is taken as it stands."""
    if feature in ANSWERS:
        return _answered(feature, face, wire)
    request = spoken(feature, face)
    if "another provider" in feature:
        request = msgspec.structs.replace(FEATURES[feature], max_output_tokens=1000)
    if request is None:
        return Cell("no words")
    report = Report()
    try:
        body = DIALECTS[wire].encode_request(request, target(wire, feature), report).body
    except (InvalidRequestError, UnsupportedError) as error:
        return Cell("refused", None, (error.path or "",))
    actions = {adjustment.action for adjustment in report.adjustments}
    told = tuple(adjustment.path for adjustment in report.adjustments)
    if actions & {"dropped", "downgraded"}:
        return Cell("reported", body, told)
    return Cell("mapped" if actions else "native", body, told)


def _answered(feature: str, face: str, wire: str) -> Cell:
    """What a caller of this face reads of an answer that the wire's provider gave."""
    row = target(wire)
    origin = Origin(dialect=wire, provider=row.provider, model=row.model, scope=row.scope)
    response = DIALECTS[wire].decode_response(ANSWERS[feature][wire], origin)
    report = Report()
    if face != wire:
        lost = LostCitations(face)
        response = lost.answer(response)
        lost.report(report)
    body = DIALECTS[face].encode_response(response, FaceContext(response_id="r", model=row.model, created=1))
    told = tuple(adjustment.path for adjustment in report.adjustments)
    return Cell("reported" if told else "native", body, told)


def page() -> str:
    """The whole page as it should stand in ``docs/``."""
    lines = [
        "# What becomes of each feature",
        "",
        "Written by `python -m tests.fidelity`: each cell is a request that was sent through the codecs, and a test",
        "holds what was written to the strict fake of the provider. Rows are what a request has, in the dialect its",
        "caller speaks; columns the dialect of the provider it goes to, with the vendor's own profile. What an answer",
        "has is read the other way: from the provider of the column to the caller, as a test reads it over HTTP.",
        "",
        "- **native**: said in the provider's own words, nothing to tell.",
        "- **mapped**: said in other words; an entry of `router.adjustments` says which.",
        "- **reported**: something of it cannot be said and is left out; an entry says what and why, and",
        '  `router.on_loss: "refuse"` makes an error of it.',
        "- **refused**: an error that names the place, before anything is sent.",
        "- –: the caller's dialect has no words for it.",
        "",
    ]
    for face, name in NAMES.items():
        lines += [f"## Spoken in {name}", "", f"| | {' | '.join(NAMES.values())} |", f"|---|{'---|' * len(NAMES)}"]
        for feature in ROWS:
            cells = [cell(feature, face, wire).outcome for wire in NAMES]
            told = ["–" if outcome == "no words" else outcome for outcome in cells]
            lines.append(f"| {feature} | {' | '.join(told)} |")
        lines.append("")
    return "\n".join(lines)


def counts() -> dict[Outcome, int]:
    """How often each outcome stands on the page."""
    found: dict[Outcome, int] = {}
    for face in NAMES:
        for wire in NAMES:
            for feature in ROWS:
                outcome = cell(feature, face, wire).outcome
                found[outcome] = found.get(outcome, 0) + 1
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"docs/{PAGE.name} written: {counts()}\n")


__all__ = ["FEATURES", "NAMES", "ROWS", "Cell", "Json", "cell", "page", "spoken", "target"]
