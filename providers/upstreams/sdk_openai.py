"""OpenAI and every host that speaks its dialects, through the openai SDK."""

import logging
from collections.abc import Mapping

import httpx2
import openai

from providers.upstreams.base import ProviderRow
from providers.upstreams.sdk_carrier import Carrier
from providers.upstreams.sdk_stainless import NamedHeaders, StainlessUpstream


class _Client(NamedHeaders, openai.AsyncOpenAI):
    """The SDK's client with our headers alone."""


class OpenAIUpstream(StainlessUpstream):
    """One row. ``base_url`` ends where ``/chat/completions`` begins. Raises ValueError for one that cannot be sent."""

    def __init__(self, row: ProviderRow, credentials: Mapping[str, str], client: httpx2.AsyncClient) -> None:
        # At DEBUG the SDK logs requests.
        logging.getLogger("openai").setLevel(logging.ERROR)
        sdk_client = _Client(
            # An empty key keeps the SDK from looking for one in the environment.
            api_key="",
            base_url=row.base_url,
            max_retries=0,
            http_client=Carrier(client, row),
            _enforce_credentials=False,
        )
        super().__init__(row, credentials, client=sdk_client, sdk=openai)
