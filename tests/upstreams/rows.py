"""One row and one request for each dialect, over the pool and through its SDK."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import pytest

from providers.spec.dialect import EncodedRequest
from providers.spec.values import Json
from providers.upstreams.base import ProviderRow, Timeouts
from providers.wire.json import FloatLiteral

KEY = "canary-key-0123456789abcdef"
"""The row's own key: goes into one header and nowhere else."""

BODY: dict[str, Json] = {
    "z": FloatLiteral("1.0"),
    "model": "m/1",
    "big": 12345678901234567890123,
    "text": "ünï 🙂 </script>",
    "nothing": None,
    "exponent": FloatLiteral("1e-7"),
}
WRITTEN = (
    '{"z":1.0,"model":"m/1","big":12345678901234567890123,"text":"ünï 🙂 </script>","nothing":null,"exponent":1e-7}'
).encode()


@dataclass(frozen=True, slots=True)
class Wire:
    """What is particular to one dialect on the wire."""

    dialect: str
    base_path: str
    path: str
    key_header: str
    key_value: str
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the dialect itself."""
    transport: Literal["pool", "sdk"] = "pool"

    def row(self, url: str, *, key: str | None = KEY, timeouts: Timeouts | None = None, **headers: str) -> ProviderRow:
        """A row that points at ``url``; a header's name has underscores for dashes."""
        return ProviderRow(
            name="canary",
            dialect=self.dialect,
            base_url=url + self.base_path,
            api_key=key,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            timeouts=timeouts or Timeouts(),
            transport=self.transport,
        )

    @property
    def request(self) -> EncodedRequest:
        """A request as a codec hands it over."""
        return EncodedRequest(path=self.path, body=BODY, headers=self.headers)

    @property
    def sent_headers(self) -> dict[str, str]:
        """All that leaves beside ``host`` and ``content-length``."""
        return {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": "ai-router",
            self.key_header: self.key_value,
            **self.headers,
        }


WIRES = (
    Wire("openai-chat", "/v1", "/chat/completions", "authorization", f"Bearer {KEY}"),
    Wire("anthropic-messages", "", "/v1/messages", "x-api-key", KEY, {"anthropic-version": "2023-06-01"}),
    Wire(
        "google-generate-content",
        "",
        "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        "x-goog-api-key",
        KEY,
    ),
)

SDK_WIRES = tuple(replace(wire, transport="sdk") for wire in WIRES)
"""The same through the vendors' SDKs."""

EACH = (*WIRES, *SDK_WIRES)

each_wire = pytest.mark.parametrize("wire", EACH, ids=[f"{wire.dialect}-{wire.transport}" for wire in EACH])
