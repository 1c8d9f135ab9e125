"""Chat answers of any server, as the canonical form has them."""

from typing import Any

from providers.dialects import DIALECTS
from providers.spec.fold import fold
from providers.spec.parts import Origin
from providers.spec.response import Response

CHAT = "/v1/chat/completions"
_DIALECT = DIALECTS["openai-chat"]
_ORIGIN = Origin(dialect="openai-chat", provider="any", model="any", scope="any")


def whole(answer: Any) -> Response:
    """A plain answer."""
    return _DIALECT.decode_response(answer, _ORIGIN)


def folded(stream: bytes) -> Response:
    """A streamed one."""
    decoder = _DIALECT.stream_decoder(_ORIGIN)
    return fold([*decoder.feed(stream), *decoder.close()])
