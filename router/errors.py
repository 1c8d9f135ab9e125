"""Errors as answers: whatever goes wrong, the caller reads it in the shape of the dialect it speaks."""

import math
import re
from collections.abc import Callable
from typing import TypeAlias

from providers.dialects import DIALECTS
from providers.spec.errors import AuthenticationError, RouterError
from providers.spec.values import JsonObject
from providers.wire.json import dumps
from router.asgi import HttpCall

Shape: TypeAlias = Callable[[RouterError], JsonObject]
"""Writes an error as the body that a caller reads."""

OPENAI_SHAPE: Shape = DIALECTS["openai-chat"].encode_error
"""The shape of every path that declares no other."""

_HEADER_TEXT = re.compile(r"[\x20-\x7e]{1,200}")


async def answer_error(call: HttpCall, error: RouterError, shape: Shape = OPENAI_SHAPE) -> None:
    """Answer with the error in this shape, with the headers that belong to it, and note it for the log."""
    record = call.record
    record.error = error.type
    record.provider = record.provider or error.provider
    headers = error_headers(error, record.request_id).items()
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await call.answer(dumps(shape(error)), status=error.status, headers=encoded)


def error_headers(error: RouterError, request_id: str) -> dict[str, str]:
    """``retry-after``, ``www-authenticate`` and the provider's own request id, where the error has them.

    ``request_id`` is the router's; the outermost layer sends it with every answer.
    """
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if isinstance(error, AuthenticationError):
        headers["www-authenticate"] = 'Bearer realm="ai-router"'
    upstream_id = error.request_id
    if upstream_id and upstream_id != request_id and _HEADER_TEXT.fullmatch(upstream_id):
        headers["x-upstream-request-id"] = upstream_id
    return headers
