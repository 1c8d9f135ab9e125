"""Recorded provider traffic, read so that number literals and key order survive.

The recordings live outside the repository: in the folder named by ``AI_ROUTER_TRAFFIC``, else in ``../shared/traffic``
beside it. Their layout is described by the README there.

A test that needs them is written like this; without recordings it is not run, with one line for all of them in the
summary, and under ``CI=true`` the whole run fails instead (see ``tests/traffic_plugin.py``)::

    @needs_traffic
    @pytest.mark.parametrize("exchange", exchanges("openai-chat"), ids=exchange_id)
    def test_every_recorded_request_decodes(exchange: Exchange) -> None: ...
"""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
import pytest

TRAFFIC_VARIABLE = "AI_ROUTER_TRAFFIC"

ResponseKind = Literal["body", "sse", "events", "text", "ndjson", "bytes"]

needs_traffic = pytest.mark.needs_traffic
"""Marks a test that reads recorded traffic; the hooks of ``tests/traffic_plugin.py`` act on it."""


class _Source(msgspec.Struct):
    fidelity: str
    repo: str = ""
    framing: str = ""


class _Request(msgspec.Struct):
    method: str = "POST"
    host: str = ""
    path: str = ""
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Response(msgspec.Struct):
    status: int
    headers: dict[str, str] = {}
    body: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    sse: str | msgspec.UnsetType = msgspec.UNSET
    events: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    ndjson: str | msgspec.UnsetType = msgspec.UNSET
    bytes_b64: str | msgspec.UnsetType = msgspec.UNSET


class _Recording(msgspec.Struct):
    id: str
    source: _Source
    provider: str
    dialect: str
    response: _Response
    model: str | None = None
    stream: bool = False
    features: list[str] = []
    conversation: str = ""
    turn: int = 0
    request: _Request | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request with the reply it got."""

    id: str
    """Unique; also the name of the file."""
    conversation: str
    """Exchanges of one recorded conversation share it."""
    turn: int
    """Position in the conversation, from 0."""
    provider: str
    """Who served it: ``openai``, ``vertex-anthropic``, ``groq``, …"""
    dialect: str
    """Wire format: ``openai-chat``, ``anthropic-messages``, ``google-generate-content``, …"""
    model: str
    """Empty where neither request nor response named one."""
    stream: bool
    """Whether a streamed reply was asked for; an error reply may be plain all the same."""
    features: frozenset[str]
    """Tags derived mechanically from the bodies."""
    fidelity: str
    """``verbatim``, ``reparsed``, ``scrubbed`` or ``chunks``: how close the recording is to the wire."""
    request_method: str
    request_host: str
    request_path: str
    """With the query string."""
    request_headers: dict[str, str]
    """A few only; names in lower case; never a key."""
    request_body_bytes: bytes | None
    """JSON with the literals and key order of the recording (spacing is the file's); None where not published."""
    status: int
    response_headers: dict[str, str]
    """A few only; names in lower case."""
    kind: ResponseKind
    """Which of the fields below holds the reply."""
    response_body: bytes
    """``body``: JSON with the literals of the recording; ``text``: the text; ``bytes``: the binary event stream; else
    the stream's text as bytes; for ``events`` empty."""
    sse: str
    """The event stream exactly as recorded; empty unless the kind is ``sse``."""
    events: tuple[bytes, ...]
    """JSON of each event, where the source kept no framing; empty unless the kind is ``events``."""

    @property
    def request_body_text(self) -> str | None:
        """The request body as text, or None where it was not published."""
        return None if self.request_body_bytes is None else self.request_body_bytes.decode()


def exchange_id(exchange: Exchange) -> str:
    """Name of an exchange for ``pytest.mark.parametrize(ids=…)``."""
    return exchange.id


def traffic_root() -> Path | None:
    """Folder of the recordings, or None where this machine has none."""
    named = os.environ.get(TRAFFIC_VARIABLE)
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "traffic"
    return root if root.is_dir() else None


def exchanges(dialect: str) -> list[Exchange]:
    """Every recorded exchange of a dialect in order of id; empty where there are no recordings.

    Raises:
        ValueError: there are recordings, but none of this dialect (a misspelt name must not pass as an empty test).
    """
    root = traffic_root()
    if root is None:
        return []
    found = list(_read_all(root / dialect))
    if not found:
        raise ValueError(f"no recorded exchange of dialect {dialect!r}")
    return found


def missing_traffic_notice(tests_not_run: int) -> str:
    """The one line shown where recordings are absent."""
    return f"recorded traffic not found: {tests_not_run} tests not run; set {TRAFFIC_VARIABLE}"


def absence_is_failure() -> bool:
    """Whether missing recordings fail the run: on a build machine (``CI=true``) nothing may be left out."""
    return os.environ.get("CI", "").lower() == "true"


@functools.cache
def _read_all(folder: Path) -> tuple[Exchange, ...]:
    return tuple(exchange for path in sorted(folder.glob("*.json")) for exchange in _apart(_read(path)))


def _apart(exchange: Exchange) -> Iterator[Exchange]:
    """The answers of a recording one by one: a few hold the streams of several, to requests that were not published."""
    answers = re.split(r"(?m)^(?=event: message_start$)", exchange.sse)
    answers = [*answers[1:]] if len(answers) > 2 and not answers[0].strip() else [exchange.sse]
    for number, sse in enumerate(answers):
        if number == 0:
            yield replace(exchange, sse=sse, response_body=sse.encode()) if len(answers) > 1 else exchange
        else:
            yield replace(
                exchange,
                id=f"{exchange.id}-answer-{number + 1}",
                sse=sse,
                response_body=sse.encode(),
                request_body_bytes=None,
            )


def _read(path: Path) -> Exchange:
    recording = msgspec.json.decode(path.read_bytes(), type=_Recording)
    request = recording.request or _Request()
    body = bytes(request.body)
    kind, content, events = _reply(recording.response)
    return Exchange(
        id=recording.id,
        conversation=recording.conversation,
        turn=recording.turn,
        provider=recording.provider,
        dialect=recording.dialect,
        model=recording.model or "",
        stream=recording.stream,
        features=frozenset(recording.features),
        fidelity=recording.source.fidelity,
        request_method=request.method,
        request_host=request.host,
        request_path=request.path,
        request_headers={name.lower(): value for name, value in request.headers.items()},
        request_body_bytes=None if body == b"null" else body,
        status=recording.response.status,
        response_headers={name.lower(): value for name, value in recording.response.headers.items()},
        kind=kind,
        response_body=content,
        sse=content.decode() if kind == "sse" else "",
        events=events,
    )


def _reply(response: _Response) -> tuple[ResponseKind, bytes, tuple[bytes, ...]]:
    if isinstance(response.body, msgspec.Raw):
        return "body", bytes(response.body), ()
    if isinstance(response.sse, str):
        return "sse", response.sse.encode(), ()
    if isinstance(response.events, list):
        return "events", b"", tuple(bytes(event) for event in response.events)
    if isinstance(response.text, str):
        return "text", response.text.encode(), ()
    if isinstance(response.ndjson, str):
        return "ndjson", response.ndjson.encode(), ()
    if isinstance(response.bytes_b64, str):
        return "bytes", base64.b64decode(response.bytes_b64), ()
    raise ValueError("a recording without a reply")
