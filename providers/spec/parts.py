"""The parts a message is made of, in the order they were said."""

from collections.abc import Iterable
from typing import Literal, TypeAlias, TypeGuard

from providers.spec.values import Json, Value

Executor = Literal["client", "provider"]
Outcome = Literal["ok", "error", "denied"]
MediaKind = Literal["image", "audio", "video", "document"]


class Origin(Value, frozen=True, kw_only=True):
    """Who issued an opaque value. It is valid there and nowhere else."""

    dialect: str
    provider: str = ""
    """The provider row it came from; empty where it reached us unstamped, in its own dialect's field."""
    model: str = ""
    scope: str = ""
    """A short digest of the credential it was issued under; empty where unknown."""

    @property
    def stamped(self) -> bool:
        """Whether the issuer is known, not only the dialect."""
        return bool(self.provider)


class State(Value, frozen=True, kw_only=True):
    """Opaque provider state (a signature, encrypted reasoning): goes back byte for byte where it is valid."""

    kind: str
    """What it is, in its dialect's own word: ``signature``, ``redacted``, ``thought_signature``, ``encrypted``."""
    value: str
    origin: Origin


class TextPart(Value, frozen=True, kw_only=True):
    """Text that was said."""

    text: str
    annotations: tuple[Json, ...] = ()
    """Citations and the like, as the dialect gave them."""
    state: State | None = None


class ReasoningPart(Value, frozen=True, kw_only=True):
    """Reasoning made readable, sealed, or both. A part with state and no text still has to be replayed."""

    text: str = ""
    kind: Literal["text", "summary"] = "text"
    redacted: bool = False
    """The provider sealed the text: all there is, is ``state``."""
    state: State | None = None


class MediaPart(Value, frozen=True, kw_only=True):
    """An image, sound, film or document. Exactly one of data, url, file_id and text says where it is."""

    kind: MediaKind
    media_type: str | None = None
    data: str | None = None
    """Base64 text, as given."""
    url: str | None = None
    file_id: str | None = None
    """A file stored at the provider; means nothing elsewhere."""
    text: str | None = None
    """A document given as plain text."""
    filename: str | None = None
    detail: str | None = None
    """How closely a picture is to be looked at, in OpenAI's words; ``auto`` is what absence means."""
    state: State | None = None


class ToolCallPart(Value, frozen=True, kw_only=True):
    """A call the model asks for."""

    id: str
    """Empty only where the dialect allows a call without id (Gemini)."""
    name: str
    arguments: str
    """The arguments as verbatim text: JSON for a function, free text for a custom tool. Never re-serialised.

    Where the dialect has an object, this is its compact JSON text with number literals and key order kept.
    """
    kind: Literal["function", "custom"] = "function"
    executed_by: Executor = "client"
    state: State | None = None


class ToolResultPart(Value, frozen=True, kw_only=True):
    """What a call came to. Joined to its call by id, never by position."""

    call_id: str
    name: str | None = None
    outcome: Outcome = "ok"
    content: tuple["ContentPart", ...] = ()
    executed_by: Executor = "client"
    state: State | None = None


class RefusalPart(Value, frozen=True, kw_only=True):
    """The model declined, in its own words."""

    text: str
    state: State | None = None


class OpaquePart(Value, frozen=True, kw_only=True):
    """Something only its own dialect understands. Carried there verbatim, reported when dropped elsewhere."""

    dialect: str
    type: str
    """What the dialect calls it, for reports."""
    value: Json
    state: State | None = None


ContentPart: TypeAlias = TextPart | MediaPart | OpaquePart
Part: TypeAlias = TextPart | ReasoningPart | MediaPart | ToolCallPart | ToolResultPart | RefusalPart | OpaquePart


def is_client_call(part: Part) -> TypeGuard[ToolCallPart]:
    """Whether the part is a call for the client; calls that the provider ran are none of its business (SERVER-03)."""
    return isinstance(part, ToolCallPart) and part.executed_by == "client"


def calls_client(parts: Iterable[Part]) -> bool:
    """Whether there is a call that the client is to run."""
    return any(map(is_client_call, parts))
