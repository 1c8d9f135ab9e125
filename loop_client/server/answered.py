"""What a handler raises, as a response: problems and what the engine of jobs refuses in words, all else masked."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from loop_client.jobs import JobError
from loop_client.server.problems import Problem
from loop_client.steps import new_id

_log: Final = logging.getLogger("loop_client.server")

RETRY_AFTER_SECONDS: Final = 5
"""When to ask again while the queue is full or the store away: a worker takes up jobs in less, if it has room."""

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


def answered(handler: Handler) -> Handler:
    """The handler, which now raises nothing."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            return problem.response()
        except JobError as error:
            return _refusal(error).response()
        except Exception:  # noqa: BLE001  # whatever it was, its text is for the log
            return Problem(500, "INTERNAL", masked_failure("a request failed")).response()

    return answer


def _refusal(error: JobError) -> Problem:
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if error.status in {429, 503} else None
    return Problem(error.status, error.code, str(error), headers=headers)


def masked_failure(what: str) -> str:
    """Put the exception at hand into the log under a new id; what is shown instead of it."""
    error_id = new_id("err")
    _log.exception("%s: %s", what, error_id)
    return f"Something went wrong here (error {error_id})."
