"""Requests of every other dialect, as recorded, encoded for Gemini: what it takes, or an error of ours."""

from __future__ import annotations

import json

import pytest

from providers.dialects.anthropic_messages import DIALECT as MESSAGES
from providers.dialects.gemini import DIALECT
from providers.dialects.openai_chat import DIALECT as CHAT
from providers.dialects.openai_responses import DIALECT as RESPONSES
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect
from providers.spec.errors import InvalidRequestError, RouterError, UnsupportedError
from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.dialects.gemini_support import target
from tests.fakes.gemini_rules import check_generate
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

FACES: tuple[Dialect, ...] = (MESSAGES, CHAT, RESPONSES)
RECORDED = [
    pytest.param(face, exchange, id=f"{face.name}-{exchange_id(exchange)}")
    for face in FACES
    for exchange in exchanges(face.name)
    # What its own provider refused may be refused by any.
    if exchange.request_body_bytes is not None and exchange.status < 300
]


@needs_traffic
@pytest.mark.parametrize("model", ["gemini-3-pro-preview", "gemini-2.5-flash"])
@pytest.mark.parametrize(("face", "exchange"), RECORDED)
def test_a_recorded_request_is_legal_for_gemini_or_refused_by_name(
    face: Dialect, exchange: Exchange, model: str
) -> None:
    """HIST-19: the strict fake takes whatever is not refused here with a path."""
    assert exchange.request_body_bytes is not None
    request = face.decode_request(loads_object(exchange.request_body_bytes))
    refused: RouterError | None = None
    body: JsonObject = {}
    try:
        body = DIALECT.encode_request(request, target(model), Report()).body
    except (InvalidRequestError, UnsupportedError) as error:
        refused = error
    if refused is not None:
        assert refused.path
        record_count(f"{face.name} to {DIALECT.name}: refused by name")
        return
    check_generate(json.loads(dumps(body)), model)
    record_count(f"{face.name} to {DIALECT.name}: legal requests")
