"""A model that plays turns within the process, through the same folding of chunks as over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from loop_client.chat_stream import ChatStream, ModelAnswer, StreamEvent
from loop_client.errors import ModelStreamError
from loop_client.model_request import ModelRequest
from loop_client.steps import new_id
from tests.loop_client.fake_server import WAIT, call, delta, finish, history_problem, usage

Failure = Literal["none", "passing", "final", "cut", "hang"]


@dataclass(frozen=True)
class ScriptedTurn:
    """What the model does when it is asked."""

    calls: tuple[tuple[str, str, str], ...] = ()
    """Id, name, argument text."""
    text: str = "words"
    reason: str = "stop"
    failure: Failure = "none"


@dataclass
class ScriptedModel:
    """Plays its turns in order, and answers with words when they are over."""

    turns: Sequence[ScriptedTurn]
    requests: list[ModelRequest] = field(default_factory=list)
    played: int = 0

    async def call(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """As a transport does it."""
        self.requests.append(request)
        problem = history_problem(request.messages)
        assert problem is None, problem
        turn = self.turns[self.played] if self.played < len(self.turns) else ScriptedTurn()
        self.played += 1
        taken = {item["id"] for message in request.messages for item in message.get("tool_calls") or ()}
        stream = ChatStream(request.round, taken, lambda: new_id("call"))
        for chunk in _chunks(turn):
            for event in stream.feed(json.dumps(chunk)):
                yield event
            await asyncio.sleep(0)
        match turn.failure:
            case "hang":
                await asyncio.sleep(WAIT)
            case "cut":
                pass
            case "passing" | "final":
                raise ModelStreamError("as the script has it", retryable=turn.failure == "passing")
            case "none":
                for event in stream.feed(json.dumps(finish(turn.reason))):
                    yield event
        late, answer = stream.close()
        for event in late:
            yield event
        yield answer


def _chunks(turn: ScriptedTurn) -> list[dict[str, Any]]:
    chunks = [delta(role="assistant", content=turn.text or None)]
    for index, (call_id, name, arguments) in enumerate(turn.calls):
        half = len(arguments) // 2
        chunks += [call(index, call_id, name, arguments[:half]), call(index, None, None, arguments[half:])]
    return [*chunks, usage(10, 5)]
