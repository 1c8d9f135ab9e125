"""A relayed and a translated answer fold to the same thing, over every recorded answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.errors import RouterError
from providers.spec.fold import fold
from providers.spec.parts import Origin, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.response import Response
from providers.wire.json import JsonError, dumps, loads, loads_object
from tests.e2e.faces.answers import OWN
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.stage import DIALECTS as DIALECT_OF
from tests.e2e.faces.stage import provider_row
from tests.e2e.faces.test_relay import Relayed
from tests.e2e.service import client, router_service
from tests.fakes.server import running
from tests.traffic import Exchange, exchanges, needs_traffic
from tests.traffic_plugin import record_count

CASES = [(face, each) for face, own in OWN.items() for each in exchanges(DIALECT_OF[own.wire]) if each.status < 400]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relayed]:
    provider = CannedProvider()
    with running(provider.app) as upstream:
        rows = "\n".join(provider_row(own.wire, upstream) for own in OWN.values())
        with router_service(tmp_path_factory.mktemp("router"), rows) as url, client(url) as http:
            yield Relayed(http, provider)


def asked(face: str, *, stream: bool) -> tuple[str, bytes]:
    """A request without tools: nothing can be repaired, and every call is handed over as it came."""
    own = OWN[face]
    path, request = (own.stream_path, own.stream_request) if stream else (own.path, own.request)
    body = {key: value for key, value in json.loads(request).items() if key != "tools"}
    if stream and face == "chat":
        body["stream_options"] = {"include_usage": True}
    return path, json.dumps(body).encode()


def folded(face: str, content: bytes, *, stream: bool) -> Any:
    """What an answer says, whoever wrote it; an error as its message."""
    dialect, origin = DIALECTS[DIALECT_OF[OWN[face].wire]], Origin(dialect=DIALECT_OF[OWN[face].wire])
    try:
        if stream:
            decoder = dialect.stream_decoder(origin)
            return told(fold([*decoder.feed(content), *decoder.close()]))
        return told(dialect.decode_response(loads_object(content), origin))
    except RouterError as error:
        return error.message


def told(response: Response) -> Any:
    """The substance of an answer: parts in order, ids, literals, why it ended, what it cost."""
    usage = response.usage
    return {
        "candidates": [
            ([_told(part) for part in candidate.parts if _says(part)], candidate.finish and candidate.finish.reason)
            for candidate in response.candidates
        ],
        "usage": usage and (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens),
        "ids": [response.id, *(call.id for candidate in response.candidates for call in candidate.tool_calls)],
    }


def _canonical(arguments: str) -> str:
    """The same JSON without its spacing: literals and key order stay. What is no JSON stays as it is."""
    try:
        return dumps(loads(arguments)).decode("utf-8", "surrogatepass")
    except JsonError:
        return arguments


def _says(part: Part) -> bool:
    return not isinstance(part, TextPart) or bool(part.text)


def _told(part: Part) -> Any:
    # What stock accumulators would join wrongly has no field of its own in a translated stream: the envelope has it.
    enveloped = part.state is not None and part.state.kind == "reasoning_details"
    state = part.state.value if part.state is not None and not enveloped else None
    match part:
        case ToolCallPart():
            # Where arguments are objects they are compared as such: spacing is the writer's, literals are not.
            return ("call", part.name, _canonical(part.arguments), part.executed_by, state)
        case TextPart() | RefusalPart() | ReasoningPart():
            return (type(part).__name__, part.text, state)
        case _:
            return (type(part).__name__, state)


@needs_traffic
@pytest.mark.parametrize(("face", "exchange"), CASES, ids=lambda value: value if isinstance(value, str) else value.id)
def test_both_ways_fold_to_the_same(router: Relayed, face: str, exchange: Exchange) -> None:
    """STREAM-07: the bytes as they came, and written anew because repair was asked for."""
    path, body = asked(face, stream=exchange.stream)
    if exchange.sse:
        router.provider.events(exchange.sse.encode())
    else:
        router.provider.whole(exchange.response_body)
    relayed = router.post(path, body)
    translated = router.post(path, body, **{"x-router-tool-validation": "repair"})
    assert relayed.status_code == translated.status_code, translated.text
    if relayed.status_code != 200:
        assert relayed.json() == translated.json()
        return
    streamed = exchange.stream
    ours, theirs = (folded(face, answer.content, stream=streamed) for answer in (translated, relayed))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        # An id that a host does not give is given by the router, which has no hand in bytes that it relays.
        ours["ids"] = [mine if given else "" for mine, given in zip(ours["ids"], theirs["ids"], strict=True)]
    assert ours == theirs
    if not exchange.sse and not exchange.stream:
        assert relayed.content == exchange.response_body
    record_count(f"{face}: relayed and translated alike")
