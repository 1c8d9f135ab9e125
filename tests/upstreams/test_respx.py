"""The exact JSON that leaves for each provider's own address through its SDK, seen by respx below it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpcore2
import httpx
import msgspec
import pytest
import respx

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError, ProviderTimeoutError
from providers.spec.fold import fold
from providers.spec.parts import TextPart
from providers.spec.profile import Target
from providers.upstreams.base import ProviderRow
from providers.upstreams.catalog import builtin_profiles, builtin_rows
from providers.wire.json import loads_object
from tests.upstreams.conftest import Opener
from tests.upstreams.httpcore2_mocker import mocked

CHAT = b"""{"model": "any", "temperature": 0.50, "stream": true, "max_completion_tokens": 64,
 "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Sum 1 and 2."},
  {"role": "assistant", "tool_calls": [{"id": "functions.sum:0", "type": "function",
    "function": {"name": "sum", "arguments": "{\\"of\\": [1, 2.50], \\"id\\": 12345678901234567890}"}}]},
  {"role": "tool", "tool_call_id": "functions.sum:0", "content": "3.50"}],
 "tools": [{"type": "function", "function": {"name": "sum", "parameters":
   {"type": "object", "properties": {"of": {"type": "array", "items": {"type": "number", "minimum": -0.0}}}}}}],
 "tool_choice": {"type": "function", "function": {"name": "sum"}}, "parallel_tool_calls": false}"""

EXPECTED = {
    "openai": (
        "https://api.openai.com/v1/chat/completions",
        b'{"model":"gpt-x","temperature":0.50,"stream":true,"max_completion_tokens":64,"messages":['
        b'{"role":"developer","content":"Be brief."},{"role":"user","content":"Sum 1 and 2."},'
        b'{"role":"assistant","tool_calls":[{"id":"functions_sum_0_ID","type":"function","function":'
        b'{"name":"sum","arguments":"{\\"of\\": [1, 2.50], \\"id\\": 12345678901234567890}"}}]},'
        b'{"role":"tool","tool_call_id":"functions_sum_0_ID","content":"3.50"}],'
        b'"tools":[{"type":"function","function":{"name":"sum","parameters":'
        b'{"type":"object","properties":{"of":{"type":"array","items":{"type":"number","minimum":-0.0}}}}}}],'
        b'"tool_choice":{"type":"function","function":{"name":"sum"}},"parallel_tool_calls":false}',
    ),
    "anthropic": (
        "https://api.anthropic.com/v1/messages",
        b'{"model":"gpt-x","max_tokens":64,"system":[{"type":"text","text":"Be brief."}],"messages":['
        b'{"role":"user","content":[{"type":"text","text":"Sum 1 and 2."}]},'
        b'{"role":"assistant","content":[{"type":"tool_use","id":"functions_sum_0_ID","name":"sum",'
        b'"input":{"of":[1,2.50],"id":12345678901234567890}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"functions_sum_0_ID",'
        b'"content":[{"type":"text","text":"3.50"}]}]}],'
        b'"tools":[{"name":"sum","input_schema":{"type":"object","properties":'
        b'{"of":{"type":"array","items":{"type":"number","minimum":-0.0}}}}}],'
        b'"tool_choice":{"type":"tool","name":"sum","disable_parallel_tool_use":true},'
        b'"temperature":0.50,"stream":true}',
    ),
    "google": (
        "https://generativelanguage.googleapis.com/v1beta/models/gpt-x:streamGenerateContent?alt=sse",
        b'{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":['
        b'{"role":"user","parts":[{"text":"Sum 1 and 2."}]},'
        b'{"role":"model","parts":[{"functionCall":{"id":"functions.sum:0","name":"sum",'
        b'"args":{"of":[1,2.50],"id":12345678901234567890}}}]},'
        b'{"role":"user","parts":[{"functionResponse":{"id":"functions.sum:0","name":"sum",'
        b'"response":{"output":"3.50"}}}]}],'
        b'"tools":[{"functionDeclarations":[{"name":"sum","parametersJsonSchema":{"type":"object","properties":'
        b'{"of":{"type":"array","items":{"type":"number","minimum":-0.0}}}}}]}],'
        b'"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["sum"]}},'
        b'"generationConfig":{"temperature":0.50,"maxOutputTokens":64}}',
    ),
}
"""Address and body by shipped provider; ``ID`` stands for the digest of the id that was rewritten."""

STREAMS = {
    "openai": b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"3.5"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n",
    "anthropic": b'data: {"type":"message_start","message":{"id":"1","content":[]}}\n\n'
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"3.5"}}\n\n'
    b'data: {"type":"content_block_stop","index":0}\n\n'
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\ndata: {"type":"message_stop"}\n\n',
    "google": b'data: {"candidates":[{"content":{"parts":[{"text":"3.5"}]},"finishReason":"STOP"}]}\n\n',
}

EACH = pytest.mark.parametrize("name", sorted(EXPECTED))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the machine that runs the tests are no business of theirs."""
    for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def providers() -> Iterator[respx.MockRouter]:
    """The mock of all that httpx2 sends."""
    with mocked() as router:
        yield router


def shipped(name: str) -> ProviderRow:
    """A provider as it ships, with a key, called through its SDK."""
    row = builtin_rows()[name]
    return ProviderRow(
        name=name,
        dialect=row.dialect,
        base_url=row.base_url,
        api_key="key-of-test",
        profile=builtin_profiles()[row.profile],
        transport="sdk",
    )


def encoded(row: ProviderRow) -> EncodedRequest:
    """The request above for this row."""
    request = DIALECTS["openai-chat"].decode_request(loads_object(CHAT))
    target = Target(provider=row.name, model="gpt-x", dialect=row.dialect, profile=row.profile)
    return DIALECTS[row.dialect].encode_request(request, target, Report())


@EACH
async def test_the_json_that_leaves(name: str, opened: Opener, providers: respx.MockRouter) -> None:
    """ID-01, CHOICE-01, CHOICE-09: the whole body, its literals and its key order, at the provider's own address."""
    url, expected = EXPECTED[name]
    answer_route = providers.post(url).mock(
        return_value=httpx.Response(200, headers={"content-type": "text/event-stream"}, content=STREAMS[name])
    )
    row = shipped(name)
    upstream = await opened(row)
    answer = await upstream.send(upstream.prepare(encoded(row), stream=True))
    decoder = DIALECTS[row.dialect].stream_decoder(Target(provider=name, model="x", dialect=row.dialect).origin)
    events = [event async for piece in answer.chunks() for event in decoder.feed(piece)]
    (part,) = fold([*events, *decoder.close()]).candidates[0].parts
    assert isinstance(part, TextPart)
    assert part.text == "3.5"
    sent = answer_route.calls.last.request
    assert str(sent.url) == url
    assert sent.content == expected.replace(b"functions_sum_0_ID", _rewritten(sent.content))


def _rewritten(body: bytes) -> bytes:
    """The rewritten id, wherever the body has one: the same in call and result, and a legal one."""
    found = {piece for piece in body.split(b'"') if piece.startswith(b"functions_sum_0_")}
    assert len(found) <= 1
    return found.pop() if found else b"functions_sum_0_ID"


@EACH
async def test_a_key_goes_to_its_own_provider_alone(name: str, opened: Opener, providers: respx.MockRouter) -> None:
    routes = {each: providers.post(url).mock(return_value=httpx.Response(200)) for each, (url, _) in EXPECTED.items()}
    for each in EXPECTED:
        row = msgspec.structs.replace(shipped(each), api_key=f"key-of-{each}")
        upstream = await opened(row)
        await (await upstream.send(upstream.prepare(encoded(row), stream=True))).aclose()
    sent = routes[name].calls.last.request
    others = [f"key-of-{each}" for each in EXPECTED if each != name]
    assert f"key-of-{name}" in str(sent.headers.raw)
    assert not [key for key in others if key in str(sent.headers.raw)]


@EACH
@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
async def test_an_error_status_is_an_answer(
    name: str, status: int, opened: Opener, providers: respx.MockRouter
) -> None:
    """ERROR-02: the codec judges it, not the SDK."""
    providers.post(EXPECTED[name][0]).mock(return_value=httpx.Response(status, json={"error": {"message": "no"}}))
    row = shipped(name)
    upstream = await opened(row)
    answer = await upstream.send(upstream.prepare(encoded(row), stream=True))
    body = b"".join([piece async for piece in answer.chunks()])
    error = DIALECTS[row.dialect].decode_error(answer.status, body)
    assert (error.status, error.message) == (status, "no")


@EACH
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpcore2.ConnectError("x"), ProviderConnectionError),
        (httpcore2.ConnectTimeout("x"), ProviderTimeoutError),
        (httpcore2.ReadTimeout("x"), ProviderTimeoutError),
        (httpcore2.WriteTimeout("x"), ProviderTimeoutError),
        (httpcore2.PoolTimeout("x"), ProviderTimeoutError),
        (httpcore2.ReadError("x"), ProviderConnectionError),
        (httpcore2.WriteError("x"), ProviderConnectionError),
        (httpcore2.RemoteProtocolError("x"), ProviderConnectionError),
        (httpcore2.LocalProtocolError("x"), ProviderConnectionError),
        (httpcore2.ProxyError("x"), ProviderConnectionError),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
async def test_every_fault_of_the_connection_is_ours(
    name: str, fault: Exception, expected: type[Exception], opened: Opener, providers: respx.MockRouter
) -> None:
    """ERROR-01: the network's fault, told apart from the caller's, the provider's and our own."""
    providers.post(EXPECTED[name][0]).mock(side_effect=fault)
    row = shipped(name)
    upstream = await opened(row)
    with pytest.raises(expected) as caught:
        await upstream.send(upstream.prepare(encoded(row), stream=True))
    assert "key-of-test" not in str(caught.value)
