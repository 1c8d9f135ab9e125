"""Same dialect in and out: bytes pass as they are, and what goes wrong still ends as an error."""

import json
import re
from collections.abc import Iterator

import httpx2
import msgspec
import pytest

from tests.e2e.faces.answers import OWN, Own
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.stage import provider_row
from tests.e2e.service import client, router_service
from tests.fakes.server import running


class Relayed(msgspec.Struct, frozen=True):
    """A router whose every provider is one canned one."""

    http: httpx2.Client
    provider: CannedProvider

    def post(self, path: str, body: bytes, **headers: str) -> httpx2.Response:
        """One request, answered whole."""
        return self.http.post(path, content=body, headers={"content-type": "application/json", **headers})


@pytest.fixture(scope="module")
def relayed_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relayed]:
    provider = CannedProvider()
    with running(provider.app) as upstream:
        rows = [provider_row(own.wire, upstream, extra="timeout = { between_events = 5.0 }") for own in OWN.values()]
        with router_service(tmp_path_factory.mktemp("router"), "\n".join(rows)) as url, client(url) as http:
            yield Relayed(http, provider)


@pytest.fixture
def relayed(relayed_module: Relayed) -> Relayed:
    relayed_module.provider.bodies.clear()
    relayed_module.provider.headers.clear()
    return relayed_module


ON_EACH = pytest.mark.parametrize("face", OWN)
_ROUTER_EVENT = re.compile(rb'data: \{[^\n]*"router":[^\n]*\n\n')


def without_router_event(stream: bytes) -> bytes:
    """A chat stream without the one event that is the router's own."""
    return _ROUTER_EVENT.sub(b"", stream)


def events_in(stream: bytes) -> list[str]:
    """The data of each event."""
    return [line[5:].strip() for line in stream.decode().splitlines() if line.startswith("data:")]


@ON_EACH
def test_a_plain_exchange_is_the_providers_own_bytes(relayed: Relayed, face: str) -> None:
    """ARGS-10: the model is spliced into the caller's bytes; spacing, escapes and literals stay, both ways."""
    own = OWN[face]
    relayed.provider.whole(own.plain)
    answer = relayed.post(own.path, own.request)
    assert answer.status_code == 200, answer.text
    assert relayed.provider.bodies == [own.sent]
    assert answer.content == own.plain
    assert answer.headers["x-router-adjustments"] == "0"
    assert answer.headers["x-router-provider"] == own.wire
    said = json.loads(answer.headers["x-router"])
    assert [call["status"] for call in said["calls"]] == ["complete"]
    assert "adjustments" not in said


@ON_EACH
@pytest.mark.parametrize("size", [1, 2, 7, 100, 100_000])
def test_a_stream_is_the_providers_own_bytes_however_it_is_cut(relayed: Relayed, face: str, size: int) -> None:
    """STREAM-17, STREAM-18."""
    own = OWN[face]
    stream = own.whole_stream
    relayed.provider.events(*(stream[start : start + size] for start in range(0, len(stream), size)))
    answer = relayed.post(own.stream_path, own.stream_request)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-router-provider"] == own.wire
    told = without_router_event(answer.content) if face == "chat" else answer.content
    assert told == stream
    assert relayed.provider.bodies[0] == own.stream_request.replace(b'"chat\\/gpt', b'"gpt').replace(
        f"{own.wire}/".encode(), b""
    )


def test_the_routers_chunk_comes_once_and_before_done(relayed: Relayed) -> None:
    own = OWN["chat"]
    relayed.provider.events(own.whole_stream)
    data = events_in(relayed.post(own.stream_path, own.stream_request).content)
    assert data[-1] == "[DONE]"
    told = [json.loads(item) for item in data[:-1]]
    assert ["router" in chunk for chunk in told] == [False] * (len(told) - 1) + [True]
    last = told[-1]
    assert last["id"] == "chatcmpl-1"
    assert [call["status"] for call in last["router"]["calls"]] == ["complete"]
    assert last["router"]["wire"] == "openai-chat"


@ON_EACH
def test_what_is_asked_of_the_router_is_not_relayed(relayed: Relayed, face: str) -> None:
    """With a ``router`` object the body is written anew, without it."""
    own = OWN[face]
    relayed.provider.whole(own.plain)
    answer = relayed.post(own.path, own.request.rstrip()[:-1] + b', "router":{"tool_validation":"repair"}}')
    assert answer.status_code == 200, answer.text
    assert json.loads(relayed.provider.bodies[0]) == json.loads(own.sent)


# ---- faults


def cut_at(own: Own, event: int) -> bytes:
    """The stream up to the middle of an event."""
    whole = b"".join(own.stream[:event])
    return whole + own.stream[event][: len(own.stream[event]) // 2]


def assert_ends_as_error(face: str, content: bytes, passed: bytes) -> None:
    """The events before the fault as they came, then one error in the face's shape, and no word of a good end."""
    assert content.startswith(passed)
    rest = events_in(content[len(passed) :])
    first = json.loads(rest[0])
    match face:
        case "chat":
            assert set(first) == {"error"}
            assert len(rest) == 1
        case "messages":
            assert first["type"] == "error"
            assert b"event: error\n" in content
            assert len(rest) == 1
        case "responses":
            assert first["type"] == "error"
            failed = json.loads(rest[1])
            assert (failed["type"], failed["response"]["id"]) == ("response.failed", "resp_1")
            assert len(rest) == 2
        case _:
            assert first["error"]["code"] >= 500
            assert len(rest) == 1
    assert b"data: [DONE]" not in content
    assert b"event: message_stop" not in content
    assert b"event: response.completed" not in content


_PIECES = pytest.mark.parametrize("size", [1, 100_000])


@ON_EACH
@_PIECES
def test_a_cut_within_an_event(relayed: Relayed, face: str, size: int) -> None:
    """STREAM-15: half an event is not passed on, and the error stands alone."""
    own = OWN[face]
    at = len(own.stream) - 1
    stream = cut_at(own, at)
    relayed.provider.events(*(stream[start : start + size] for start in range(0, len(stream), size)), cut=True)
    answer = relayed.post(own.stream_path, own.stream_request)
    assert_ends_as_error(face, answer.content, b"".join(own.stream[:at]))


@ON_EACH
@pytest.mark.parametrize("cut", [False, True], ids=["ended", "cut"])
def test_a_missing_terminator(relayed: Relayed, face: str, cut: bool) -> None:
    """STREAM-15: whether the connection ends cleanly or not."""
    own = OWN[face]
    at = len(own.stream) - (2 if face == "chat" else 1)
    relayed.provider.events(*own.stream[:at], cut=cut)
    answer = relayed.post(own.stream_path, own.stream_request)
    assert_ends_as_error(face, answer.content, b"".join(own.stream[:at]))


@ON_EACH
@_PIECES
def test_an_error_event_after_content(relayed: Relayed, face: str, size: int) -> None:
    """STREAM-14: told in the router's words once, not twice."""
    own = OWN[face]
    at = len(own.stream) - 2
    stream = b"".join(own.stream[:at]) + own.error_event
    relayed.provider.events(*(stream[start : start + size] for start in range(0, len(stream), size)))
    answer = relayed.post(own.stream_path, own.stream_request)
    assert_ends_as_error(face, answer.content, b"".join(own.stream[:at]))
    assert answer.content.count(b"it broke") == (2 if face == "responses" else 1)
    assert f'"{own.wire}"'.encode() in answer.content


@ON_EACH
def test_an_error_event_before_content_is_a_status(relayed: Relayed, face: str) -> None:
    """STREAM-14."""
    own = OWN[face]
    relayed.provider.events(own.error_event)
    answer = relayed.post(own.stream_path, own.stream_request)
    assert answer.status_code >= 500
    assert "it broke" in answer.text


_ANNOUNCED = {
    "chat": (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1",'
        b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
    ),
    "messages": b"".join(OWN["messages"].stream[:3]),
    "responses": OWN["responses"].stream[0],
}


@pytest.mark.parametrize("face", _ANNOUNCED)
def test_an_error_after_no_more_than_an_announcement_is_a_status(relayed: Relayed, face: str) -> None:
    """STREAM-26: an empty text is no content, so another provider may still answer."""
    own = OWN[face]
    relayed.provider.events(_ANNOUNCED[face], own.error_event)
    answer = relayed.post(own.stream_path, own.stream_request)
    assert answer.status_code >= 500, answer.text
    assert "it broke" in answer.text


@ON_EACH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_error_body_in_a_200(relayed: Relayed, face: str, stream: bool) -> None:
    """STREAM-16."""
    own = OWN[face]
    body = events_in(own.error_event)[0].encode()
    relayed.provider.whole(body)
    path, request = (own.stream_path, own.stream_request) if stream else (own.path, own.request)
    answer = relayed.post(path, request)
    assert answer.status_code >= 500, answer.text
    assert "it broke" in answer.text


@ON_EACH
def test_a_whole_answer_where_a_stream_was_asked_for_is_streamed(relayed: Relayed, face: str) -> None:
    """Hosts that do not stream: the caller reads events all the same."""
    own = OWN[face]
    relayed.provider.whole(own.plain)
    answer = relayed.post(own.stream_path, own.stream_request)
    assert answer.status_code == 200, answer.text
    assert b"12345678901234567890" in answer.content
    ends = {"chat": b"data: [DONE]", "messages": b"event: message_stop", "responses": b"event: response.completed"}
    assert ends.get(face, b'"finishReason"') in answer.content
    assert events_in(answer.content)


@ON_EACH
@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"[]", b"null", b"{}", b"\xff\xfe", b"{", b"[" * 10_000])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_is_no_answer_is_an_error(relayed: Relayed, face: str, body: bytes, stream: bool) -> None:
    """ERROR-01."""
    own = OWN[face]
    relayed.provider.whole(body)
    path, request = (own.stream_path, own.stream_request) if stream else (own.path, own.request)
    answer = relayed.post(path, request)
    assert answer.status_code == 502, answer.text
    assert answer.json()["error"]["message"]


BEHIND = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"more"},"finish_reason":null}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize("face", ["chat", "messages", "responses"])
@pytest.mark.parametrize("together", [False, True], ids=["apart", "in one piece"])
def test_nothing_behind_the_terminator_is_part_of_the_answer(relayed: Relayed, face: str, together: bool) -> None:
    """STREAM-15, STREAM-21: a stream ends where its dialect says so, however its bytes come."""
    own = OWN[face]
    whole = b"".join(own.stream)
    relayed.provider.events(*((whole + BEHIND,) if together else (*own.stream[:-1], own.stream[-1] + BEHIND)))
    answer = relayed.post(own.stream_path, own.stream_request)
    assert answer.status_code == 200
    assert without_router_event(answer.content) == whole


def test_a_terminator_within_a_text_ends_nothing(relayed: Relayed) -> None:
    """STREAM-21: quoted in an answer it has its quotes escaped."""
    own = OWN["messages"]
    said = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    said += b'"text":"{\\"type\\":\\"message_stop\\"}\\n\\ndata: [DONE]"}}\n\n'
    pieces = (*own.stream[:4], said, *own.stream[4:])
    relayed.provider.events(b"".join(pieces))
    assert relayed.post(own.stream_path, own.stream_request).content == b"".join(pieces)
