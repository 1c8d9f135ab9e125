"""A suspended run as JSON: everything that is needed to go on in another process, days later; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loop_client.answers import AnswerRefused
from loop_client.event_base import json_fields
from loop_client.jsontext import JsonObject, dumps, loads
from loop_client.run_events import FinishReason, Message, PendingCall
from loop_client.signing import Signer
from loop_client.tool_outcome import ToolOutcome

VERSION: Final = 1
_PURPOSE: Final = "state"


@dataclass(frozen=True, slots=True)
class Suspension:
    """Where a run stopped: its history with the turn that waits, and what is known of that turn's calls."""

    run_id: str
    number: int
    """Counts how often the run was suspended, from 1."""
    model: str
    messages: tuple[Message, ...]
    """The last one is the turn whose calls wait."""
    pending: tuple[PendingCall, ...]
    outcomes: Mapping[str, ToolOutcome]
    """Of that turn's other calls, by call id."""
    tally: JsonObject
    """What the run has used of its limits."""
    tool_choice: Any = None
    """Of the rounds that follow."""
    outside_tools: tuple[JsonObject, ...] = ()
    """Tools of this run alone that are answered from outside, as ``outside_tool`` reads them."""
    added_tools: tuple[JsonObject, ...] = ()
    """What tools brought of further tools: ``{"by": name, "value": …}`` in order."""
    terminal: str | None = None
    """Id of a call whose result ends the run."""
    text: str = ""
    """The model's words in the turn that waits."""
    finish_reason: FinishReason = "tool_calls"
    """Of that turn."""
    suspended_at: float = 0.0
    expires_at: float | None = None
    """Seconds since 1970 in UTC."""
    calls: tuple[JsonObject, ...] = field(default_factory=tuple)
    """The calls of the turn that waits, in order: ``{"id", "name", "arguments"}``."""

    def expired(self, now: float) -> bool:
        """Whether answers come too late."""
        return self.expires_at is not None and now >= self.expires_at

    def signed(self, signer: Signer) -> str:
        """JSON text with its signature. It survives being parsed and written again by any JSON library."""
        body = json_fields(self) | {"outcomes": {key: item.to_json() for key, item in self.outcomes.items()}}
        state = dumps(body)
        return dumps({"v": VERSION, "state": state, "signature": signer.sign(_PURPOSE, str(VERSION), state)})


def read_suspension(text: str, signer: Signer) -> Suspension:
    """The suspension that ``signed`` wrote.

    Raises:
        AnswerRefused: ``BAD_STATE``: it is not one, is of another version, or was altered.
    """
    try:
        envelope = loads(text)
    except ValueError:
        envelope = None
    match envelope:
        case {"v": 1, "state": str() as state, "signature": str() as signature}:
            if not signer.is_signed(signature, _PURPOSE, str(VERSION), state):
                raise AnswerRefused("BAD_STATE", "the state of the run was altered, or signed with another secret")
        case {"v": int()}:
            raise AnswerRefused("BAD_STATE", "the state of the run is of another version of this package")
        case _:
            raise AnswerRefused("BAD_STATE", "this is not the state of a run")
    return _suspension(loads(state))


def _suspension(body: JsonObject) -> Suspension:
    # Signed, so its shape is what this package wrote.
    lists = ("messages", "outside_tools", "added_tools", "calls")
    return Suspension(
        **body
        | {name: tuple(body.get(name, ())) for name in lists}
        | {
            "pending": tuple(PendingCall(**item) for item in body["pending"]),
            "outcomes": {key: ToolOutcome.from_json(item) for key, item in body["outcomes"].items()},
        }
    )
