"""``POST /explain`` and a face's own path: what would be sent to each candidate, through the live code; nothing is."""

from typing import Final

from providers.spec.values import Json, JsonObject
from providers.wire.json import JsonError, loads
from router.pipeline import Explanation
from router.plan import Plan

_OPEN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "content-type",
        "openai-beta",
        "user-agent",
    }
)
"""Headers that hold no secret. Every other value is hidden: a row may put a key under any name."""

_HIDDEN: Final = "[redacted]"


def explained(explanations: list[Explanation]) -> JsonObject:
    """The candidates in order, each with its exact request and adjustments, or with why there is none."""
    candidates: list[Json] = [_candidate(explanation) for explanation in explanations]
    return {"candidates": candidates}


def _candidate(explanation: Explanation) -> JsonObject:
    if explanation.plan is None:
        error = explanation.error
        told: JsonObject = {"model": explanation.model}
        if error is not None:
            told["error"] = {"status": error.status, "type": error.type, "message": error.message, "path": error.path}
        return told
    plan = explanation.plan
    adjustments: list[Json] = [adjustment.as_json() for adjustment in plan.report.adjustments]
    return {
        "model": explanation.model,
        "provider": plan.target.provider,
        "wire": plan.target.dialect,
        "relayed": plan.relays_answer,
        "request": _request(plan),
        "adjustments": adjustments,
    }


def _request(plan: Plan) -> JsonObject:
    call = plan.prepared
    headers: JsonObject = {
        name: value if name in _OPEN_HEADERS else _HIDDEN for name, value in sorted(call.headers.items())
    }
    try:
        body = loads(call.body)
    except JsonError:
        body = call.body.decode("utf-8", "replace")
    return {"method": call.method, "url": call.url, "headers": headers, "body": body}
