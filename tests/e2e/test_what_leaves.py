"""The exact JSON that leaves for each provider, seen at the transport and behind the whole service, by real sockets."""

from pathlib import Path

import pytest

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.profile import Target
from providers.upstreams.base import ProviderRow
from providers.upstreams.factory import open_upstream
from providers.upstreams.pool import Pool
from providers.wire.json import loads_object
from tests.e2e.service import client, router_service
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import FakeProvider, running
from tests.upstreams.raw_server import raw_server
from tests.upstreams.tls import Elsewhere

CHAT = b"""{
  "model": "x/m", "temperature": 0.70, "max_tokens": 100,
  "messages": [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "What is this?"},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "call_1", "type": "function", "function":
        {"name": "look", "arguments": "{\\"zoom\\": 1.50, \\"id\\": 12345678901234567890}"}},
      {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": ""}}]},
    {"role": "tool", "tool_call_id": "call_2", "content": "second"},
    {"role": "tool", "tool_call_id": "call_1", "content": "first"}
  ],
  "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters":
    {"type": "object", "properties": {"zoom": {"type": "number", "maximum": 1e1}, "id": {"type": "integer"}}}}}],
  "tool_choice": "required"
}"""

EXPECTED = {
    "openai-chat": b'{"model":"m","temperature":0.70,"max_tokens":100,"messages":['
    b'{"role":"system","content":"Be brief."},'
    b'{"role":"user","content":[{"type":"text","text":"What is this?"},'
    b'{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]},'
    b'{"role":"assistant","content":null,"tool_calls":['
    b'{"id":"call_1","type":"function","function":{"name":"look",'
    b'"arguments":"{\\"zoom\\": 1.50, \\"id\\": 12345678901234567890}"}},'
    b'{"id":"call_2","type":"function","function":{"name":"look","arguments":""}}]},'
    b'{"role":"tool","tool_call_id":"call_2","content":"second"},'
    b'{"role":"tool","tool_call_id":"call_1","content":"first"}],'
    b'"tools":[{"type":"function","function":{"name":"look","description":"Looks.","parameters":'
    b'{"type":"object","properties":{"zoom":{"type":"number","maximum":1e1},"id":{"type":"integer"}}}}}],'
    b'"tool_choice":"required"}',
    "anthropic-messages": b'{"model":"m","max_tokens":100,"system":[{"type":"text","text":"Be brief."}],"messages":['
    b'{"role":"user","content":[{"type":"text","text":"What is this?"},'
    b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]},'
    b'{"role":"assistant","content":['
    b'{"type":"tool_use","id":"call_1","name":"look","input":{"zoom":1.50,"id":12345678901234567890}},'
    b'{"type":"tool_use","id":"call_2","name":"look","input":{}}]},'
    b'{"role":"user","content":['
    b'{"type":"tool_result","tool_use_id":"call_1","content":[{"type":"text","text":"first"}]},'
    b'{"type":"tool_result","tool_use_id":"call_2","content":[{"type":"text","text":"second"}]}]}],'
    b'"tools":[{"name":"look","description":"Looks.","input_schema":'
    b'{"type":"object","properties":{"zoom":{"type":"number","maximum":1e1},"id":{"type":"integer"}}}}],'
    b'"tool_choice":{"type":"any"},"temperature":0.70}',
    "google-generate-content": b'{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":['
    b'{"role":"user","parts":[{"text":"What is this?"},'
    b'{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]},'
    b'{"role":"model","parts":['
    b'{"functionCall":{"id":"call_1","name":"look","args":{"zoom":1.50,"id":12345678901234567890}}},'
    b'{"functionCall":{"id":"call_2","name":"look","args":{}}}]},'
    b'{"role":"user","parts":['
    b'{"functionResponse":{"id":"call_1","name":"look","response":{"output":"first"}}},'
    b'{"functionResponse":{"id":"call_2","name":"look","response":{"output":"second"}}}]}],'
    b'"tools":[{"functionDeclarations":[{"name":"look","description":"Looks.","parametersJsonSchema":'
    b'{"type":"object","properties":{"zoom":{"type":"number","maximum":1e1},"id":{"type":"integer"}}}}]}],'
    b'"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},'
    b'"generationConfig":{"temperature":0.70,"maxOutputTokens":100}}',
}
PATHS = {
    "openai-chat": "/chat/completions",
    "anthropic-messages": "/v1/messages",
    "google-generate-content": "/v1beta/models/m:generateContent",
}
CREDENTIALS = {
    "openai-chat": {"authorization": "Bearer key-1"},
    "anthropic-messages": {"x-api-key": "key-1", "anthropic-version": "2023-06-01"},
    "google-generate-content": {"x-goog-api-key": "key-1"},
}
EACH = pytest.mark.parametrize("dialect", sorted(EXPECTED))


@EACH
async def test_the_transport_is_handed_exactly_this(dialect: str) -> None:
    """ARGS-05, ARGS-06, ARGS-10: an object where one is wanted, encoded once, literals and key order kept.

    Results stand in the order of their calls.
    """
    row = ProviderRow(name="x", dialect=dialect, base_url="http://provider.test/base", api_key="key-1")
    target = Target(provider="x", model="m", dialect=dialect, profile=row.profile)
    report = Report()
    encoded = DIALECTS[dialect].encode_request(
        DIALECTS["openai-chat"].decode_request(loads_object(CHAT)), target, report
    )
    async with raw_server() as server, Pool(resolver=Elsewhere(server.port)) as pool:
        upstream = await open_upstream(row, pool)
        prepared = upstream.prepare(encoded, stream=False)
        answer = await upstream.send(prepared)
        await answer.aclose()
        await upstream.aclose()
    request = server.only_request
    assert (request.method, request.target) == ("POST", f"/base{PATHS[dialect]}")
    assert prepared.url == f"http://provider.test{request.target}"
    assert request.body == EXPECTED[dialect] == prepared.body
    assert report.adjustments == []
    framing = {"host": "provider.test", "content-length": str(len(EXPECTED[dialect]))}
    standard = {"accept": "application/json", "accept-encoding": "identity", "content-type": "application/json"}
    assert request.by_name == {**framing, **standard, "user-agent": "ai-router", **CREDENTIALS[dialect]}


@EACH
def test_a_real_socket_receives_exactly_this(dialect: str, tmp_path: Path) -> None:
    """The same through the whole service."""
    fakes: dict[str, FakeProvider] = {
        "openai-chat": OpenAIChat(),
        "anthropic-messages": AnthropicMessages(),
        "google-generate-content": Gemini(),
    }
    fake = fakes[dialect]
    with running(fake) as upstream:
        toml = f'[providers.x]\ndialect = "{dialect}"\nbase_url = "{upstream}"\napi_key = "key-1"\nprofile = "default"'
        with router_service(tmp_path, toml) as url, client(url) as http:
            http.post("/v1/chat/completions", content=CHAT)
    (received,) = fake.requests
    assert received.path.partition("?")[0] == PATHS[dialect]
    assert received.body == EXPECTED[dialect]
    assert CREDENTIALS[dialect].items() <= received.headers.items()
