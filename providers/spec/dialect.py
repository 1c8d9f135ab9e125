"""What a dialect offers: one codec per wire grammar, both directions, pure."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from providers.spec.adjustments import PlaceOf, Report
from providers.spec.errors import RouterError
from providers.spec.events import StreamEvent
from providers.spec.parts import Origin
from providers.spec.profile import Target
from providers.spec.request import Request, ToolChoice
from providers.spec.response import Response
from providers.spec.values import JsonObject


class EncodedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request in the target's own words, ready for a transport."""

    path: str
    """Below the row's base URL, query included: ``/chat/completions``."""
    body: JsonObject
    content: bytes | None = None
    """The bytes to send where they are not made from ``body``: a request that is relayed as it came. ``body`` may be
    empty then."""
    model: str = ""
    """The provider's own name of the model, for hosts where it stands in the address."""
    headers: dict[str, str] = {}
    """Headers that belong to the dialect (its version), never credentials. Names in lower case."""


class PlainRequest(Protocol):
    """A request that was spelled as nearly every client does, read in one pass and not taken apart."""

    @property
    def model(self) -> str:
        """As the caller spelled it."""
        ...

    @property
    def stream(self) -> bool | None:
        """Whether a stream is asked for."""
        ...

    @property
    def stream_usage(self) -> bool | None:
        """Whether the stream should report usage."""
        ...

    @property
    def thinks(self) -> bool:
        """Whether anything is said of reasoning."""
        ...

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Names of the tools, all of them functions, in order."""
        ...

    @property
    def tool_choice(self) -> ToolChoice | None:
        """Which tools may or must be called."""
        ...

    def schema_text(self, name: str) -> bytes | None:
        """The parameters of a tool as they were written."""
        ...

    def request(self) -> Request:
        """What the dialect's ``decode_request`` makes of it, spelling aside. Raises JsonError."""
        ...

    def relayed(self, target: Target, report: Report) -> EncodedRequest | None:
        """What the dialect's ``encode_request`` makes of it for this target, as bytes of the caller's own.

        ``None`` where more than a few members would be changed.
        """
        ...


class StreamDecoder(Protocol):
    """Wire side: bytes of a provider's stream to events. Any cut of the bytes gives the same events."""

    def feed(self, chunk: bytes) -> Sequence[StreamEvent]:
        """Events completed by these bytes. Never raises: what breaks the grammar becomes a StreamError."""
        ...

    def close(self) -> Sequence[StreamEvent]:
        """The upstream body ended. What is still owed: StreamEnd, or StreamError where the end is missing."""
        ...


class StreamEncoder(Protocol):
    """Face side: events to the bytes the caller reads."""

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes this event gives rise to, maybe none. A StreamEnd or StreamError ends the stream."""
        ...


class FaceContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a face adds to an answer of its own accord."""

    response_id: str
    """Used where the provider gave none."""
    model: str
    """As the caller asked for it."""
    created: int
    """Unix seconds, used where the provider gave none."""
    router: JsonObject = {}
    """What the router has to say, where the dialect has a place for it; sent with the end of a stream."""
    stream_usage: bool = False
    """The caller asked for usage in the stream."""


class AnswerPass(Protocol):
    """Changes one answer before it is written, whole or as events; the same either way."""

    def answer(self, response: Response) -> Response:
        """A whole answer, changed."""
        ...

    def feed(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events of a stream that may go on now."""
        ...

    def report(self, report: Report) -> None:
        """Say what was lost, once the answer has ended."""
        ...


class Dialect(Protocol):
    """A wire grammar. As a face it decodes requests and encodes answers; as the wire, the reverse."""

    @property
    def name(self) -> str:
        """``openai-chat``, ``anthropic-messages``, ``google-generate-content``."""
        ...

    def decode_request(self, body: JsonObject) -> Request:
        """Face. Raises InvalidRequestError with the JSON path for wrong types; unknown fields are carried."""
        ...

    def encode_request(self, request: Request, target: Target, report: Report) -> EncodedRequest:
        """Wire. What does not fit is reported, or raises UnsupportedError or InvalidRequestError."""
        ...

    def decode_response(self, body: JsonObject, origin: Origin) -> Response:
        """Wire. Raises ProviderError for an error in a 200, ProviderProtocolError for a broken envelope."""
        ...

    def encode_response(self, response: Response, context: FaceContext) -> JsonObject:
        """Face. The whole answer."""
        ...

    @property
    def kin(self) -> frozenset[str]:
        """Wire. Other dialects whose spelling of a request is looked at, beside what it says."""
        ...

    def read_plain(self, raw: bytes, depth: int) -> PlainRequest | None:
        """Face. The request in a body that is spelled as nearly every client does; ``None`` for any other.

        ``depth``: how deep a body may be nested at most. One with state in the ids of its calls is another, too. Never
        raises.
        """
        ...

    def read_answer(self, raw: bytes, origin: Origin) -> Response | None:
        """Wire. What is said in a whole answer that is spelled as nearly every one is; ``None`` for any other.

        Its spelling and the fields that are not modelled are left aside, so it is for whoever does not write this
        dialect: where the answer is relayed, or goes to a caller of another dialect. Never raises.
        """
        ...

    def answer_pass(self, request: Request, *, own: bool, state_in_ids: bool) -> AnswerPass | None:
        """Face. What answers to this request go through where its caller reads less than the dialect says today.

        ``own``: they come from a provider of this dialect. ``state_in_ids``: the caller keeps state in ids alone.
        """
        ...

    def ungrouped(self, request: Request, report: Report) -> tuple[Request, Report]:
        """Face. The request as other dialects take it, where this one groups tools and they do not.

        And the report for it: places in it may be others. Raises InvalidRequestError for wrong types in a group.
        """
        ...

    def offered(self, request: Request) -> Request:
        """Face. The request with every tool that a call of its answer may name, those in groups as well."""
        ...

    def places(self, body: Callable[[], JsonObject], request: Callable[[], Request]) -> PlaceOf:
        """Face. Gives the places of the canonical request that ``request`` gives as they stand in its ``body``.

        Neither is asked for before it is needed. Places that are not in the request
        (``response…``, ``headers…``) stay as they are.
        """
        ...

    def stream_decoder(self, origin: Origin, *, spelling: bool = True) -> StreamDecoder:
        """Wire. A fresh decoder for one stream.

        ``spelling``: whether its events keep how the provider spelled what it said, which only this dialect writes.
        """
        ...

    def stream_encoder(self, context: FaceContext) -> StreamEncoder:
        """Face. A fresh encoder for one stream."""
        ...

    def decode_error(self, status: int, body: bytes) -> RouterError:
        """Wire. An error answer as our error; never raises."""
        ...

    def encode_error(self, error: RouterError) -> JsonObject:
        """Face. Our error in this dialect's shape."""
        ...


class FullyTranslated:
    """What a dialect says that has no short ways: every body is taken apart, every caller reads all of it."""

    kin: frozenset[str] = frozenset()

    def read_plain(self, raw: bytes, depth: int) -> PlainRequest | None:
        """None: every body is taken apart."""
        return None

    def read_answer(self, raw: bytes, origin: Origin) -> Response | None:
        """None: every answer is taken apart."""
        return None

    def answer_pass(self, request: Request, *, own: bool, state_in_ids: bool) -> AnswerPass | None:
        """None: every caller of this dialect reads all of it."""
        return None

    def ungrouped(self, request: Request, report: Report) -> tuple[Request, Report]:
        """The same: it has no groups."""
        return request, report

    def offered(self, request: Request) -> Request:
        """The request: it has no groups."""
        return request
