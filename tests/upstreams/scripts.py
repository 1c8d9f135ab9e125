"""Scripts played to a request, for the tests of the scripted provider."""

from __future__ import annotations

from pathlib import Path

from providers.dialects.openai_chat import DIALECT
from providers.spec.dialect import EncodedRequest
from providers.spec.parts import Origin
from providers.spec.response import Response
from providers.spec.values import Json, JsonObject
from providers.upstreams.base import ProviderRow, UpstreamAnswer
from providers.upstreams.scripted import ScriptedUpstream
from providers.wire.json import loads_object

ORIGIN = Origin(dialect="openai-chat", provider="played", model="any")


def playing(folder: Path, text: str, *, suffix: str = "toml") -> ScriptedUpstream:
    """The provider that plays this script."""
    file = folder / f"script.{suffix}"
    file.write_text(text, encoding="utf-8")
    return ScriptedUpstream(ProviderRow(name="played", dialect="openai-chat", base_url="scripted:", script=str(file)))


def history(*rounds: tuple[tuple[str, str], ...]) -> list[Json]:
    """A conversation in which each round made these calls: ``(tool, result)``."""
    messages: list[Json] = [{"role": "user", "content": "Go on."}]
    for number, calls in enumerate(rounds):
        ids = [f"c{number}_{index}" for index in range(len(calls))]
        made: list[Json] = [
            {"id": each, "type": "function", "function": {"name": name, "arguments": "{}"}}
            for each, (name, _) in zip(ids, calls, strict=True)
        ]
        messages.append(
            {"role": "assistant", "content": "" if made else "said", **({"tool_calls": made} if made else {})}
        )
        messages += [
            {"role": "tool", "tool_call_id": each, "content": result}
            for each, (_, result) in zip(ids, calls, strict=True)
        ]
    return messages


async def answer_of(
    upstream: ScriptedUpstream, messages: list[Json], *, stream: bool, fields: JsonObject | None = None
) -> UpstreamAnswer:
    """What the provider answers; ``fields`` are further ones of the body."""
    body: JsonObject = {"model": "any", "messages": messages, **(fields or {})}
    if stream:
        body["stream"] = True
    return await upstream.send(upstream.prepare(EncodedRequest(path="/chat/completions", body=body), stream=stream))


async def played(upstream: ScriptedUpstream, messages: list[Json], **fields: Json) -> Response:
    """The whole answer; fails where it is an error."""
    answer = await answer_of(upstream, messages, stream=False, fields=fields)
    body = b"".join([piece async for piece in answer.chunks()])
    assert answer.status == 200, body
    return DIALECT.decode_response(loads_object(body), ORIGIN)


async def refused(upstream: ScriptedUpstream, messages: list[Json], **fields: Json) -> tuple[int, str]:
    """Status and message of an error answer."""
    answer = await answer_of(upstream, messages, stream=False, fields=fields)
    body = b"".join([piece async for piece in answer.chunks()])
    assert answer.status >= 400, body
    error = DIALECT.decode_error(answer.status, body)
    return error.status, error.message
