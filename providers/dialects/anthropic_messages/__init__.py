"""Anthropic Messages: the wire of ``POST /v1/messages``, both directions."""

from collections.abc import Callable

from providers.dialects.anthropic_messages.closing_state import ClosingState
from providers.dialects.anthropic_messages.errors import decode_error, encode_error
from providers.dialects.anthropic_messages.grammar import NAME
from providers.dialects.anthropic_messages.places import SPELLING
from providers.dialects.anthropic_messages.plain_answer import read_answer
from providers.dialects.anthropic_messages.request_decode import decode_request
from providers.dialects.anthropic_messages.request_encode import encode_request
from providers.dialects.anthropic_messages.response_decode import decode_response
from providers.dialects.anthropic_messages.response_encode import encode_response
from providers.dialects.anthropic_messages.stream_decode import MessagesStreamDecoder
from providers.dialects.anthropic_messages.stream_encode import MessagesStreamEncoder
from providers.spec.adjustments import PlaceOf, Report
from providers.spec.dialect import (
    AnswerPass,
    Dialect,
    EncodedRequest,
    FaceContext,
    FullyTranslated,
    StreamDecoder,
    StreamEncoder,
)
from providers.spec.errors import RouterError
from providers.spec.parts import Origin
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.response import Response
from providers.spec.values import JsonObject
from providers.wire.places import Places


class AnthropicMessages(FullyTranslated):
    """The codec as ``providers.spec.dialect.Dialect`` describes it."""

    name = NAME

    def decode_request(self, body: JsonObject) -> Request:
        """See ``request_decode``."""
        return decode_request(body)

    def encode_request(self, request: Request, target: Target, report: Report) -> EncodedRequest:
        """See ``request_encode``."""
        return encode_request(request, target, report)

    def decode_response(self, body: JsonObject, origin: Origin) -> Response:
        """See ``response_decode``."""
        return decode_response(body, origin)

    def encode_response(self, response: Response, context: FaceContext) -> JsonObject:
        """See ``response_encode``."""
        return encode_response(response, context)

    def read_answer(self, raw: bytes, origin: Origin) -> Response | None:
        """See ``plain_answer``."""
        return read_answer(raw, origin)

    def answer_pass(self, request: Request, *, own: bool, state_in_ids: bool) -> AnswerPass | None:
        """See ``closing_state``."""
        return ClosingState() if state_in_ids and not own else None

    def places(self, body: Callable[[], JsonObject], request: Callable[[], Request]) -> PlaceOf:
        """See ``places``."""
        return Places(body, request, SPELLING)

    def stream_decoder(self, origin: Origin, *, spelling: bool = True) -> StreamDecoder:
        """See ``stream_decode``."""
        return MessagesStreamDecoder(origin, spelling=spelling)

    def stream_encoder(self, context: FaceContext) -> StreamEncoder:
        """See ``stream_encode``."""
        return MessagesStreamEncoder(context)

    def decode_error(self, status: int, body: bytes) -> RouterError:
        """See ``errors``."""
        return decode_error(status, body)

    def encode_error(self, error: RouterError) -> JsonObject:
        """See ``errors``."""
        return encode_error(error)


DIALECT: Dialect = AnthropicMessages()
