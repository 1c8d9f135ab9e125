"""State and answers of other providers through a client that speaks Anthropic Messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from providers.dialects.anthropic_messages import DIALECT
from providers.dialects.gemini import DIALECT as GEMINI_DIALECT
from providers.dialects.openai_chat import DIALECT as CHAT
from providers.dialects.openai_responses import DIALECT as RESPONSES
from providers.spec.dialect import Dialect
from providers.spec.errors import RouterError
from providers.spec.events import PartEnd, PartStart, PartUpdate, StreamEnd, StreamError
from providers.spec.fold import fold, unfold
from providers.spec.parts import Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.profile import Target
from providers.spec.response import Response
from providers.spec.values import JsonObject
from providers.wire.json import loads_object
from tests.dialects.anthropic_messages_building import GEMINI, call
from tests.dialects.anthropic_messages_reading import answer, blocks_are_whole, body_of, content_of, streamed
from tests.dialects.anthropic_messages_support import NAME, decoded, encoded
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

SIGNED = State(kind="thought_signature", value="canary+/=", origin=GEMINI)

# ---- foreign state


FOREIGN: tuple[Part, ...] = (
    ReasoningPart(text="Hm.", state=SIGNED),
    ReasoningPart(redacted=True, state=msgspec.structs.replace(SIGNED, kind="encrypted")),
    TextPart(text="Yes.", state=SIGNED),
    call("a", '{"x":1}', state=SIGNED),
    call("b", "{}"),
)


def replayed(content: Any) -> tuple[Part, ...]:
    """What a stock client's echo of this content is read as."""
    messages: Any = [{"role": "user", "content": "x"}, {"role": "assistant", "content": content}]
    return DIALECT.decode_request({"model": "m", "max_tokens": 1, "messages": messages}).messages[1].parts


def bare(parts: Sequence[Part]) -> list[Part]:
    """Parts without the way they were spelled."""
    return [msgspec.structs.replace(part, form=None, ext={}) for part in parts]


def test_foreign_state_comes_back_byte_for_byte_through_a_stock_client() -> None:
    """REASON-01, REASON-04, REASON-11: plain and streamed."""
    response = answer(*FOREIGN, reason="tool_calls")
    assert bare(replayed(body_of(response)["content"])) == list(FOREIGN)
    assert bare(replayed(content_of(unfold(response)))) == list(FOREIGN)
    blocks_are_whole(encoded(unfold(response)))


def test_state_that_comes_after_its_part_comes_back_on_it() -> None:
    """REASON-07, STREAM-24: signatures of the last part, of one that is closed, of thinking."""
    late = [PartUpdate(index=index, state=SIGNED) for index in range(3)]
    events = streamed(
        PartStart(index=0, part=ReasoningPart(text="Hm.")),
        *(PartEnd(index=0), late[0]),
        PartStart(index=1, part=TextPart(text="Yes.")),
        *(late[1], PartEnd(index=1)),
        PartStart(index=2, part=call("a", "{}")),
        *(PartEnd(index=2), late[2]),
    )
    blocks_are_whole(encoded(events))
    assert [part.state for part in replayed(content_of(events))] == [SIGNED, SIGNED, SIGNED]


def test_foreign_state_is_sealed_and_no_signature_of_anthropics() -> None:
    """REASON-05: sent to Anthropic by mistake it could not pass for one."""
    blocks = body_of(answer(*FOREIGN))["content"]
    opaque = [block.get("signature") or block.get("data") for block in blocks if "thinking" in block["type"]]
    assert len(opaque) == 4
    assert all(each.startswith("router.") and "canary" not in each for each in opaque)


def test_a_damaged_envelope_is_no_state_of_anybodys() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "router.v1.%%%"}
    (part,) = replayed([thinking])
    assert part.state is not None
    for dialect in (NAME, "openai-chat", "google-generate-content"):
        assert not Target(provider="p", model="m", dialect=dialect).accepts(part.state)


def test_an_envelope_is_not_opened_where_a_provider_sent_it() -> None:
    """A provider that knows our prefix must not be able to forge another's state."""
    (block, *_) = body_of(answer(*FOREIGN))["content"]
    body: JsonObject = {"content": [block], "stop_reason": "end_turn"}
    origin = Origin(dialect=NAME, provider="evil", model="m")
    (part,) = DIALECT.decode_response(body, origin).candidates[0].parts
    assert part.state is not None
    assert (part.state.origin, part.state.value) == (origin, block["signature"])


# ---- recorded answers of every other dialect


OTHERS: tuple[Dialect, ...] = (CHAT, RESPONSES, GEMINI_DIALECT)
RECORDED = [
    pytest.param(dialect, exchange, id=f"{dialect.name}-{exchange_id(exchange)}")
    for dialect in OTHERS
    for exchange in exchanges(dialect.name)
    # A stream may also have been asked for as one JSON array, which no dialect here reads.
    if exchange.status < 300 and exchange.kind in {"body", "sse"} and not exchange.response_body.startswith(b"[")
]


@needs_traffic
@pytest.mark.parametrize(("dialect", "exchange"), RECORDED)
def test_a_recorded_answer_reads_alike_plain_and_streamed(dialect: Dialect, exchange: Exchange) -> None:
    """STREAM-03, STREAM-24, ARGS-05: by the stock client, of whatever another provider answered."""
    origin = Origin(dialect=dialect.name, provider="p", model="m", scope="s")
    try:
        response = _answer(dialect, exchange, origin)
    except RouterError:
        record_count(f"{dialect.name} to {NAME}: recordings that are errors")
        return
    if len(response.candidates) != 1 or not _are_objects(response.candidates[0].tool_calls):
        record_count(f"{dialect.name} to {NAME}: recordings without one whole answer")
        return
    stream = encoded(unfold(response))
    blocks_are_whole(stream)
    assert content_of(unfold(response)) == _without_nulls(body_of(response)["content"])
    assert decoded([stream], Origin(dialect=NAME))[-1] == StreamEnd()
    record_count(f"{dialect.name} to {NAME}: answers written plain and streamed")


def _answer(dialect: Dialect, exchange: Exchange, origin: Origin) -> Response:
    if exchange.kind == "body":
        return dialect.decode_response(loads_object(exchange.response_body), origin)
    decoder = dialect.stream_decoder(origin)
    events = [*decoder.feed(exchange.response_body), *decoder.close()]
    if isinstance(events[-1], StreamError):
        raise events[-1].error
    return fold(events)


def _are_objects(calls: Sequence[ToolCallPart]) -> bool:
    """A call that was cut is text in a stream and cannot be in a body, where ``input`` is an object."""
    try:
        return all(isinstance(json.loads(call.arguments or "{}"), dict) for call in calls if call.kind == "function")
    except ValueError:
        return False


def _without_nulls(content: list[Any]) -> list[Any]:
    return [{key: value for key, value in block.items() if value is not None} for block in content]
