"""Every recorded request, sent to a host of its own dialect, leaves as the bytes that came, the model spliced."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.faces.answers import OWN
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.stage import DIALECTS, provider_row
from tests.e2e.faces.test_relay import Relayed
from tests.e2e.service import client, router_service
from tests.fakes.server import running
from tests.traffic import Exchange, exchanges, needs_traffic
from tests.traffic_plugin import record_count

CASES = [
    (face, each)
    for face, own in OWN.items()
    for each in exchanges(DIALECTS[own.wire])
    if each.request_body_bytes is not None and each.status < 400
]
_STORED = {"previous_response_id", "conversation", "background", "prompt"}


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relayed]:
    provider = CannedProvider()
    with running(provider.app) as upstream:
        rows = "\n".join(
            provider_row(own.wire, upstream).split("profile = ")[0] + "profile = { clean = true }\n"
            for own in OWN.values()
        )
        with router_service(tmp_path_factory.mktemp("router"), rows) as url, client(url) as http:
            yield Relayed(http, provider)


def refers_to_stored(body: dict[str, Any]) -> bool:
    """Whether a Responses request asks for what a stateless router has not."""
    items = body.get("input")
    referring = any(isinstance(item, dict) and item.get("type") == "item_reference" for item in items or [])
    return referring or any(body.get(name) for name in _STORED)


@needs_traffic
@pytest.mark.parametrize(("face", "exchange"), CASES, ids=lambda value: value if isinstance(value, str) else value.id)
def test_the_recorded_bytes_leave(router: Relayed, face: str, exchange: Exchange) -> None:
    """ARGS-10: no key moved, no literal rewritten, whatever the body holds."""
    own = OWN[face]
    recorded = exchange.request_body_bytes or b""
    body = json.loads(recorded)
    if face == "responses" and refers_to_stored(body):
        refused = router.post(own.path, recorded)
        assert refused.status_code == 400
        assert "not supported" in refused.json()["error"]["message"]
        record_count(f"{face}: recorded requests refused, as they refer to what is stored")
        return
    path = own.stream_path if exchange.stream else own.path
    if "model" not in body and face != "gemini":
        # Recorded at an address that names it (Azure, Vertex).
        body["model"] = "a-model"
        recorded = b'{"model": "a-model", ' + recorded.lstrip()[1:]
    if "model" in body:
        name = json.dumps(body["model"]).encode()
        asked = recorded.replace(name, json.dumps(f"{own.wire}/{body['model']}").encode(), 1)
    else:
        asked = recorded
    router.provider.bodies.clear()
    router.provider.whole(own.plain)
    answer = router.post(path, asked)
    assert router.provider.bodies, answer.text
    (sent,) = router.provider.bodies
    assert sent == recorded
    record_count(f"{face}: recorded requests relayed to the byte")
