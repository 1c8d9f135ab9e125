"""A verdict on every call and the policy on wrong ones, on every face, plain and streamed."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from providers.dialects import DIALECTS
from providers.spec.events import StreamError
from providers.spec.fold import fold
from providers.spec.parts import Origin, Part, TextPart, ToolCallPart
from providers.wire.json import loads_object
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.requests import body_of, error_of, path_of
from tests.e2e.faces.stage import provider_row
from tests.e2e.faces.voices import FACES
from tests.e2e.service import client, router_service
from tests.fakes.server import running

ON_EACH = pytest.mark.parametrize("face", FACES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
MODEL = "host/some-model"
_DIALECTS = {
    "chat": "openai-chat",
    "messages": "anthropic-messages",
    "responses": "openai-responses",
    "gemini": "google-generate-content",
}
_OBJECTS = {"messages", "gemini"}


class Service(msgspec.Struct, frozen=True):
    """A router before one host of the chat dialect that answers what a test says."""

    http: httpx2.Client
    provider: CannedProvider


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    provider = CannedProvider()
    with running(provider.app) as upstream:
        row = provider_row("host", upstream, wire="chat").replace('{ base = "openai", responses = false }', '"default"')
        with router_service(tmp_path_factory.mktemp("router"), row) as url, client(url) as http:
            yield Service(http, provider)


class Case(msgspec.Struct, frozen=True):
    """One call as a model wrote it."""

    arguments: str
    status: str
    name: str = "get_weather"
    finish: str = "tool_calls"
    repaired: str | None = None
    """What repair makes of it."""

    @property
    def is_object(self) -> bool:
        """Whether a face of objects can say it as it stands."""
        try:
            return isinstance(json.loads(self.arguments), dict)
        except ValueError:
            return False


CASES = {
    "complete": Case('{ "city":\t"Paris" }', "complete"),
    "trailing comma": Case('{"city": "Paris",}', "invalid_json", repaired='{"city":"Paris"}'),
    "fenced": Case('```json\n{"city": "Paris"}\n```', "invalid_json", repaired='{"city":"Paris"}'),
    "misfit": Case('{"town": "Paris"}', "schema_mismatch"),
    "broken": Case('{"city": "Pa', "invalid_json"),
    "array": Case('["Paris"]', "schema_mismatch"),
    "unknown": Case('{"a": 1}', "unknown_tool", name="no_such_tool"),
    "cut": Case('{"city": "Pa', "incomplete", finish="length"),
}
EACH_CASE = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def answer_with(service: Service, case: Case, *, stream: bool, before: str = "Let me look.") -> None:
    """The provider's answer: a text, then the call, its arguments in small pieces."""
    call = {"id": "call_1", "type": "function", "function": {"name": case.name, "arguments": case.arguments}}
    head = {"id": "chatcmpl-1", "created": 1, "model": "some-model"}
    if not stream:
        message = {"role": "assistant", "content": before, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": case.finish}
        service.provider.whole(json.dumps({**head, "object": "chat.completion", "choices": [choice]}).encode())
        return
    opener: Any = {**call, "index": 0, "function": {"name": case.name, "arguments": ""}}
    deltas: list[Any] = [{"role": "assistant", "content": before}, {"tool_calls": [opener]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in case.arguments]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": case.finish})
    chunks = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    service.provider.events(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n")


def answer_with_text(service: Service, text: str, *, stream: bool) -> None:
    """The provider's answer: this text and nothing else, in small pieces."""
    head = {"id": "chatcmpl-1", "created": 1, "model": "some-model"}
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        service.provider.whole(json.dumps({**head, "object": "chat.completion", "choices": [choice]}).encode())
        return
    deltas = [{"content": text[at : at + 3]} for at in range(0, len(text), 3)]
    choices: list[Any] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    service.provider.events(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n")


def ask(service: Service, face: str, policy: str, *, stream: bool) -> httpx2.Response:
    """The question, under this policy."""
    body = body_of(face, MODEL, stream=stream, router={"tool_validation": policy})
    return service.http.post(path_of(face, MODEL, stream=stream), json=body)


def calls_told(face: str, answer: httpx2.Response, *, stream: bool) -> list[tuple[str, str]]:
    """Names and arguments of the calls the caller was handed."""
    parts = parts_told(face, answer, stream=stream)
    return [(part.name, part.arguments) for part in parts if isinstance(part, ToolCallPart)]


def texts_told(face: str, answer: httpx2.Response, *, stream: bool) -> list[str]:
    """The texts the caller was handed."""
    return [part.text for part in parts_told(face, answer, stream=stream) if isinstance(part, TextPart)]


def parts_told(face: str, answer: httpx2.Response, *, stream: bool) -> tuple[Part, ...]:
    """What the caller was handed."""
    dialect = DIALECTS[_DIALECTS[face]]
    origin = Origin(dialect=dialect.name)
    if stream:
        decoder = dialect.stream_decoder(origin)
        events = [*decoder.feed(answer.content), *decoder.close()]
        assert not isinstance(events[-1], StreamError), answer.text
        response = fold(events)
    else:
        response = dialect.decode_response(loads_object(answer.content), origin)
    return response.candidates[0].parts


def verdict_told(face: str, answer: httpx2.Response, *, stream: bool) -> dict[str, Any] | None:
    """The one verdict, where the face has a place for it: a header, or the last chunk of a chat stream."""
    if not stream:
        (verdict,) = json.loads(answer.headers["x-router"])["calls"]
        return dict(verdict)
    if face != "chat":
        return None
    data = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ") and '"router"' in line]
    (verdict,) = json.loads(data[-1])["router"]["calls"]
    return dict(verdict)


@ON_EACH
@BOTH
@EACH_CASE
def test_report_hands_over_what_can_be_said_and_says_what_is_wrong(
    service: Service, face: str, stream: bool, case: Case
) -> None:
    """ARGS-08, FINISH-03, FINISH-08: verbatim; what a face of objects cannot say is left out, never ``{}``."""
    answer_with(service, case, stream=stream)
    answer = ask(service, face, "report", stream=stream)
    assert answer.status_code == 200, answer.text
    verdict = verdict_told(face, answer, stream=stream)
    if verdict is not None:
        assert (verdict["status"], verdict["index"], verdict["name"]) == (case.status, 0, case.name)
    told = calls_told(face, answer, stream=stream)
    if face not in _OBJECTS:
        assert told == [(case.name, case.arguments)]
    elif case.is_object:
        assert [(name, json.loads(arguments)) for name, arguments in told] == [(case.name, json.loads(case.arguments))]
    else:
        assert told == []
        if not stream:
            adjustments = json.loads(answer.headers["x-router"])["adjustments"]
            assert "response.tool_calls[0]" in [each["path"] for each in adjustments]


@ON_EACH
@BOTH
@EACH_CASE
def test_repair_mends_what_has_one_reading(service: Service, face: str, stream: bool, case: Case) -> None:
    """ARGS-08: the mended call is handed over whole; one that has no one reading stays as it came, or is left out."""
    answer_with(service, case, stream=stream)
    answer = ask(service, face, "repair", stream=stream)
    assert answer.status_code == 200, answer.text
    verdict = verdict_told(face, answer, stream=stream)
    if verdict is not None:
        assert verdict["status"] == ("repaired" if case.repaired else case.status)
        assert bool(verdict.get("repairs")) == bool(case.repaired)
    told = calls_told(face, answer, stream=stream)
    if case.repaired:
        assert [(name, json.loads(text)) for name, text in told] == [(case.name, json.loads(case.repaired))]
    elif face not in _OBJECTS:
        assert told == [(case.name, case.arguments)]
    else:
        assert [name for name, _ in told] == ([case.name] if case.is_object else [])


@ON_EACH
@BOTH
def test_a_call_written_as_text_is_made_one_where_that_is_asked_for(service: Service, face: str, stream: bool) -> None:
    """TEXT-01, TEXT-03: on every face; without being asked, the text stays (and is told in the header)."""
    text = 'Let me look. <tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    answer_with_text(service, text, stream=stream)
    answer = ask(service, face, "repair", stream=stream)
    assert answer.status_code == 200, answer.text
    assert [(name, json.loads(given)) for name, given in calls_told(face, answer, stream=stream)] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert "tool_call>" not in answer.text.split('"router"')[0]
    assert "Let me look." in "".join(texts_told(face, answer, stream=stream))
    verdict = verdict_told(face, answer, stream=stream)
    if verdict is not None:
        assert (verdict["status"], verdict["repairs"][0]["what"]) == (
            "repaired",
            "written as text (<tool_call>), made a call",
        )
    answer_with_text(service, text, stream=stream)
    answer = ask(service, face, "report", stream=stream)
    assert calls_told(face, answer, stream=stream) == []


@ON_EACH
@BOTH
@EACH_CASE
def test_reject_lets_no_wrong_call_through(service: Service, face: str, stream: bool, case: Case) -> None:
    """An error in the face's shape that names the call and none of its arguments."""
    answer_with(service, case, stream=stream)
    answer = ask(service, face, "reject", stream=stream)
    if case.status == "complete":
        assert len(calls_told(face, answer, stream=stream)) == 1
        return
    assert case.status in answer.text
    assert case.name in answer.text
    if not stream:
        assert answer.status_code == 502
        assert case.name in error_of(face, answer.json())[1]
        return
    assert answer.status_code == 200
    assert '"error"' in answer.text
    assert case.arguments[:8] not in answer.text.replace("\\", "")
    assert "data: [DONE]" not in answer.text
    assert "event: message_stop" not in answer.text
    assert "event: response.completed" not in answer.text


@ON_EACH
@pytest.mark.parametrize("policy", ["report", "repair", "reject"])
@pytest.mark.parametrize("arguments", [("{}",), ("", '{"city":', '"Rome"}')], ids=["whole", "in pieces"])
def test_calls_that_grow_at_once_are_handed_over_and_the_stream_ends(
    service: Service, face: str, policy: str, arguments: tuple[str, ...]
) -> None:
    """STREAM-04, STREAM-15: three calls, none of which has ended before the next begins, and a text behind them."""
    heads = [{"index": n, "id": f"call_{n}", "type": "function"} for n in range(3)]
    first: list[Any] = [{**head, "function": {"name": "get_weather", "arguments": arguments[0]}} for head in heads]
    deltas: list[Any] = [{"tool_calls": first}]
    deltas += [
        {"tool_calls": [{"index": n, "function": {"arguments": piece}} for n in range(3)]} for piece in arguments[1:]
    ]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in [*deltas, {"content": "So."}]]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    chunks = [{"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [one]} for one in choices]
    service.provider.events(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n")
    answer = ask(service, face, policy, stream=True)
    whole = "".join(arguments)
    if policy == "reject" and whole == "{}":
        assert "schema_mismatch" in answer.text
        return
    assert calls_told(face, answer, stream=True) == [("get_weather", whole)] * 3
    assert texts_told(face, answer, stream=True)[:1] == ["So."]
