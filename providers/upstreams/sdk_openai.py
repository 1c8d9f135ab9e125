"""OpenAI and every host that speaks its dialect, through the openai SDK."""

import logging
from typing import cast

import httpx2
import openai
from openai import NotGiven
from openai._models import FinalRequestOptions

from providers.spec.dialect import EncodedRequest
from providers.upstreams.answer import HttpAnswer
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.failures import timeout_of
from providers.upstreams.outgoing import check_row, content_of, headers_of, named_only, prepared
from providers.upstreams.pool import Answered, Carrier, outcome_of


class _Client(openai.AsyncOpenAI):
    """The SDK's client, whose requests carry the headers named in the call and no others."""

    def _build_request(self, options: FinalRequestOptions, *, retries_taken: int = 0) -> httpx2.Request:
        request = super()._build_request(options, retries_taken=retries_taken)
        named = {} if isinstance(options.headers, NotGiven) else options.headers
        return named_only(request, {name for name, value in named.items() if isinstance(value, str)})


class OpenAIUpstream:
    """One row of dialect ``openai-chat``. ``base_url`` ends where ``/chat/completions`` begins.

    Raises ValueError for a row that could not be sent.
    """

    def __init__(self, row: ProviderRow, pool: httpx2.AsyncClient) -> None:
        check_row(row)
        # At DEBUG the SDK logs requests.
        logging.getLogger("openai").setLevel(logging.ERROR)
        self._row = row
        # An empty key keeps the SDK from looking for one in the environment.
        self._client = _Client(
            api_key=row.api_key or "",
            base_url=row.base_url,
            max_retries=0,
            http_client=Carrier(pool, row),
            _enforce_credentials=False,
        )

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """The request as the SDK builds it: a row without a key sends no ``authorization``."""
        key = self._row.api_key
        headers = headers_of(self._row, encoded, {"authorization": f"Bearer {key}"} if key else {})
        options = FinalRequestOptions.construct(
            method="post", url=encoded.path, headers=self._for_sdk(headers), content=content_of(encoded)
        )
        return prepared(self._client._build_request(options), stream=stream)

    async def send(self, call: PreparedCall) -> HttpAnswer:
        """Send it through the SDK; the body of the answer is left unread, whatever its status.

        Raises ProviderConnectionError and ProviderTimeoutError.
        """
        try:
            answer = await self._client.post(
                call.url,
                cast_to=httpx2.Response,
                content=call.body,
                stream=True,
                stream_cls=openai.AsyncStream[object],
                options={"headers": self._for_sdk(call.headers), "timeout": timeout_of(self._row), "max_retries": 0},
            )
            # With this `cast_to` the SDK hands out the raw response, whatever the stream class.
            response = cast(httpx2.Response, answer)
        except (Answered, openai.APIConnectionError) as error:
            response = outcome_of(error)
        return HttpAnswer(response, self._row)

    async def aclose(self) -> None:
        """Let the SDK's client go; the shared pool stays open."""
        await self._client.close()

    @staticmethod
    def _for_sdk(headers: dict[str, str]) -> dict[str, str | openai.Omit]:
        """The SDK refuses a request without ``Authorization`` unless it is left out on purpose."""
        return {**headers} if "authorization" in headers else {**headers, "authorization": openai.Omit()}
