"""A streamed answer as events: parts by index, each started once, grown by deltas, ended once."""

from typing import TypeAlias

import msgspec

from providers.spec.errors import RouterError
from providers.spec.parts import Part, State
from providers.spec.response import Finish, Usage
from providers.spec.values import Json, Value


class ResponseStart(Value, frozen=True, kw_only=True):
    """The first event of every stream."""

    id: str = ""
    model: str = ""
    created: int | None = None


class ResponseUpdate(Value, frozen=True, kw_only=True):
    """Something about the answer as a whole that came later: ``ext`` is merged over what is there."""


class PartStart(Value, frozen=True, kw_only=True):
    """A part begins. ``part`` is all that is known now; its growing text (``text`` or ``arguments``) starts there.

    Indexes count per candidate from 0 in order of start and are dense.
    """

    index: int
    part: Part
    candidate: int = 0


class PartDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """More text of a part: of ``text``, or of ``arguments`` for a call. Never empty.

    Streams are made of these, so it is no Value: there is nothing else to be carried.
    """

    index: int
    text: str
    candidate: int = 0


class PartUpdate(Value, frozen=True, kw_only=True):
    """Late knowledge about a part: a signature, citations, carried fields (``ext`` is merged over what is there)."""

    index: int
    candidate: int = 0
    state: State | None = None
    annotations: tuple[Json, ...] = ()


class PartEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """No more deltas for this part."""

    index: int
    candidate: int = 0


class UsageUpdate(Value, frozen=True, kw_only=True):
    """Usage as known now, whole: it replaces what an earlier event said."""

    usage: Usage


class CandidateEnd(Value, frozen=True, kw_only=True):
    """A candidate is complete; all its parts have ended. Exactly one for each candidate of a whole stream."""

    finish: Finish
    candidate: int = 0
    logprobs: Json = None


class StreamEnd(Value, frozen=True, kw_only=True):
    """The stream ended as its dialect says it must. Last event of a whole stream."""


class StreamError(Value, frozen=True, kw_only=True):
    """The stream broke: an error event, a cut, a missing end. Last event of a broken stream."""

    error: RouterError


StreamEvent: TypeAlias = (
    ResponseStart
    | ResponseUpdate
    | PartStart
    | PartDelta
    | PartUpdate
    | PartEnd
    | UsageUpdate
    | CandidateEnd
    | StreamEnd
    | StreamError
)
