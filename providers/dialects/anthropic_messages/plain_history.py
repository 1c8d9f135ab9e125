"""Plain conversations as Anthropic's turns, without the walk that any other one takes."""

from typing import Final

from providers.dialects.anthropic_messages.grammar import CALL_ID, NAME
from providers.dialects.anthropic_messages.history_encode import EncodedHistory
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.plain_turns import Words, plain_turns


def plain_history(messages: tuple[Message, ...], target: Target) -> EncodedHistory | None:
    """What ``encode_history`` makes of a plain conversation, of which it has nothing to report; ``None`` for others."""
    found = plain_turns(messages, NAME, CALL_ID, target.profile.tool_name, _WORDS)
    if found is None:
        return None
    turns: list[Json] = []
    for turn in found.turns:
        said = [*[result for _, result in turn.results], *turn.said] if turn.results else turn.said
        turns.append({"role": turn.role, "content": said})
    return EncodedHistory(found.system or None, turns, found.last_called)


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _use(call_id: str, name: str, arguments: JsonObject) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _result(call_id: str, name: str, texts: list[str]) -> JsonObject:
    result: JsonObject = {"type": "tool_result", "tool_use_id": call_id}
    # No content at all is legal, an empty text is not (HIST-08, HIST-15).
    content: list[Json] = [_text(text) for text in texts if text]
    if content:
        result["content"] = content
    return result


_WORDS: Final = Words(_text, _use, _result)
