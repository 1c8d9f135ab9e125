"""Anthropic and hosts that speak its dialect, through the anthropic SDK."""

import logging
from collections.abc import Mapping

import anthropic
import httpx2

from providers.upstreams.base import ProviderRow
from providers.upstreams.sdk_carrier import Carrier
from providers.upstreams.sdk_stainless import NamedHeaders, StainlessUpstream

_UNUSED_KEY = "unused"
"""An explicit key keeps the SDK from looking for credentials in the environment and on disk. It never leaves."""


class _Client(NamedHeaders, anthropic.AsyncAnthropic):
    """The SDK's client with our headers alone."""


class AnthropicUpstream(StainlessUpstream):
    """One row. ``base_url`` ends where ``/v1/messages`` begins. Raises ValueError for one that cannot be sent."""

    def __init__(self, row: ProviderRow, credentials: Mapping[str, str], client: httpx2.AsyncClient) -> None:
        # At DEBUG the SDK logs requests with their bodies.
        logging.getLogger("anthropic").setLevel(logging.ERROR)
        sdk_client = _Client(
            api_key=_UNUSED_KEY,
            base_url=row.base_url,
            max_retries=0,
            http_client=Carrier(client, row),
            open_telemetry=False,
        )
        super().__init__(row, credentials, client=sdk_client, sdk=anthropic)
