"""The scripted provider as a transport: takes OpenAI chat bytes in, plays OpenAI chat bytes out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from providers.dialects.openai_chat import DIALECT
from providers.spec.dialect import EncodedRequest, FaceContext
from providers.spec.errors import ProviderConnectionError, RouterError
from providers.spec.events import PartDelta, StreamEvent
from providers.spec.fold import unfold
from providers.spec.request import Request
from providers.spec.values import JsonObject
from providers.upstreams.base import PreparedCall, ProviderRow, read_pieces
from providers.upstreams.outgoing import content_of
from providers.upstreams.scripted.player import Performance, PlayError, perform
from providers.upstreams.scripted.script import BUILT_IN, ScriptedError, load_script
from providers.wire.json import JsonError, dumps, loads_object


class ScriptedUpstream:
    """Answers from the row's script (the built-in one where it names none).

    Raises ScriptError where the script cannot be read. See ``docs/scripted.md`` for what a script may say.
    """

    def __init__(self, row: ProviderRow) -> None:
        self._row = row
        self._script = load_script(Path(row.script) if row.script else BUILT_IN)

    @property
    def models(self) -> tuple[str, ...]:
        """The models the script names."""
        return tuple(self._script.models)

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """The request as it would leave for a host of this dialect."""
        return PreparedCall(
            method="POST",
            url=self._row.base_url + encoded.path,
            headers={"content-type": "application/json", **encoded.headers},
            body=content_of(encoded),
            stream=stream,
        )

    async def send(self, call: PreparedCall) -> "ScriptedAnswer":
        """Play the turn this request has come to. What cannot be answered is an error answer, as a host gives it."""
        try:
            request = DIALECT.decode_request(loads_object(call.body))
            performance = perform(self._script, request)
        except PlayError as refusal:
            return _refused(refusal.error)
        except RouterError as error:
            return ScriptedAnswer(error.status, [dumps(DIALECT.encode_error(error))])
        except JsonError as error:
            return _refused(ScriptedError(status=400, message=str(error), type="invalid_request_error"))
        await asyncio.sleep(performance.turn.first_delay_ms / 1000)
        return _played(performance, request, self._row.name, stream=call.stream)

    async def aclose(self) -> None:
        """Nothing to close."""


class ScriptedAnswer:
    """An answer played from memory, in the rhythm of its turn."""

    def __init__(
        self,
        status: int,
        pieces: list[bytes],
        *,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        provider: str = "scripted",
        cut_after: int | None = None,
    ) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": "application/json", **(headers or {})}
        self._pieces = pieces
        self._delay = delay
        self._provider = provider
        self._cut_after = cut_after

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces, one by one. Raises ProviderConnectionError where the script cuts the stream."""
        for number, piece in enumerate(self._pieces):
            if number == self._cut_after:
                raise ProviderConnectionError("the connection was cut by the script", provider=self._provider)
            if number and self._delay:
                await asyncio.sleep(self._delay)
            yield piece

    async def read(self, most: int, began: Callable[[], None]) -> bytes:
        """See ``UpstreamAnswer.read``."""
        return await read_pieces(self.chunks(), most, began)

    async def aclose(self, *, is_over: bool = False) -> None:
        """Nothing to close."""


def _refused(error: ScriptedError) -> ScriptedAnswer:
    body: JsonObject = {"error": {"message": error.message, "type": error.type, "param": None, "code": None}}
    headers = {} if error.retry_after is None else {"retry-after": f"{error.retry_after:g}"}
    return ScriptedAnswer(error.status, [dumps(body)], headers=headers)


def _played(performance: Performance, request: Request, provider: str, *, stream: bool) -> ScriptedAnswer:
    context = FaceContext(
        response_id=performance.response.id,
        model=performance.response.model,
        created=0,
        stream_usage=bool(request.stream_usage),
    )
    if not stream:
        return ScriptedAnswer(200, [dumps(DIALECT.encode_response(performance.response, context))])
    turn = performance.turn
    encoder = DIALECT.stream_encoder(context)
    events = _chunked(unfold(performance.response), turn.chunk_size)
    pieces = [piece for event in events if (piece := encoder.feed(event))]
    return ScriptedAnswer(
        200,
        pieces,
        headers={"content-type": "text/event-stream"},
        delay=turn.delay_ms / 1000,
        provider=provider,
        cut_after=turn.cut_after_chunks,
    )


def _chunked(events: Iterator[StreamEvent], size: int) -> Iterator[StreamEvent]:
    """The same stream with its deltas cut to ``size`` characters."""
    for event in events:
        if isinstance(event, PartDelta):
            for start in range(0, len(event.text), size):
                yield msgspec.structs.replace(event, text=event.text[start : start + size])
        else:
            yield event
