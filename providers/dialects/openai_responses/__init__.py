"""OpenAI Responses: the wire of ``POST /v1/responses``, both directions, without anything stored."""

from collections.abc import Callable

from providers.dialects.openai_responses.errors import decode_error, encode_error
from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.namespaces import calls_of_namespaces, offered, ungrouped
from providers.dialects.openai_responses.places import SPELLING
from providers.dialects.openai_responses.request_decode import decode_request
from providers.dialects.openai_responses.request_encode import encode_request
from providers.dialects.openai_responses.response_decode import decode_response
from providers.dialects.openai_responses.response_encode import encode_response
from providers.dialects.openai_responses.stateless import check_stateless
from providers.dialects.openai_responses.stream_decode import ResponsesStreamDecoder
from providers.dialects.openai_responses.stream_encode import ResponsesStreamEncoder
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

__all__ = ["DIALECT", "check_stateless"]


class OpenAIResponses(FullyTranslated):
    """The codec as ``providers.spec.dialect.Dialect`` describes it."""

    name = NAME
    kin: frozenset[str] = frozenset({"openai-chat"})

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

    def ungrouped(self, request: Request, report: Report) -> tuple[Request, Report]:
        """See ``namespaces``."""
        return ungrouped(request, report)

    def offered(self, request: Request) -> Request:
        """See ``namespaces``."""
        return offered(request)

    def answer_pass(self, request: Request, *, own: bool, state_in_ids: bool) -> AnswerPass | None:
        """See ``namespaces``."""
        return calls_of_namespaces(request)

    def places(self, body: Callable[[], JsonObject], request: Callable[[], Request]) -> PlaceOf:
        """See ``places``."""
        return Places(body, request, SPELLING)

    def stream_decoder(self, origin: Origin, *, spelling: bool = True) -> StreamDecoder:
        """See ``stream_decode``."""
        return ResponsesStreamDecoder(origin)

    def stream_encoder(self, context: FaceContext) -> StreamEncoder:
        """See ``stream_encode``."""
        return ResponsesStreamEncoder(context)

    def decode_error(self, status: int, body: bytes) -> RouterError:
        """See ``errors``."""
        return decode_error(status, body)

    def encode_error(self, error: RouterError) -> JsonObject:
        """See ``errors``."""
        return encode_error(error)


DIALECT: Dialect = OpenAIResponses()
