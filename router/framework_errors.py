"""What the framework refuses of its own accord, such as a path that there is not, in the words of our errors."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from providers.spec.errors import InternalError, InvalidRequestError, RouterError
from providers.wire.json import dumps
from router.errors import OPENAI_SHAPE
from router.logs import RequestRecord


def add_error_handlers(app: FastAPI) -> None:
    """Answer what the framework refuses. What is unexpected goes on to the outermost layer."""
    app.add_exception_handler(HTTPException, _answer_http_exception)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for no other
    refused = _of_framework(error.status_code, error.detail, request)
    record = request.state.record
    assert isinstance(record, RequestRecord)  # noqa: S101  # the outermost layer has put it there
    record.error = refused.type
    body = dumps(OPENAI_SHAPE(refused))
    return Response(body, status_code=refused.status, headers=error.headers, media_type="application/json")


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
