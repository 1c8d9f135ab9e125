"""The service as an ASGI application: each request's id, answer, metrics, line in the log, and unexpected end.

The paths are answered on bare ASGI. The documentation, and what there is no path for, is left to the framework, which
is loaded for the first who asks: it takes a quarter of a second and a third of the memory.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable
from typing import Final

from providers.spec.errors import InternalError
from router.asgi import App, Headers, HttpCall, Receive, Scope, Send
from router.errors import OPENAI_SHAPE, Shape, answer_error
from router.logs import LOGGER_NAME, RequestRecord, write_request
from router.paths import path_of
from router.state import RouterState

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

_log = logging.getLogger(f"{LOGGER_NAME}.request")


class Service:
    """Answers requests with ``state``; whatever has no path here goes to the application that ``load_rest`` gives."""

    def __init__(self, state: RouterState, load_rest: Callable[[], App]) -> None:
        self._state = state
        self._load_rest = load_rest
        self._rest: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the lifespan or one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._state.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._state.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; log and count it whatever happens."""
        started = time.perf_counter()
        record = RequestRecord(_request_id(scope["headers"]), scope["method"], scope["path"])
        call = HttpCall(scope, receive, send, record)
        shape = OPENAI_SHAPE
        try:
            found = path_of(record.method, _local_path(scope))
            if found is None:
                scope.setdefault("state", {})["record"] = record
                await (self._rest or await self._loaded())(scope, receive, call.send)
            else:
                path, rest = found
                shape = path.shape
                await path.answer(call, self._state, rest)
        except Exception as error:  # noqa: BLE001  # the last place that can answer it
            await _end_unexpected(error, call, shape)
        finally:
            seconds = time.perf_counter() - started
            self._state.metrics.request_ended(record, seconds)
            write_request(record, seconds)

    async def _loaded(self) -> App:
        self._rest = await asyncio.to_thread(self._load_rest)
        return self._rest


async def _end_unexpected(error: Exception, call: HttpCall, shape: Shape) -> None:
    """Log where it came from and answer 500. An answer that has begun is left without its end: the server cuts it."""
    record = call.record
    _log.error("unexpected exception", exc_info=error, extra={"fields": {"request_id": record.request_id}})
    internal = InternalError("internal error; the log has it under this request id")
    if record.status is None:
        await answer_error(call, internal, shape)
    record.error = internal.type


def _local_path(scope: Scope) -> str:
    """The path below where the application is mounted."""
    path, root = scope["path"], scope.get("root_path", "")
    if root and path.startswith(f"{root}/"):
        return str(path[len(root) :])
    return str(path)


def _request_id(headers: Headers) -> str:
    """The caller's own id where it is a sane one, else a fresh one."""
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return str(value.decode())
    return f"req_{os.urandom(16).hex()}"
