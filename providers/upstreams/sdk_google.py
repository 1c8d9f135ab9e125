"""The Gemini API and hosts that speak its dialect, through the google-genai SDK."""

import logging
from collections.abc import Mapping
from typing import cast

import httpx2
from google import genai
from google.genai._api_client import HttpRequest
from google.genai.client import DebugConfig
from google.genai.types import HttpOptions

from providers.spec.dialect import EncodedRequest
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.outgoing import Preparing, check_row
from providers.upstreams.sdk_carrier import Answered, Carrier, SDKAnswer, timeout_of

_UNUSED_KEY = "unused"
"""An explicit key keeps the SDK from looking for one in the environment. It never leaves."""


class GoogleUpstream:
    """One row of dialect ``google-generate-content``. ``base_url`` ends where ``/v1beta/models/…`` begins.

    Raises ValueError for a row that could not be sent.
    """

    def __init__(self, row: ProviderRow, credentials: Mapping[str, str], client: httpx2.AsyncClient) -> None:
        check_row(row)
        # The SDK warns about keys in the environment that are not used here.
        logging.getLogger("google_genai").setLevel(logging.ERROR)
        self._row = row
        self._preparing = Preparing(row, credentials)
        self._carrier = Carrier(client, row)
        self._client = genai.Client(
            vertexai=False,
            api_key=_UNUSED_KEY,
            # With a client of httpx2 given, the SDK leaves aiohttp alone, which it prefers wherever it is installed.
            http_options=HttpOptions(base_url=row.base_url, httpx_async_client=self._carrier),
            # Without these the environment can make the SDK record or replay.
            debug_config=DebugConfig(client_mode=None, replays_directory=None, replay_id=None),
        )

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """The request as it will leave: a row without a key sends none."""
        return self._preparing.call(encoded, stream=stream)

    async def send(self, call: PreparedCall) -> SDKAnswer:
        """Send it through the SDK; the body of the answer is left unread, whatever its status.

        Raises ProviderConnectionError and ProviderTimeoutError.
        """
        try:
            response = await _post(self._client, call, timeout_of(self._row))
        except Answered as answered:
            response = answered.response
        return SDKAnswer(response, self._row)

    async def aclose(self) -> None:
        """Let the SDK's clients go; the shared one stays open."""
        self._client.close()
        await self._client.aio.aclose()
        await self._carrier.aclose()


async def _post(client: genai.Client, call: PreparedCall, limits: httpx2.Timeout) -> httpx2.Response:
    """Bytes in, unread response out: the one use of what google-genai keeps private.

    Its public calls rebuild the body through models that drop what they do not know. The contract tests of this
    folder hold what is used here.
    """
    request = HttpRequest(
        method=call.method,
        url=call.url,
        headers=dict(call.headers),
        data=call.body,
        timeout=cast(float, limits),  # handed to httpx2 as it is
    )
    answer = await client._api_client._async_request(request, None, stream=True)
    return cast(httpx2.Response, answer.response_stream)
