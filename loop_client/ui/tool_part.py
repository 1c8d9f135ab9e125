"""One tool part of a UI message: the call, its result, and the answer it may bring for a suspended run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from loop_client.jsontext import JsonObject
from loop_client.ui.exact import NAMESPACE, exact_text
from loop_client.ui.fields import Fields

ToolState: TypeAlias = Literal[
    "input-streaming",
    "input-available",
    "approval-requested",
    "approval-responded",
    "output-available",
    "output-error",
    "output-denied",
]
"""The states of the AI SDK's tool parts."""

_STATES: Final = frozenset(ToolState.__args__)  # type: ignore[attr-defined]  # what a Literal lists
_NO_ANSWER: Final = "the call was not answered"
_UNVERIFIED: Final = "the approval could not be verified, so the call was not run"


@dataclass(frozen=True, slots=True)
class BroughtAnswer:
    """What a browser brought for one call of a suspended run."""

    run_id: str
    call_id: str
    tool_name: str
    token: str
    outcome: Literal["approved", "denied", "value", "error"]
    value: Any = None
    """The output, where the outcome is ``value``."""
    text: str | None = None
    """The reason given for a decision, or the text of an error."""


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A call and how far it has come."""

    call_id: str
    tool_name: str
    arguments_text: str
    state: ToolState
    result: str
    """What the model reads as the call's result, whether or not there is one."""
    answer: BroughtAnswer | None
    """Where the part names the suspended run it answers."""

    def call(self) -> JsonObject:
        """The call as it stands in an assistant message."""
        function = {"name": self.tool_name, "arguments": self.arguments_text}
        return {"id": self.call_id, "type": "function", "function": function}

    def result_message(self) -> JsonObject:
        """The tool message that answers the call."""
        return {"role": "tool", "tool_call_id": self.call_id, "content": self.result}


def tool_name_of(part: Fields) -> str | None:
    """The tool's name where the part is a tool's, static or dynamic."""
    kind = part.text("type")
    if kind == "dynamic-tool":
        return part.text("toolName")
    return kind.removeprefix("tool-") if kind.startswith("tool-") else None


def read_tool_part(part: Fields, name: str) -> ToolPart:
    """Read a tool part in any state.

    Raises:
        InvalidUIMessages: a member is missing, has the wrong type, or the state is none of the protocol's.
    """
    if not name:
        raise part.problem("type", "the name of a tool is missing")
    state = _state(part)
    ours = part.object("callProviderMetadata").object(NAMESPACE)
    call_id = part.text("toolCallId")
    return ToolPart(
        call_id=call_id,
        tool_name=name,
        arguments_text=_arguments_text(part, ours),
        state=state,
        result=_result(part, state),
        answer=_answer(part, state, ours, call_id, name),
    )


def _state(part: Fields) -> ToolState:
    state = part.text("state")
    if state not in _STATES:
        raise part.problem("state", "not a state of a tool part")
    # A preliminary output is replaced by the final one; a run that ended before that has none.
    if state == "output-available" and part.optional_flag("preliminary"):
        return "input-available"
    return state  # type: ignore[return-value]  # just checked


def _arguments_text(part: Fields, ours: Fields) -> str:
    value = part.raw.get("input", part.raw.get("rawInput"))
    match value:
        case None:
            return "{}"
        case str():
            # Arguments that are not JSON are shown as the model wrote them, and go back so.
            return value
        case _:
            return exact_text(value, ours.optional_text("text"))


def _result(part: Fields, state: ToolState) -> str:
    match state:
        case "output-available":
            output = part.raw.get("output")
            kept = part.object("resultProviderMetadata").object(NAMESPACE).optional_text("text")
            return output if isinstance(output, str) else exact_text(output, kept)
        case "output-error":
            return f"Error: {part.text('errorText')}"
        case "output-denied":
            return _denied(part)
        case "approval-responded":
            return f"Error: {_UNVERIFIED}" if _approved(part) else _denied(part)
        case "input-streaming" | "input-available" | "approval-requested":
            return f"Error: {_NO_ANSWER}"


def _denied(part: Fields) -> str:
    reason = part.object("approval").optional_text("reason")
    return f"Error: the user denied the call{f': {reason}' if reason else ''}"


def _approved(part: Fields) -> bool:
    approval = part.object("approval")
    approved = approval.optional_flag("approved")
    if approved is None:
        raise approval.problem("approved", "true or false is expected")
    return approved


def _answer(part: Fields, state: ToolState, ours: Fields, call_id: str, name: str) -> BroughtAnswer | None:
    run_id, token = ours.optional_text("runId"), ours.optional_text("token")
    if run_id is None or token is None:
        return None
    match state:
        case "approval-responded":
            outcome: Literal["approved", "denied"] = "approved" if _approved(part) else "denied"
            reason = part.object("approval").optional_text("reason")
            return BroughtAnswer(run_id, call_id, name, token, outcome, text=reason)
        case "output-available":
            return BroughtAnswer(run_id, call_id, name, token, "value", value=part.raw.get("output"))
        case "output-error":
            return BroughtAnswer(run_id, call_id, name, token, "error", text=part.text("errorText"))
        case "input-streaming" | "input-available" | "approval-requested" | "output-denied":
            return None
