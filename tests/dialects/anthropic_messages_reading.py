"""How a stock client reads what the Anthropic face writes, for its tests."""

from __future__ import annotations

import json
from typing import Any

from providers.dialects.anthropic_messages import DIALECT
from providers.spec.events import CandidateEnd, ResponseStart, StreamEnd, StreamEvent
from providers.spec.parts import Part
from providers.spec.response import Candidate, Finish, FinishReason, Response
from providers.wire.json import loads_object
from tests.dialects.anthropic_messages_support import CONTEXT, encoded, sdk_message


def answer(*parts: Part, reason: FinishReason = "stop", **fields: Any) -> Response:
    return Response(
        id="x-1", model="other/m", candidates=(Candidate(parts=parts, finish=Finish(reason=reason)),), **fields
    )


def body_of(response: Response) -> Any:
    return json.loads(json.dumps(DIALECT.encode_response(response, CONTEXT)))


def content_of(events: Any) -> list[Any]:
    """The blocks that the stock client makes of the written stream."""
    content = sdk_message(encoded(events))["content"]
    assert isinstance(content, list)
    return [{key: value for key, value in block.items() if value is not None} for block in content]  # type: ignore[union-attr]


def blocks_are_whole(stream: bytes) -> None:
    """Every block: contiguous, one start, one stop, no delta outside of it."""
    open_block: int | None = None
    following = 0
    for line in stream.decode().splitlines():
        event = loads_object(line.removeprefix("data: ")) if line.startswith("data: ") else {}
        match event.get("type"):
            case "content_block_start":
                assert (open_block, event["index"]) == (None, following)
                open_block, following = following, following + 1
            case "content_block_delta":
                assert event["index"] == open_block
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = None
            case "message_delta":
                assert open_block is None
            case _:
                pass


def streamed(*events: StreamEvent, reason: FinishReason = "tool_calls") -> list[StreamEvent]:
    return [ResponseStart(id="x", model="m"), *events, CandidateEnd(finish=Finish(reason=reason)), StreamEnd()]
