"""Sends one request to an OpenAI-compatible server and reads the streamed answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from loop_client.chat_stream import ChatStream, ModelAnswer, StreamEvent
from loop_client.errors import ConfigurationError, ModelConnectionError, ModelStreamError, ModelTimeoutError
from loop_client.headers import check_value, checked_headers
from loop_client.jsontext import JsonObject, dump_bytes
from loop_client.model_request import ModelRequest, checked_options
from loop_client.server_error import http_error
from loop_client.sse import EventReader
from loop_client.steps import new_id

USER_AGENT: Final = "ai-router-loop-client/0.1.0"

_LARGEST_PLAIN_ANSWER: Final = 16 * 1024 * 1024
_LARGEST_ERROR: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the server; None for no bound but the run's."""

    connect: float | None = 10.0
    """Until the connection stands."""
    first_event: float | None = 120.0
    """From the request to the first event of the answer: reasoning models think before they speak."""
    between_events: float | None = 60.0
    """From one event to the next. Heartbeat comments are not events (STREAM-20)."""


class ChatTransport:
    """One server, one model, one connection pool.

    Args:
        base_url: As the OpenAI SDK spells it, ``http://127.0.0.1:8080/v1``; ``/chat/completions`` is added.
        model: Sent as it is.
        api_key: Sent as a bearer token; None for none.
        timeouts: How long to wait.
        headers: Further headers of every request.
        options: Further members of the request body, such as ``temperature`` or ``max_tokens``. A member that is None
            is not sent: ``stream_options`` can be left out that way.
        http_client: Instead of an own pool; it is not closed here.

    Raises:
        ConfigurationError: the base URL is not one, the key or a header cannot be sent, or an option is among what the
            loop itself sets.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._url = _endpoint(base_url)
        # For messages: without a name and password that the address may hold.
        self._address = str(self._url.copy_with(username=None, password=None, query=None))
        self._model = model
        self._api_key = api_key
        self._timeouts = timeouts or Timeouts()
        self._headers = _headers(api_key, headers)
        self._options = checked_options(options or {})
        self._owns_client = http_client is None
        self._client = http_client or httpx2.AsyncClient()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owns_client:
            await self._client.aclose()

    async def call(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """Ask the model; closing the generator closes the request.

        Raises:
            ModelConnectionError: no connection, or it broke.
            ModelTimeoutError: a time-out of ``timeouts`` ran out.
            ModelHTTPError: the server refused.
            ModelStreamError: the answer is broken.
            EmptyAnswerError: the answer is whole and empty.
        """
        stream = ChatStream(request.round, _ids_in(request), lambda: new_id("call"))
        async with aclosing(self._in_time(self._events(request))) as events:
            async for data in events:
                for event in stream.feed(data):
                    yield event
                if stream.done:
                    break
        late, answer = stream.close()
        for event in late:
            yield event
        yield answer

    async def _in_time(self, events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Bound the wait for each event; the time the reader spends between two is not counted."""
        seconds, what = self._timeouts.first_event, "the answer did not begin"
        async with aclosing(events):
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        data = await anext(events, None)
                except TimeoutError:
                    raise ModelTimeoutError(f"{what} within {seconds:g} s", retryable=True) from None
                if data is None:
                    return
                yield data
                seconds, what = self._timeouts.between_events, "the answer did not go on"

    async def _events(self, request: ModelRequest) -> AsyncGenerator[str, None]:
        """The data of each event of the answer; a plain JSON answer is one event."""
        try:
            async with self._client.stream(
                "POST",
                self._url,
                content=dump_bytes(self._body(request)),
                headers=self._headers,
                timeout=httpx2.Timeout(None, connect=self._timeouts.connect),
                follow_redirects=False,  # the key is for this address only
            ) as response:
                if not response.is_success:
                    said = await _read_at_most(response, _LARGEST_ERROR)
                    raise http_error(response.status_code, response.headers, said, self._api_key)
                async with aclosing(_data_of(response)) as data:
                    async for item in data:
                        yield item
        except httpx2.ConnectTimeout:
            text = f"no connection to {self._address} within {self._timeouts.connect:g} s"
            raise ModelTimeoutError(text, retryable=True, away=True) from None
        except httpx2.ConnectError as error:
            text = f"cannot connect to {self._address}: {error}"
            raise ModelConnectionError(text, retryable=True, away=True) from None
        except httpx2.LocalProtocolError:  # its text quotes what cannot be sent: a header of the caller's own client
            raise ModelConnectionError("the request is no HTTP that can be sent, such as by a header") from None
        except httpx2.TransportError as error:
            text = f"the connection broke before the answer was whole: {str(error) or type(error).__name__}"
            raise ModelConnectionError(text, retryable=True) from None

    def _body(self, request: ModelRequest) -> JsonObject:
        body: JsonObject = {"model": request.model or self._model, "messages": request.messages}
        if request.tools:
            body["tools"] = request.tools
            if request.tool_choice is not None:
                body["tool_choice"] = request.tool_choice
        members = {"stream": True, "stream_options": {"include_usage": True}, **self._options}
        members |= checked_options(request.options)
        return body | {name: value for name, value in members.items() if value is not None}


async def _data_of(response: httpx2.Response) -> AsyncGenerator[str, None]:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield (await _read_at_most(response, _LARGEST_PLAIN_ANSWER)).decode("utf-8", errors="replace")
        yield "[DONE]"
        return
    reader = EventReader()
    try:
        async with aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                for data in reader.feed(chunk):
                    yield data
        for data in reader.close():
            yield data
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ModelStreamError(f"malformed stream: {reason}", retryable=True) from None


async def _chunks(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    chunks: AsyncIterator[bytes] = response.aiter_bytes()
    async for chunk in chunks:
        yield chunk


async def _read_at_most(response: httpx2.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body[:limit])


def _endpoint(base_url: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise ConfigurationError(f"base_url {base_url!r} is not a URL: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"base_url {base_url!r}: an address such as http://127.0.0.1:8080/v1 is expected")
    if url.path.rstrip("/").endswith("/chat/completions"):
        raise ConfigurationError("base_url: leave out /chat/completions, it is added")
    return url.copy_with(path=url.path.rstrip("/") + "/chat/completions")


def _headers(api_key: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    own = {"content-type": "application/json", "accept": "text/event-stream", "user-agent": USER_AGENT}
    if api_key:
        check_value(api_key, "api_key")
        own["authorization"] = f"Bearer {api_key}"
    return own | checked_headers(headers or {}, "headers")


def _ids_in(request: ModelRequest) -> set[str]:
    """Ids of the calls already in the history (ID-07)."""
    calls = (call for message in request.messages for call in message.get("tool_calls") or ())
    return {call["id"] for call in calls if isinstance(call, dict) and isinstance(call.get("id"), str)}
