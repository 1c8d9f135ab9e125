"""One verdict per call: whole, cut, broken, unfit, unknown or repaired."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from providers.spec.parts import ToolCallPart
from providers.spec.request import Request
from providers.spec.response import Candidate, Finish
from providers.spec.values import JsonObject
from providers.wire.json import JsonError, type_name
from router.verdicts.markup import Markup
from router.verdicts.offer import Offer, RequestOffer
from router.verdicts.repair import Repair, Repaired, plain, repaired, with_integers
from router.verdicts.schemas import KnownTool, Misfit

Status = Literal["complete", "incomplete", "invalid_json", "schema_mismatch", "unknown_tool", "repaired"]
Policy = Literal["report", "repair", "reject"]
"""``report``: say what is wrong. ``repair``: mend what can be mended. ``reject``: a wrong call is an error."""

GOOD: frozenset[Status] = frozenset({"complete", "repaired"})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be thought of one call."""

    index: int
    """Its position among the calls of the answer, from 0."""
    id: str
    name: str
    status: Status
    errors: tuple[Misfit, ...] = ()
    repairs: tuple[Repair, ...] = ()
    arguments: str
    """As they are handed over: mended where the status is ``repaired``, else as they came."""

    def as_json(self) -> JsonObject:
        """The entry as it stands in ``router.calls``."""
        entry: JsonObject = {"index": self.index, "id": self.id, "name": self.name, "status": self.status}
        if self.errors:
            entry["errors"] = [error.as_json() for error in self.errors]
        if self.repairs:
            entry["repairs"] = [repair.as_json() for repair in self.repairs]
        return entry


class Judge:
    """Judges the calls of one answer against the tools of its request."""

    def __init__(self, asked: Request | Offer, policy: Policy, outward: Mapping[str, str] | None = None) -> None:
        self._offer: Offer = RequestOffer(asked) if isinstance(asked, Request) else asked
        self.outward: Mapping[str, str] = outward or {}
        """What the provider calls the request's tools, where it calls them otherwise."""
        self.policy: Policy = policy
        """What is done about a wrong call."""
        self._known: dict[str, KnownTool | None] = {}
        self.markup = Markup(self._offer.names)
        """What calls of the request's tools look like as text."""
        self.free_text = self._offer.free_text
        """Names of the request's free-text tools."""
        self.written: dict[str, Repair] = {}
        """By id of the call: that it was made of text (TEXT-01)."""

    @property
    def request(self) -> Request:
        """The request whose answer is judged."""
        return self._offer.request

    def verdicts(self, candidate: Candidate) -> tuple[Verdict, ...]:
        """One verdict for each call that the client is to run, in order."""
        calls = candidate.tool_calls
        cut = len(calls) - 1 if calls and is_cut(candidate.finish) else -1
        return tuple([self.verdict(call, index, was_cut=index == cut) for index, call in enumerate(calls)])

    def missed(self, finish: Finish | None, calls: int) -> bool:
        """Whether a call was required and a finished answer has none (CHOICE-11)."""
        choice = self._offer.choice
        required = choice is not None and choice.mode == "required"
        return required and calls == 0 and finish is not None and finish.reason in {"stop", "tool_calls"}

    def verdict(self, call: ToolCallPart, index: int, *, was_cut: bool) -> Verdict:
        """The verdict on one finished call. ``was_cut``: the answer ended within it, or may have (FINISH-03)."""
        base = Verdict(index=index, id=call.id, name=call.name, status="complete", arguments=call.arguments)
        made = self.written.get(call.id)
        if made is not None:
            # Only what its own markup closed and fits was made a call, wherever the answer was cut behind it.
            found = self._judged_call(base, call)
            return msgspec.structs.replace(found, status="repaired", repairs=(made, *found.repairs))
        if was_cut:
            return msgspec.structs.replace(base, status="incomplete")
        return self._judged_call(base, call)

    def _judged_call(self, base: Verdict, call: ToolCallPart) -> Verdict:
        name = call.name
        if name not in self._known:
            self._known[name] = self._offer.tool(name)
        tool = self._known[name]
        refusal = self._refusal(name, tool)
        if refusal:
            return msgspec.structs.replace(base, status="unknown_tool", errors=(Misfit("", refusal),))
        if call.kind == "custom" or tool is None or tool.free_text:
            return base
        return self._judged(base, tool)

    def _judged(self, verdict: Verdict, tool: KnownTool) -> Verdict:
        status, errors = _fault(verdict.arguments, tool)
        if status == "complete":
            whole = with_integers(verdict.arguments, tool) if self.policy == "repair" else None
            return verdict if whole is None else _mended(verdict, whole)
        wrong = msgspec.structs.replace(verdict, status=status, errors=errors)
        if self.policy != "repair":
            return wrong
        mended = repaired(verdict.arguments, tool)
        if mended is None:
            return wrong
        return _mended(verdict, mended)

    def _refusal(self, name: str, tool: KnownTool | None) -> str | None:
        """Why a call of this tool was not asked for, or ``None``."""
        if tool is None:
            return "the request has no tool of this name"
        choice = self._offer.choice
        if choice is None:
            return None
        if choice.mode == "none":
            # CHOICE-13: hosts that still show the tools to the model.
            return "called although tool_choice was none"
        if choice.names and name not in choice.names:
            return "called although tool_choice does not allow it"
        return None


def _mended(verdict: Verdict, mended: Repaired) -> Verdict:
    return msgspec.structs.replace(verdict, status="repaired", repairs=mended.repairs, arguments=mended.text)


def _fault(arguments: str, tool: KnownTool) -> tuple[Status, tuple[Misfit, ...]]:
    try:
        value = plain(arguments)
    except JsonError as error:
        return "invalid_json", (Misfit("", str(error)),)
    if not isinstance(value, dict):
        return "schema_mismatch", (Misfit("", f"{type_name(value)} is not an object"),)
    misfits = tool.misfits(value)
    return ("schema_mismatch", tuple(misfits)) if misfits else ("complete", ())


def is_cut(finish: Finish | None) -> bool:
    """Whether the last call of such an answer may not be whole."""
    return finish is None or finish.reason in {"length", "malformed_tool_call", "content_filter", "error"}
