"""Plain conversations as Gemini's contents, without the walk that any other one takes."""

from providers.dialects.gemini.grammar import NAME, is_minted, matches
from providers.dialects.gemini.history_encode import EncodedHistory
from providers.dialects.gemini.results import plain_output
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.plain_turns import PlainCall, PlainTurn, plain_turns


def plain_history(messages: tuple[Message, ...], target: Target) -> EncodedHistory | None:
    """What ``encode_history`` makes of a plain conversation, of which it has nothing to report; ``None`` for others.

    One that ends in calls and their results is no plain one where calls want signatures.
    """
    found = plain_turns(messages, NAME, target.profile.tool_call_id, target.profile.tool_name)
    if found is None or (found.turns[-1].results and matches(target.profile.signature_models, target.model)):
        return None
    system: JsonObject | None = {"parts": [{"text": text} for text in found.system]} if found.system else None
    return EncodedHistory(system, [content for turn in found.turns for content in _contents(turn)])


def _contents(turn: PlainTurn) -> list[Json]:
    contents: list[Json] = []
    if turn.results:
        contents.append({"role": "user", "parts": [_result(call, texts) for _, call, texts in turn.results]})
    if turn.said:
        parts: list[Json] = [{"text": said} if isinstance(said, str) else _call(said) for said in turn.said]
        contents.append({"role": "user" if turn.role == "user" else "model", "parts": parts})
    return contents


def _call(call: PlainCall) -> JsonObject:
    return {"functionCall": {**_id(call), "name": call.name, "args": call.arguments}}


def _result(call: PlainCall, texts: list[str]) -> JsonObject:
    return {"functionResponse": {**_id(call), "name": call.name, "response": plain_output("\n".join(texts), "ok")}}


def _id(call: PlainCall) -> JsonObject:
    return {} if is_minted(call.id) else {"id": call.id}
