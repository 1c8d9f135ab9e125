"""What the router says beside an answer: the ``router`` object, and the headers that stand in for it."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from providers.spec.values import Json, JsonObject
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


def headers_of_said(said: JsonObject) -> dict[str, str]:
    """The headers of every answer, for faces and clients that have no place for the object.

    ``x-router`` holds the whole object as ASCII JSON where it is short enough.
    """
    headers = {
        "x-router-provider": _ascii(said.get("provider")),
        "x-router-model": _ascii(said.get("model")),
        "x-router-wire": _ascii(said.get("wire")),
        "x-router-adjustments": str(_count(said.get("adjustments"))),
    }
    whole = json.dumps(said, separators=(",", ":"), default=str)
    if len(whole) <= _LONGEST_HEADER:
        headers["x-router"] = whole
    return headers


def _count(value: Json) -> int:
    return len(value) if isinstance(value, list) else 0


def _ascii(value: Json) -> str:
    return quote(str(value or ""), safe="/:@!$&'()*+,;=-._~ ")
