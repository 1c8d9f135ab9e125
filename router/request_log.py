"""The outermost layer of every request: its id, its line in the log, its metrics, and unexpected exceptions."""

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from providers.spec.errors import InternalError
from router.errors import OPENAI_SHAPE, error_response
from router.logs import LOGGER_NAME, RequestRecord
from router.metrics import Metrics

_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_QUIET_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by whatever watches the service."""

_log = logging.getLogger(f"{LOGGER_NAME}.request")


class RequestLog:
    """ASGI middleware. Puts a RequestRecord into ``request.state.record`` and returns ``x-request-id``.

    Plain ASGI, since a wrapper that reads the response would delay streams and hide disconnects from them.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; log and count it whatever happens."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(_request_id(scope), scope["method"], scope["path"])
        scope.setdefault("state", {})["record"] = record
        started = time.perf_counter()
        streaming = False

        async def send_with_id(message: Message) -> None:
            nonlocal streaming
            if message["type"] == "http.response.start":
                record.status = message["status"]
                if record.stream and message["status"] < 400:
                    streaming = True
                    self._metrics.stream_began()
                message = {**message, "headers": [*message["headers"], (b"x-request-id", record.request_id.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  # the last place that can answer it
            await _end_unexpected(error, record, scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            if streaming:
                self._metrics.stream_ended()
            self._metrics.request_ended(record, seconds)
            _write(record, seconds)


async def _end_unexpected(error: Exception, record: RequestRecord, scope: Scope, receive: Receive, send: Send) -> None:
    """Log where it came from and answer 500. An answer that has begun is left without its end: the server cuts it."""
    _log.error("unexpected exception", exc_info=error, extra={"fields": {"request_id": record.request_id}})
    internal = InternalError("internal error; the log has it under this request id")
    record.error = internal.type
    if record.status is None:
        shape = scope["state"].get("error_shape", OPENAI_SHAPE)
        await error_response(internal, record.request_id, shape)(scope, receive, send)


def _write(record: RequestRecord, seconds: float) -> None:
    level = logging.INFO
    if record.path in _QUIET_PATHS:
        level = logging.DEBUG
    elif record.status is not None and record.status >= 500:
        level = logging.ERROR
    if _log.isEnabledFor(level):
        _log.log(level, "request", extra={"fields": {**record.fields(), "duration_ms": round(seconds * 1000, 3)}})


def _request_id(scope: Scope) -> str:
    """The caller's own id where it is a sane one, else a fresh one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return str(value.decode())
    return f"req_{secrets.token_hex(16)}"
