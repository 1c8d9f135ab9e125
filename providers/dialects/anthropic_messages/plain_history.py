"""Plain conversations as Anthropic's turns, without the walk that any other one takes."""

from providers.dialects.anthropic_messages.grammar import CALL_ID, NAME
from providers.dialects.anthropic_messages.history_encode import EncodedHistory
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.plain_turns import PlainCall, PlainTurn, plain_turns


def plain_history(messages: tuple[Message, ...], target: Target) -> EncodedHistory | None:
    """What ``encode_history`` makes of a plain conversation, of which it has nothing to report; ``None`` for others."""
    found = plain_turns(messages, NAME, CALL_ID, target.profile.tool_name)
    if found is None:
        return None
    turns: list[Json] = [{"role": turn.role, "content": _blocks(turn)} for turn in found.turns]
    return EncodedHistory([_text(text) for text in found.system] or None, turns, found.last_called)


def _blocks(turn: PlainTurn) -> list[Json]:
    results: list[Json] = [_result(call, texts) for _, call, texts in turn.results]
    said: list[Json] = [_text(one) if isinstance(one, str) else _use(one) for one in turn.said]
    return [*results, *said] if results else said


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _use(call: PlainCall) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _result(call: PlainCall, texts: list[str]) -> JsonObject:
    result: JsonObject = {"type": "tool_result", "tool_use_id": call.id}
    content: list[Json] = [_text(text) for text in texts if text]
    # No content at all is legal, an empty text is not (HIST-08, HIST-15).
    return {**result, "content": content} if content else result
