"""Requests of every other dialect, as recorded, encoded for Anthropic: what it takes, or an error of ours."""

from __future__ import annotations

import json

import pytest

from providers.dialects.anthropic_messages import DIALECT
from providers.dialects.gemini import DIALECT as GEMINI
from providers.dialects.openai_chat import DIALECT as CHAT
from providers.dialects.openai_responses import DIALECT as RESPONSES
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.upstreams.catalog import profile
from providers.wire.json import dumps, loads_object
from tests.dialects.anthropic_messages_support import target
from tests.fakes.anthropic_rules import check_messages
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

FACES: tuple[Dialect, ...] = (CHAT, RESPONSES, GEMINI)
RECORDED = [
    pytest.param(face, exchange, id=f"{face.name}-{exchange_id(exchange)}")
    for face in FACES
    for exchange in exchanges(face.name)
    # What its own provider refused may be refused by any.
    if exchange.request_body_bytes is not None and exchange.status < 300
]


@needs_traffic
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8"])
@pytest.mark.parametrize(("face", "exchange"), RECORDED)
def test_a_recorded_request_is_legal_for_anthropic_or_refused_by_name(
    face: Dialect, exchange: Exchange, model: str
) -> None:
    """HIST-19: the strict fake takes whatever is not refused here with a path, foreign signatures included."""
    assert exchange.request_body_bytes is not None
    try:
        request = face.decode_request(loads_object(exchange.request_body_bytes))
        encoded = DIALECT.encode_request(request, target(model, profile("anthropic")), Report())
    except (InvalidRequestError, UnsupportedError) as error:
        assert error.path  # noqa: PT017 - either outcome is right, and this is what the second one owes
        record_count(f"{face.name} to {DIALECT.name}: refused by name")
        return
    check_messages(json.loads(dumps(encoded.body)))
    record_count(f"{face.name} to {DIALECT.name}: legal requests")
