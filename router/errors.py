"""Errors as answers: whatever goes wrong, the caller reads it in the shape of the dialect it speaks."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from providers.dialects import DIALECTS
from providers.spec.errors import AuthenticationError, InternalError, InvalidRequestError, RouterError
from providers.spec.values import JsonObject
from providers.wire.json import dumps
from router.faces.connection import CallerGoneError

Shape: TypeAlias = Callable[[RouterError], JsonObject]
"""Writes an error as the body that a caller reads."""

OPENAI_SHAPE: Shape = DIALECTS["openai-chat"].encode_error
"""The shape of every path that declares no other."""

_CALLER_GONE = 499
"""Nobody reads it; the log shows it, with the number that other servers use for it."""
_HEADER_TEXT = re.compile(r"[\x20-\x7e]{1,200}")


def answers_errors_in(shape: Shape) -> Callable[[Request], Awaitable[None]]:
    """FastAPI dependency of a route whose errors have a shape of their own; it has to come before all others."""

    async def declare(request: Request) -> None:
        request.state.error_shape = shape

    return declare


def error_response(error: RouterError, request_id: str, shape: Shape = OPENAI_SHAPE) -> Response:
    """The error as an answer in this shape, with the headers that belong to it."""
    body = dumps(shape(error))
    return Response(
        body, status_code=error.status, headers=error_headers(error, request_id), media_type="application/json"
    )


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


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error that reaches the application. What is unexpected goes on to the outermost layer."""
    app.add_exception_handler(RouterError, _answer_router_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(CallerGoneError, _answer_nobody)


def _answered(request: Request, error: RouterError, headers: Mapping[str, str] | None = None) -> Response:
    record = request.state.record
    record.error = error.type
    record.provider = record.provider or error.provider
    response = error_response(error, record.request_id, getattr(request.state, "error_shape", OPENAI_SHAPE))
    response.headers.update(headers or {})
    return response


async def _answer_router_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RouterError)  # noqa: S101  # registered for no other
    return _answered(request, error)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for no other
    return _answered(request, _of_framework(error.status_code, error.detail, request), error.headers)


def _of_framework(status: int, detail: str, request: Request) -> RouterError:
    match status:
        case 404:
            text = f"no such path: {request.method} {request.url.path}"
            return InvalidRequestError(text, status=status, type="not_found_error")
        case 405:
            return InvalidRequestError(f"{request.method} is not allowed on {request.url.path}", status=status)
        case _ if status < 500:
            return InvalidRequestError(detail, status=status)
        case _:
            return InternalError("internal error", status=status)


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for no other
    first = error.errors()[0]
    path = ".".join(map(str, first["loc"][1:]))
    return _answered(request, InvalidRequestError(f"{path}: {first['msg']}", path=path))


async def _answer_nobody(request: Request, error: Exception) -> Response:
    request.state.record.error = "caller_gone"
    return Response(status_code=_CALLER_GONE)
