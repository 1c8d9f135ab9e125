"""OpenAI chat completions: the wire of ``POST /v1/chat/completions``, both directions."""

from collections.abc import Callable

from providers.dialects.openai_chat.grammar import NAME
from providers.dialects.openai_chat.legacy import LegacyAnswer, is_legacy
from providers.dialects.openai_chat.places import SPELLING
from providers.dialects.openai_chat.plain_answer import read_answer
from providers.dialects.openai_chat.plain_request import read_plain
from providers.dialects.openai_chat.request_decode import decode_request
from providers.dialects.openai_chat.request_encode import encode_request
from providers.dialects.openai_chat.response_decode import decode_response
from providers.dialects.openai_chat.response_encode import encode_response
from providers.dialects.openai_chat.stream_decode import ChatStreamDecoder
from providers.dialects.openai_chat.stream_encode import ChatStreamEncoder
from providers.spec.adjustments import PlaceOf, Report
from providers.spec.dialect import (
    AnswerPass,
    Dialect,
    EncodedRequest,
    FaceContext,
    PlainRequest,
    StreamDecoder,
    StreamEncoder,
)
from providers.spec.errors import RouterError
from providers.spec.parts import Origin
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.response import Response
from providers.spec.values import JsonObject
from providers.wire.openai_errors import decode_error, encode_error
from providers.wire.places import Places


class OpenAIChat:
    """The codec as ``providers.spec.dialect.Dialect`` describes it."""

    name = NAME
    kin: frozenset[str] = frozenset({"openai-responses"})

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

    def read_plain(self, raw: bytes, depth: int) -> PlainRequest | None:
        """See ``plain_request``."""
        return read_plain(raw, depth)

    def read_answer(self, raw: bytes, origin: Origin) -> Response | None:
        """See ``plain_answer``. Nothing of what it reads is opaque."""
        return read_answer(raw)

    def answer_pass(self, request: Request, *, own: bool, state_in_ids: bool) -> AnswerPass | None:
        """See ``legacy``."""
        return LegacyAnswer() if is_legacy(request) else None

    def ungrouped(self, request: Request, report: Report) -> tuple[Request, Report]:
        """The same: chat has no groups."""
        return request, report

    def offered(self, request: Request) -> Request:
        """The request: chat has no groups."""
        return request

    def places(self, body: Callable[[], JsonObject], request: Callable[[], Request]) -> PlaceOf:
        """See ``places``."""
        return Places(body, request, SPELLING)

    def stream_decoder(self, origin: Origin, *, spelling: bool = True) -> StreamDecoder:
        """See ``stream_decode``."""
        return ChatStreamDecoder(origin, spelling=spelling)

    def stream_encoder(self, context: FaceContext) -> StreamEncoder:
        """See ``stream_encode``."""
        return ChatStreamEncoder(context)

    def decode_error(self, status: int, body: bytes) -> RouterError:
        """See ``providers.wire.openai_errors``."""
        return decode_error(status, body)

    def encode_error(self, error: RouterError) -> JsonObject:
        """See ``providers.wire.openai_errors``."""
        return encode_error(error)


DIALECT: Dialect = OpenAIChat()
