"""Recorded requests of the other dialects, written for OpenAI and put before its strict fake."""

from __future__ import annotations

import pytest

from providers.dialects import DIALECTS
from providers.dialects.openai_responses import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, RouterError, UnsupportedError
from providers.spec.request import Request
from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.dialects.openai_responses_support import NAME, target
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.refusal import Refusal
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

OTHERS = [
    exchange
    for name in DIALECTS
    if name != NAME
    for exchange in exchanges(name)
    if exchange.request_body_bytes is not None
]


def written(request: Request, model: str) -> tuple[JsonObject, RouterError | None]:
    """The body for OpenAI, or why there is none."""
    try:
        return DIALECT.encode_request(request, target(model), Report()).body, None
    except (UnsupportedError, InvalidRequestError) as error:
        return {}, error


@needs_traffic
@pytest.mark.parametrize("exchange", OTHERS, ids=exchange_id)
def test_a_request_of_another_dialect_is_one_openai_takes_or_is_refused_by_us(exchange: Exchange) -> None:
    """Nothing we write breaks the provider's rules; what cannot be said is refused before, with its path."""
    try:
        request = DIALECTS[exchange.dialect].decode_request(loads_object(exchange.request_body_bytes or b""))
    except RouterError:
        assert exchange.status >= 400, "the provider took what we cannot read"
        return
    model = "gpt-5.4" if request.reasoning else "gpt-4.1"
    body, refused = written(request, model)
    if refused is not None:
        assert refused.path is not None
        record_count(f"{NAME}: requests of {exchange.dialect} refused with their path")
        return
    try:
        check_responses(loads_object(dumps(body)))
    except Refusal:
        # What its own provider refused (a temperature of 99) may be refused by another.
        if exchange.status < 300:
            raise
    record_count(f"{NAME}: requests of {exchange.dialect} taken by the fake")
