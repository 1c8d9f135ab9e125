"""Logs as JSON, one object per line on stderr, and what each of them may hold.

No request header, no body and no query is ever logged, and of an exception only its type and where it was raised:
its text may quote a prompt.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from providers.spec.response import Usage
from providers.spec.values import Json, JsonObject

LOGGER_NAME = "router"
_MOST_CHARACTERS = 200
"""Of what callers may choose freely: path and model."""

_encode = msgspec.json.Encoder().encode


class RequestRecord:
    """What is logged of one request. The middleware makes it, faces fill it in (``request.state.record``)."""

    __slots__ = (
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

    @property
    def adjustments(self) -> dict[str, int]:
        """How many adjustments there were of each action."""
        return _tally(self.said.get("adjustments"), "action")

    @property
    def calls(self) -> dict[str, int]:
        """How many tool calls the answer had with each verdict."""
        return _tally(self.said.get("calls"), "status")

    def fields(self) -> dict[str, object]:
        """What is known, ready to be logged."""
        known: dict[str, object] = {
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path[:_MOST_CHARACTERS],
            "status": self.status,
            "key": self.key,
            "provider": self.provider,
            "model": self.model and self.model[:_MOST_CHARACTERS],
            "stream": self.stream,
            "error": self.error,
            "adjustments": self.adjustments or None,
            "calls": self.calls or None,
        }
        if self.usage is not None:
            known |= {
                "input_tokens": self.usage.input_tokens,
                "output_tokens": self.usage.output_tokens,
                "cached_tokens": self.usage.cached_tokens,
                "reasoning_tokens": self.usage.reasoning_tokens,
            }
        return {name: value for name, value in known.items() if value is not None}


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
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line.update(fields)
        if record.exc_info and record.exc_info[1] is not None:
            line.update(described(record.exc_info[1]))
        return _encoded(line)


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


def configure_logging(level: str, *, whole_process: bool = False, stream: TextIO | None = None) -> None:
    """Send our logs to stderr as JSON; with ``whole_process`` everybody else's too, from warnings up.

    Calling it again replaces what it did before. Where another server runs the application, its own logs are its own.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    ours = logging.getLogger(LOGGER_NAME)
    ours.handlers[:] = [handler]
    ours.setLevel(level.upper())
    ours.propagate = False
    if whole_process:
        root = logging.getLogger()
        root.handlers[:] = [handler]
        # Libraries below this level describe each request they send; theirs is not ours to vouch for.
        root.setLevel(logging.WARNING)


def _message(record: logging.LogRecord) -> str:
    """Our own messages whole; of others' the first line without its values, since nobody knows what is in them."""
    if record.name == LOGGER_NAME or record.name.startswith(f"{LOGGER_NAME}."):
        return record.getMessage()
    return str(record.msg).partition("\n")[0][:_MOST_CHARACTERS]


def _encoded(line: dict[str, object]) -> str:
    try:
        return _encode(line).decode()
    except (TypeError, UnicodeEncodeError):
        # A lone surrogate in a path or model name.
        return _encode({key: str(value).encode("utf-8", "replace").decode() for key, value in line.items()}).decode()
