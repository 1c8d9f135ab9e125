"""What the router says beside an answer: the ``router`` object, and the headers that stand in for it."""

import json
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps
from router.plan import Plan
from router.verdicts.judge import Verdict

_LONGEST_HEADER = 2048
"""Of the whole object as a header: servers and proxies refuse longer ones, then only the counts are told."""


def said_of(plan: Plan, verdicts: Sequence[Verdict]) -> JsonObject:
    """Who answered over which wire, what had to be changed, and the verdict on each call."""
    about: JsonObject = {"provider": plan.target.provider, "model": plan.target.model, "wire": plan.target.dialect}
    if plan.report.adjustments:
        about["adjustments"] = [adjustment.as_json() for adjustment in plan.report.adjustments]
    if verdicts:
        about["calls"] = [verdict.as_json() for verdict in verdicts]
    return about


def headers_of_said(said: JsonObject) -> list[tuple[bytes, bytes]]:
    """The headers of every answer, for faces and clients that have no place for the object.

    ``x-router`` holds the whole object as ASCII JSON where it is short enough.
    """
    headers = [
        (b"x-router-provider", _ascii(str(said.get("provider") or ""))),
        (b"x-router-model", _ascii(str(said.get("model") or ""))),
        (b"x-router-wire", _ascii(str(said.get("wire") or ""))),
        (b"x-router-adjustments", b"%d" % _count(said.get("adjustments"))),
    ]
    whole = _ascii_json(said)
    if len(whole) <= _LONGEST_HEADER:
        headers.append((b"x-router", whole))
    return headers


def _ascii_json(said: JsonObject) -> bytes:
    # Nearly always it is ASCII as it is; the standard encoder, which escapes what is not, takes ten times as long.
    whole = dumps(said)
    whole = whole if whole.isascii() else json.dumps(said, separators=(",", ":"), default=str).encode()
    # No header may hold it, and in JSON it stands in texts only.
    return whole.replace(b"\x7f", b"\\u007f")


def _count(value: Json) -> int:
    return len(value) if isinstance(value, list) else 0


@lru_cache(maxsize=1024)
def _ascii(value: str) -> bytes:
    return quote(value, safe="/:@!$&'()*+,;=-._~ ").encode()
