"""Gemini and Claude on Google Cloud behind every face: tool loops, relay, explain, faults, recorded exchanges."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import msgspec
import pytest

from providers.wire.json import loads
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.requests import body_of, error_of, path_of
from tests.e2e.faces.voices import EXPECTED, FACES, VOICES, always
from tests.e2e.service import client, router_service
from tests.exact import assert_exact
from tests.fakes.server import EndlessStream, ErrorMidStream, FakeProvider, running
from tests.fakes.token_server import TokenServer, credentials_file
from tests.fakes.vertex import LOCATION, PROJECT, Vertex
from tests.traffic import Exchange, exchanges, needs_traffic
from tests.traffic_plugin import record_count

GEMINI = "google-vertex/gemini-3-pro-preview"
CLAUDE = "google-vertex/claude-sonnet-4-5@20250929"

ON_EACH = pytest.mark.parametrize("face", FACES)
EACH = pytest.mark.parametrize("model", [GEMINI, CLAUDE], ids=["gemini", "claude"])
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


class Cloud(msgspec.Struct, frozen=True):
    """A router in front of Google Cloud."""

    url: str
    http: httpx2.Client
    vertex: Vertex
    tokens: TokenServer

    def fake(self, model: str) -> FakeProvider:
        """Whoever answers for this model."""
        return self.vertex.claude if model == CLAUDE else self.vertex.gemini

    def ready(self, model: str) -> FakeProvider:
        """The fake of this model, the router's token known to be good: the next request is the only one."""
        assert self.post("chat", model, body_of("chat", model)).status_code == 200
        return self.fake(model)

    def post(self, face: str, model: str, body: dict[str, Any], *, stream: bool = False) -> httpx2.Response:
        """One request on a face."""
        return self.http.post(path_of(face, model, stream=stream), json=body)


@pytest.fixture(scope="module")
def cloud_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("router")
    tokens = TokenServer()
    vertex = Vertex(tokens.takes)
    with running(tokens.app) as token_url, running(vertex.app) as upstream:
        credentials_file(folder, token_url)
        toml = (
            f'[providers.google-vertex]\nbase_url = "{upstream}"\nproject = "{PROJECT}"\nlocation = "{LOCATION}"\n'
            'credentials_file = "credentials.json"\ntimeout = { between_events = 5.0 }\n'
        )
        with router_service(folder, toml) as url, client(url) as http:
            yield Cloud(url, http, vertex, tokens)


@pytest.fixture
def cloud(cloud_module: Cloud) -> Cloud:
    for fake in (cloud_module.vertex.gemini, cloud_module.vertex.claude):
        fake.requests.clear()
        fake.disconnected.clear()
    cloud_module.tokens.refusing = None
    return cloud_module


@ON_EACH
@EACH
@BOTH
@pytest.mark.parametrize("thinking", [False, True], ids=["", "thinking"])
def test_a_tool_loop_comes_to_its_end(cloud: Cloud, face: str, model: str, stream: bool, thinking: bool) -> None:
    """CHOICE-04, REASON-01: with the vendors' clients on each face, reasoning state kept."""
    assert VOICES[face](cloud.url, always(model), stream=stream, thinking=thinking).startswith(EXPECTED)
    assert len(cloud.fake(model).requests) == 3


@ON_EACH
@EACH
@BOTH
@pytest.mark.parametrize("spaced", [False, True], ids=["", "spaced"])
def test_what_is_explained_is_what_is_sent(cloud: Cloud, face: str, model: str, stream: bool, spaced: bool) -> None:
    """Address, headers but for the token, and body; and nobody is asked for a token."""
    body = body_of(face, model, stream=stream)
    content = json.dumps(body, indent=1 if spaced else None).encode()
    headers = {"content-type": "application/json", "anthropic-beta": "a-beta", "anthropic-version": "2023-06-01"}
    path = path_of(face, model, stream=stream)
    asked = cloud.tokens.asked
    explained = cloud.http.post(f"/explain{path}", content=content, headers=headers)
    assert cloud.tokens.asked == asked
    assert cloud.fake(model).requests == []
    (candidate,) = explained.json()["candidates"]
    assert candidate["wire"] == ("anthropic-messages" if model == CLAUDE else "google-generate-content")
    request: Any = loads(explained.content)
    told = request["candidates"][0]["request"]
    answer = cloud.http.post(path, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    (received,) = cloud.fake(model).requests
    address = urlsplit(told["url"])
    assert address.path + (f"?{address.query}" if address.query else "") == received.path
    assert_exact(told["body"], loads(received.body))
    framing = {"host", "content-length"}
    assert set(told["headers"]) == set(received.headers) - framing
    assert told["headers"]["authorization"] == "[redacted]"
    shown = {name: value for name, value in told["headers"].items() if value != "[redacted]"}
    assert shown.items() <= received.headers.items()
    assert ("anthropic-beta" in received.headers) is (face == "messages" and model == CLAUDE)
    assert "canary" not in explained.text


OWN = [("gemini", GEMINI), ("messages", CLAUDE)]


@pytest.mark.parametrize(("face", "model"), OWN)
@BOTH
def test_its_own_dialect_is_relayed(cloud: Cloud, face: str, model: str, stream: bool) -> None:
    """The bytes of both, but for the model and the version, which stand elsewhere here."""
    body = body_of(face, model, stream=stream)
    content = json.dumps(body, indent=2).encode().replace(b"Paris", b"P\\u0061ris")
    answer = cloud.http.post(
        path_of(face, model, stream=stream), content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-router-adjustments"] == "0"
    (received,) = cloud.fake(model).requests
    written = re.sub(rb'^\{\n  "model": "[^"]*",', b"{", content)
    if face == "messages":
        written = written.removesuffix(b"\n}") + b',"anthropic_version":"vertex-2023-10-16"\n}'
    assert received.body == written


@ON_EACH
@EACH
@BOTH
def test_without_a_token_the_caller_is_told_in_its_own_dialect(
    tmp_path: Path, face: str, model: str, stream: bool
) -> None:
    tokens = TokenServer()
    tokens.refusing = (400, {"error": "invalid_grant", "error_description": "canary"})
    vertex = Vertex(tokens.takes)
    with running(tokens.app) as token_url, running(vertex.app) as upstream:
        credentials_file(tmp_path, token_url)
        toml = (
            f'[providers.google-vertex]\nbase_url = "{upstream}"\nproject = "{PROJECT}"\nlocation = "{LOCATION}"\n'
            'credentials_file = "credentials.json"\n'
        )
        with router_service(tmp_path, toml) as url, client(url) as http:
            body = body_of(face, model, stream=stream)
            answer = http.post(path_of(face, model, stream=stream), json=body)
    assert answer.status_code == 401
    _, message = error_of(face, answer.json())
    assert "the token server refuses the credentials (invalid_grant)" in message
    assert "canary" not in answer.text
    assert vertex.gemini.requests == vertex.claude.requests == []


@EACH
def test_a_token_that_was_withdrawn_costs_nobody_an_answer(cloud: Cloud, model: str) -> None:
    """Google says 401 in its own words, whoever's the model is."""
    assert cloud.post("chat", model, body_of("chat", model)).status_code == 200
    cloud.fake(model).requests.clear()
    cloud.tokens.withdraw()
    assert cloud.post("chat", model, body_of("chat", model)).status_code == 200
    assert len(cloud.fake(model).requests) == 2


@EACH
def test_an_error_in_a_stream_ends_as_one(cloud: Cloud, model: str) -> None:
    """STREAM-14."""
    cloud.ready(model).fail(ErrorMidStream(after=1))
    text = cloud.post("chat", model, body_of("chat", model, stream=True), stream=True).text
    assert "[DONE]" not in text
    assert json.loads(text.rstrip().rpartition("data: ")[2])["error"]["provider"] == "google-vertex"


@EACH
def test_a_caller_that_leaves_closes_the_call(cloud: Cloud, model: str) -> None:
    cloud.ready(model).fail(EndlessStream(after=2))
    body = body_of("chat", model, stream=True)
    with cloud.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        next(answer.iter_bytes())
    assert cloud.fake(model).wait_disconnected()


def test_tokens_are_counted_as_the_sdk_has_them_counted_there(cloud: Cloud) -> None:
    """The same request as the SDK's own for Google Cloud, its newest version included."""
    question: Any = {"messages": [{"role": "user", "content": "?"}], "system": "Be brief."}
    stock = anthropic.Anthropic(base_url=cloud.url, api_key="unused", max_retries=0)
    assert stock.messages.count_tokens(model=CLAUDE, **question).input_tokens > 5
    with running(cloud.vertex.app) as direct:
        theirs = anthropic.AnthropicVertex(
            region=LOCATION,
            project_id=PROJECT,
            access_token=cloud.tokens.issued[-1],
            base_url=f"{direct}/v1",
            max_retries=0,
        )
        assert theirs.messages.count_tokens(model=CLAUDE.partition("/")[2], **question).input_tokens > 5
        theirs.close()
    ours, own = cloud.vertex.claude.requests[-2:]
    assert (ours.path, ours.json) == (own.path, own.json)
    stock.close()


def test_gemini_counts_no_tokens_of_messages(cloud: Cloud) -> None:
    body = {"model": GEMINI, "messages": [{"role": "user", "content": "?"}]}
    assert cloud.http.post("/v1/messages/count_tokens", json=body).status_code == 422


# ---- what is not there


def test_what_only_the_gemini_api_has_is_left_out_and_reported(cloud: Cloud) -> None:
    """SERVER-02: the switch for tools of the server's does not exist on Vertex."""
    body = body_of("gemini", GEMINI)
    body["toolConfig"] = {"includeServerSideToolInvocations": True}
    body["store"] = False
    body["contents"][0]["parts"][0]["part_metadata"] = {"a": 1}
    body["contents"][0]["parts"].append({"toolResponse": {"id": "1"}, "thoughtSignature": "eA=="})
    answer = cloud.post("gemini", GEMINI, body)
    assert answer.status_code == 200, answer.text
    (sent,) = (request.json for request in cloud.vertex.gemini.requests)
    assert isinstance(sent, dict)
    assert not {"store"} & set(sent)
    assert sent["contents"][0]["parts"] == [{"text": body["contents"][0]["parts"][0]["text"]}]
    adjustments = json.loads(answer.headers["x-router"])["adjustments"]
    assert {(each["path"], each["action"]) for each in adjustments} == {
        ("store", "dropped"),
        ("toolConfig.includeServerSideToolInvocations", "dropped"),
        ("contents[0].parts[0].part_metadata", "dropped"),
        ("contents[0].parts[1].toolResponse", "dropped"),
    }


@pytest.mark.parametrize(
    ("face", "model", "more", "said"),
    [
        ("gemini", GEMINI, {"tools": [{"fileSearch": {"fileSearchStoreNames": ["x"]}}]}, "has no tool 'fileSearch'"),
        (
            "messages",
            CLAUDE,
            {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]},
            "has no tool 'web_fetch_20250910'",
        ),
        (
            "chat",
            CLAUDE,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
                    }
                ]
            },
            "takes no image by its URL",
        ),
    ],
)
def test_what_cannot_be_had_there_is_refused_by_name(
    cloud: Cloud, face: str, model: str, more: dict[str, Any], said: str
) -> None:
    """SERVER-04: rather than by an index of the provider's."""
    answer = cloud.post(face, model, body_of(face, model) | more)
    assert answer.status_code == 422, answer.text
    assert said in error_of(face, answer.json())[1]
    assert cloud.fake(model).requests == []


def test_what_can_be_had_there_goes(cloud: Cloud) -> None:
    body = body_of("messages", CLAUDE)
    body["tools"] = [*body["tools"], {"type": "web_search_20250305", "name": "web_search"}]
    assert cloud.post("messages", CLAUDE, body).status_code == 200


# ---- what was recorded there


RECORDED = [
    each
    for dialect, provider in (("google-generate-content", "google-vertex"), ("anthropic-messages", "vertex-anthropic"))
    for each in exchanges(dialect)
    if each.provider == provider and each.request_body_bytes is not None and each.status < 400
]
_ADDRESS = re.compile(r"/projects/PROJECT/locations/([^/]+)/publishers/[^/]+/models/([^:]+):")


@pytest.fixture(scope="module")
def canned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx2.Client, CannedProvider]]:
    """A row for each location that was recorded, all in front of one canned provider."""
    folder = tmp_path_factory.mktemp("router")
    provider, tokens = CannedProvider(), TokenServer()
    places = {found[1] for each in RECORDED if (found := _ADDRESS.search(each.request_path))}
    with running(tokens.app) as token_url, running(provider.app) as upstream:
        credentials_file(folder, token_url)
        rows = [
            f'[providers.in-{place}]\nlike = "google-vertex"\nbase_url = "{upstream}"\nproject = "PROJECT"\n'
            f'location = "{place}"\ncredentials_file = "credentials.json"\n'
            for place in sorted(places)
        ]
        with router_service(folder, "\n".join(rows)) as url, client(url) as http:
            yield http, provider


@needs_traffic
@pytest.mark.parametrize("exchange", RECORDED, ids=lambda each: each.id)
def test_a_recorded_exchange_passes_through(canned: tuple[httpx2.Client, CannedProvider], exchange: Exchange) -> None:
    """At the address where it was recorded, byte for byte in both directions."""
    http, provider = canned
    found = _ADDRESS.search(exchange.request_path)
    assert found is not None
    model = f"in-{found[1]}/{found[2]}"
    if exchange.kind == "sse":
        provider.events(exchange.response_body)
    else:
        provider.whole(exchange.response_body)
    recorded = exchange.request_body_bytes or b""
    claude = exchange.dialect == "anthropic-messages"
    if claude:
        spliced = b'{"model":%s,' % json.dumps(model).encode() + recorded.lstrip()[1:]
        answer = http.post("/v1/messages", content=spliced, headers={"content-type": "application/json"})
    else:
        path = f"/v1beta/models/{model}:{exchange.request_path.rpartition(':')[2]}"
        answer = http.post(path, content=recorded, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert provider.paths[-1] == exchange.request_path
    assert provider.bodies[-1] == recorded
    assert answer.content == exchange.response_body
    record_count(f"google-vertex: recorded exchanges through, {exchange.dialect}")
