"""Plain conversations as Gemini's contents, without the walk that any other one takes."""

from typing import Final

from providers.dialects.gemini.grammar import NAME, is_minted
from providers.dialects.gemini.history_encode import EncodedHistory
from providers.dialects.gemini.results import plain_output
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.plain_turns import Words, plain_turns


def plain_history(messages: tuple[Message, ...], target: Target) -> EncodedHistory | None:
    """What ``encode_history`` makes of a plain conversation, of which it has nothing to report; ``None`` for others.

    One that ends in calls and their results is no plain one where calls want signatures.
    """
    found = plain_turns(messages, NAME, target.profile.tool_call_id, target.profile.tool_name, _WORDS)
    if found is None or (found.turns[-1].results and target.is_one_of(target.profile.signature_models)):
        return None
    contents: list[Json] = []
    for turn in found.turns:
        if turn.results:
            contents.append({"role": "user", "parts": [result for _, result in turn.results]})
        if turn.said:
            contents.append({"role": "user" if turn.role == "user" else "model", "parts": turn.said})
    return EncodedHistory({"parts": found.system} if found.system else None, contents)


def _text(text: str) -> JsonObject:
    return {"text": text}


def _call(call_id: str, name: str, arguments: JsonObject) -> JsonObject:
    call: JsonObject = {"name": name, "args": arguments}
    return {"functionCall": call if is_minted(call_id) else {"id": call_id, **call}}


def _result(call_id: str, name: str, texts: list[str]) -> JsonObject:
    result: JsonObject = {"name": name, "response": plain_output("\n".join(texts), "ok")}
    return {"functionResponse": result if is_minted(call_id) else {"id": call_id, **result}}


_WORDS: Final = Words(_text, _call, _result)
