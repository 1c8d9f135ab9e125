"""Logs as JSON, one object per line on stderr, and what each of them may hold.

No request header, no body and no query is ever logged, and of an exception only its type and where it was raised:
its text may quote a prompt.
"""

import asyncio
import contextlib
import logging
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

import msgspec

from providers.spec.response import Usage
from providers.spec.values import Json, JsonObject

LOGGER_NAME = "router"
_MOST_CHARACTERS = 200
"""Of what callers may choose freely: path and model."""

_QUIET_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by whatever watches the service."""
_OF_EVERY_LINE = frozenset({"time", "level", "logger", "message"})
_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.ERROR: "error"}

_ours = logging.getLogger(LOGGER_NAME)
_requests = logging.getLogger(f"{LOGGER_NAME}.request")
_encode = msgspec.json.Encoder().encode


class RequestLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The line of one finished request, in the order it is written; what is not known is left out."""

    time: str
    level: str
    logger: str
    message: str
    request_id: str
    method: str
    path: str
    status: int | None = None
    key: str | None = None
    provider: str | None = None
    model: str | None = None
    stream: bool | None = None
    error: str | None = None
    adjustments: dict[str, int] | None = None
    calls: dict[str, int] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    duration_ms: float | None = None

    def fields(self) -> dict[str, object]:
        """What is known of the request itself."""
        known = {name: getattr(self, name) for name in self.__struct_fields__ if name not in _OF_EVERY_LINE}
        return {name: value for name, value in known.items() if value is not None}


class RequestRecord:
    """What is logged of one request. The service makes it, faces fill it in."""

    __slots__ = (
        "_adjustments",
        "_calls",
        "error",
        "key",
        "method",
        "model",
        "path",
        "provider",
        "request_id",
        "said",
        "status",
        "stream",
        "usage",
    )

    def __init__(self, request_id: str, method: str, path: str) -> None:
        self.request_id = request_id
        self.method = method
        self.path = path
        self.status: int | None = None
        """``None``: the caller went away before there was one."""
        self.key: str | None = None
        """Name of the router key that was presented."""
        self.provider: str | None = None
        self.model: str | None = None
        """As the caller asked for it."""
        self.stream: bool | None = None
        self.usage: Usage | None = None
        self.error: str | None = None
        """The type of the error that the request ended with, never its message."""
        self.said: JsonObject = {}
        """The answer's ``router`` object, which of a stream is complete at its end."""

        self._adjustments: dict[str, int] | None = None
        self._calls: dict[str, int] | None = None

    @property
    def adjustments(self) -> dict[str, int]:
        """How many adjustments there were of each action; of a request that is over."""
        if self._adjustments is None:
            self._adjustments = _tally(self.said.get("adjustments"), "action")
        return self._adjustments

    @property
    def calls(self) -> dict[str, int]:
        """How many tool calls the answer had with each verdict; of a request that is over."""
        if self._calls is None:
            self._calls = _tally(self.said.get("calls"), "status")
        return self._calls

    def line(self, level: str, seconds: float) -> RequestLine:
        """What is known once it is over, after so many seconds."""
        usage = self.usage or _NO_USAGE
        return RequestLine(
            time=stamp(time.time()),
            level=level,
            logger=_requests.name,
            message="request",
            request_id=self.request_id,
            method=self.method,
            path=self.path[:_MOST_CHARACTERS],
            status=self.status,
            key=self.key,
            provider=self.provider,
            model=self.model and self.model[:_MOST_CHARACTERS],
            stream=self.stream,
            error=self.error,
            adjustments=self.adjustments or None,
            calls=self.calls or None,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            duration_ms=round(seconds * 1000, 3),
        )


_NO_USAGE = Usage()


def _tally(entries: Json, key: str) -> dict[str, int]:
    """How many of the router's own entries have which of its words under ``key``."""
    numbers: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            word = str(entry[key])
            numbers[word] = numbers.get(word, 0) + 1
    return numbers


class JsonFormatter(logging.Formatter):
    """One log record as one line of JSON: time, level, logger, message, and the record's ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line.update(fields)
        if record.exc_info and record.exc_info[1] is not None:
            line.update(described(record.exc_info[1]))
        return _encoded(line).decode()


def described(error: BaseException) -> dict[str, object]:
    """The type of an exception, of what caused it, and the places both were raised at: nothing that was in a value."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return {
        "exception": " from ".join(type(link).__name__ for link in chain),
        "traceback": [
            f"{frame.filename}:{frame.lineno} in {frame.name}"
            for link in reversed(chain)
            for frame in traceback.extract_tb(link.__traceback__)
        ],
    }


class JsonHandler(logging.StreamHandler[TextIO]):
    """Writes each record as it comes, and the lines of requests a turn of the event loop at a time.

    A request's line is the only one on the path of every request: it is written without the machinery of ``logging``,
    and all that came in one turn with one call to the system. Lines keep their order.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter())
        self._waiting: list[bytes] = []
        self._together = threading.RLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, behind what waits."""
        self.flush_waiting()
        super().emit(record)

    def add(self, line: RequestLine) -> None:
        """Write the line at the end of this turn of the event loop; at once where none runs."""
        with self._together:
            self._waiting.append(_encoded(line))
            first = len(self._waiting) == 1
        if first:
            try:
                asyncio.get_running_loop().call_soon(self.flush_waiting)
            except RuntimeError:
                self.flush_waiting()

    def flush_waiting(self) -> None:
        """Write what waits. As with every handler, a stream that cannot be written to fails nobody's request."""
        if not self._waiting:
            return
        with self._together, contextlib.suppress(OSError, ValueError):
            lines, self._waiting = self._waiting, []
            self.stream.write(b"\n".join((*lines, b"")).decode())
            self.stream.flush()


def configure_logging(level: str, *, whole_process: bool = False, stream: TextIO | None = None) -> None:
    """Send our logs to stderr as JSON; with ``whole_process`` everybody else's too, from warnings up.

    Calling it again replaces what it did before. Where another server runs the application, its own logs are its own.
    """
    handler = JsonHandler(stream or sys.stderr)
    _ours.handlers[:] = [handler]
    _ours.setLevel(level.upper())
    _ours.propagate = False
    if whole_process:
        root = logging.getLogger()
        root.handlers[:] = [handler]
        # Libraries below this level describe each request they send; theirs is not ours to vouch for.
        root.setLevel(logging.WARNING)


def write_request(record: RequestRecord, seconds: float) -> None:
    """Log one finished request."""
    level = logging.INFO
    if record.path in _QUIET_PATHS:
        level = logging.DEBUG
    elif record.status is not None and record.status >= 500:
        level = logging.ERROR
    if not _requests.isEnabledFor(level):
        return
    line = record.line(_LEVELS[level], seconds)
    handler = _only_handler()
    if handler is None:
        _requests.log(level, "request", extra={"fields": line.fields()})
    else:
        handler.add(line)


def flush_requests() -> None:
    """Write the lines that wait; for the end of the process, when no event loop runs any more."""
    handler = _only_handler()
    if handler is not None:
        handler.flush_waiting()


def _only_handler() -> JsonHandler | None:
    """Our handler, where nobody else has put one or a filter in the way of a request's line."""
    handlers = _ours.handlers
    alone = len(handlers) == 1 and not _requests.handlers and not _requests.filters and not _ours.propagate
    handler = handlers[0] if alone and _requests.propagate else None
    return handler if isinstance(handler, JsonHandler) and not handler.filters else None


def stamp(created: float) -> str:
    """A time since the epoch as ``2026-11-25T04:34:42.123+00:00``."""
    second = int(created)
    millisecond = round((created - second) * 1_000_000) // 1000
    if millisecond == 1000:
        second, millisecond = second + 1, 0
    return f"{_second(second)}.{millisecond:03d}+00:00"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def _message(record: logging.LogRecord) -> str:
    """Our own messages whole; of others' the first line without its values, since nobody knows what is in them."""
    if record.name == LOGGER_NAME or record.name.startswith(f"{LOGGER_NAME}."):
        return record.getMessage()
    return str(record.msg).partition("\n")[0][:_MOST_CHARACTERS]


def _encoded(line: dict[str, object] | RequestLine) -> bytes:
    try:
        return _encode(line)
    except (TypeError, UnicodeEncodeError):
        # A lone surrogate in a path or model name.
        items = line.items() if isinstance(line, dict) else msgspec.structs.asdict(line).items()
        known = {key: str(value) for key, value in items if value is not None}
        return _encode({key: value.encode("utf-8", "replace").decode() for key, value in known.items()})
