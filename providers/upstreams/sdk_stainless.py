"""What the openai and anthropic SDKs have in common: both come from one generator, and are used in one way."""

from collections.abc import Mapping
from typing import Any, cast

import httpx2

from providers.spec.dialect import EncodedRequest
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.outgoing import Preparing, check_row
from providers.upstreams.sdk_carrier import Answered, SDKAnswer, named_only, outcome_of, timeout_of


class NamedHeaders:
    """For an SDK's client: its requests carry the headers named in the call and no others. Stands before its class."""

    def _build_request(self, options: Any, *, retries_taken: int = 0) -> httpx2.Request:
        request = super()._build_request(options, retries_taken=retries_taken)  # type: ignore[misc]  # of the SDK
        return named_only(request, options.headers if isinstance(options.headers, Mapping) else {})


class StainlessUpstream:
    """One row through such a client. Raises ValueError for a row that could not be sent."""

    def __init__(self, row: ProviderRow, credentials: Mapping[str, str], *, client: Any, sdk: Any) -> None:
        check_row(row)
        self._row = row
        self._preparing = Preparing(row, credentials)
        self._client = client
        self._sdk = sdk

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """The request as it will leave: a row without a key sends none."""
        return self._preparing.call(encoded, stream=stream)

    async def send(self, call: PreparedCall) -> SDKAnswer:
        """Send it through the SDK; the body of the answer is left unread, whatever its status.

        Raises ProviderConnectionError and ProviderTimeoutError.
        """
        # The SDKs add an `Authorization` of their own, or refuse a request without, unless it is left out on purpose.
        headers = {"authorization": self._sdk.Omit(), **call.headers}
        try:
            answer = await self._client.post(
                call.url,
                cast_to=httpx2.Response,
                content=call.body,
                stream=True,
                stream_cls=self._sdk.AsyncStream[object],
                options={"headers": headers, "timeout": timeout_of(self._row), "max_retries": 0},
            )
            # With this `cast_to` the SDK hands out the raw response, whatever the stream class.
            response = cast(httpx2.Response, answer)
        except (Answered, self._sdk.APIConnectionError) as error:
            response = outcome_of(error)
        return SDKAnswer(response, self._row)

    async def aclose(self) -> None:
        """Let the SDK's client go; the shared one stays open."""
        await self._client.close()
