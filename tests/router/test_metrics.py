"""What is counted: read from ``/metrics`` of the running service, by the parser of the library that writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from router.keys import new_key
from router.metrics import Metrics
from tests.e2e.conversation import TOOLS
from tests.e2e.service import client, router_before, router_service
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import CutMidStream, EndlessStream, HttpError
from tests.router.command import serving

CANARY = "canary5b1c"
QUESTION = {"role": "user", "content": f"How warm is it in Paris and Rome? {CANARY}"}
ASK: dict[str, Any] = {"model": "openai/gpt-4.1", "messages": [QUESTION], "tools": TOOLS}


class Counted:
    """The samples of one reading."""

    def __init__(self, text: str) -> None:
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def of(self, name: str, **labels: str) -> float:
        """The sum of the samples that have this name and these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == f"ai_router_{name}" and labels.items() <= sample.labels.items()
        )


def counted(http: httpx2.Client) -> Counted:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Counted(answer.text)


REQUESTS = "request_duration_seconds_count"


@pytest.fixture
def openai() -> OpenAIChat:
    return OpenAIChat()


@pytest.fixture
def service(tmp_path: Path, openai: OpenAIChat) -> Iterator[httpx2.Client]:
    """A client of a router in front of two providers."""
    fakes = {"openai": openai, "anthropic": AnthropicMessages()}
    with router_before(tmp_path, fakes) as url, client(url) as http:
        yield http


def test_each_face_is_counted_by_provider_status_and_stream(service: httpx2.Client) -> None:
    messages = {"model": ASK["model"], "max_tokens": 100, "messages": [QUESTION]}
    responses = {"model": ASK["model"], "input": "x"}
    gemini = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    envelope = {"model": ASK["model"], "input": {"messages": [QUESTION]}}
    asked = {
        "chat": ("/v1/chat/completions", ASK),
        "messages": ("/v1/messages", messages),
        "responses": ("/v1/responses", responses),
        "gemini": ("/v1beta/models/openai%2Fgpt-4.1:generateContent", gemini),
        "envelope": ("/v1/ai/run", envelope),
    }
    service.headers["x-router-wire"] = "chat"  # what this stand-in for OpenAI speaks
    for path, body in asked.values():
        assert service.post(path, json=body).status_code == 200
    for face in ("chat", "messages", "responses"):
        path, body = asked[face]
        assert service.post(path, json={**body, "stream": True}).status_code == 200
    path = "/v1/models/openai%2Fgpt-4.1:streamGenerateContent"
    assert service.post(path, json=gemini).status_code == 200
    assert service.post("/explain/v1/chat/completions", json=ASK).status_code == 200
    found = counted(service)
    for face in asked:
        labels = {"face": face, "provider": "openai", "status": "2xx"}
        assert found.of(REQUESTS, stream="false", **labels) == 1, face
        assert found.of(REQUESTS, stream="true", **labels) == (face != "envelope"), face
        assert found.of("request_duration_seconds_sum", **labels) > 0
    assert found.of(REQUESTS, face="explain", provider="none") == 1
    assert found.of("attempts_total", provider="openai", outcome="answered") == 9
    assert found.of("upstream_duration_seconds_count", provider="openai", stream="true") == 4


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_calls_and_adjustments_are_counted_where_the_dialect_has_no_place_for_them(
    service: httpx2.Client, stream: bool
) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"name": "get_weather", "input_schema": schema}]
    body = {"model": ASK["model"], "max_tokens": 100, "messages": [QUESTION], "tools": tools, "top_k": 3}
    told = service.post("/v1/messages", json={**body, "stream": stream})
    assert told.status_code == 200
    found = counted(service)
    calls = told.text.count('"type":"tool_use"')
    assert calls > 0
    assert found.of("tool_calls_total", provider="openai", status="complete") == calls
    assert found.of("adjustments_total", provider="openai", action="dropped") >= 1
    assert found.of("tokens_total", provider="openai", direction="input") > 0
    assert found.of("tokens_total", provider="openai", direction="output") > 0


def test_the_log_tells_the_same(tmp_path: Path) -> None:
    body = {"model": "scripted/demo", "messages": [QUESTION], "tools": TOOLS, "parallel_tool_calls": False}
    with serving(folder=tmp_path) as service, client(service.url) as http:
        answer = http.post("/v1/chat/completions", json=body).json()["router"]
        line = service.wait_for("request")
        found = counted(http)
    assert sum(line.get("calls", {}).values()) == len(answer.get("calls", []))
    assert sum(line.get("adjustments", {}).values()) == len(answer.get("adjustments", []))
    for status, number in line.get("calls", {}).items():
        assert found.of("tool_calls_total", provider="scripted", status=status) == number


def test_failures_and_who_stood_in_are_counted(service: httpx2.Client, openai: OpenAIChat) -> None:
    openai.fail(HttpError(429), HttpError(500), CutMidStream(0))
    again = {**ASK, "router": {"fallbacks": ["anthropic/claude-sonnet-4-5"]}}
    for _ in range(3):
        assert service.post("/v1/chat/completions", json=again).status_code == 200
    found = counted(service)
    outcomes = {"429": 1, "5xx": 1}
    for outcome, number in outcomes.items():
        assert found.of("attempts_total", provider="openai", outcome=outcome) == number
    assert found.of("attempts_total", provider="openai") == 3
    assert found.of("attempts_total", provider="anthropic", outcome="answered") == 3
    assert found.of("fallbacks_total", provider="anthropic") == 3
    assert found.of("fallbacks_total", provider="openai") == 0


def test_an_error_is_the_providers_where_it_has_one_and_a_broken_stream_is_no_success(
    service: httpx2.Client, openai: OpenAIChat
) -> None:
    openai.fail(HttpError(503), CutMidStream(3))
    assert service.post("/v1/chat/completions", json=ASK).status_code == 503
    assert "error" in service.post("/v1/chat/completions", json={**ASK, "stream": True}).text
    assert service.post("/v1/chat/completions", json={}).status_code == 400
    assert service.post("/v1/chat/completions", content=b"{").status_code == 400
    assert service.get(f"/{CANARY}").status_code == 404
    found = counted(service)
    assert found.of(REQUESTS, face="chat", provider="openai", status="5xx", stream="false") == 1
    assert found.of(REQUESTS, face="chat", provider="openai", status="broken", stream="true") == 1
    assert found.of(REQUESTS, face="chat", provider="none", status="4xx") == 2
    assert found.of(REQUESTS, face="other", status="4xx") == 1


def test_streams_under_way_are_counted_while_they_are(service: httpx2.Client, openai: OpenAIChat) -> None:
    openai.fail(EndlessStream(after=3), None)
    with service.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces)
        assert counted(service).of("streams_in_flight") == 1
    assert openai.wait_disconnected()
    # The next answer is given by the same loop after the stream's end was noticed there.
    assert service.post("/v1/chat/completions", json={**ASK, "stream": True}).status_code == 200
    found = counted(service)
    assert found.of("streams_in_flight") == 0
    assert found.of(REQUESTS, face="chat", stream="true") == 2


def test_callers_cannot_add_a_series_nor_put_a_word_into_one(service: httpx2.Client) -> None:
    def ask(number: int) -> None:
        word = f"{CANARY}{number}"
        messages = [{"role": "user", "content": word}]
        headers = {"x-request-id": word, "authorization": f"Bearer {word}"}
        for model in (f"openai/{word}", f"{word}/x", word):
            body = {"model": model, "messages": messages, "user": word}
            service.post("/v1/chat/completions", json=body, headers=headers)
        service.get(f"/{word}")
        service.post(f"/v1/models/{word}:generateContent", json={})
        service.request("PURGE", "/v1/models")

    ask(0)
    before = {(sample.name, *sample.labels.items()) for sample in counted(service).samples}
    for number in range(1, 6):
        ask(number)
    text = service.get("/metrics").text
    assert {(sample.name, *sample.labels.items()) for sample in Counted(text).samples} == before
    assert CANARY not in text


def test_what_watches_the_service_is_not_counted(service: httpx2.Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert service.get(path).status_code == 200
    assert counted(service).of(REQUESTS) == 0


def test_open_metrics_is_spoken_where_it_is_asked_for(service: httpx2.Client) -> None:
    service.post("/v1/chat/completions", json=ASK)
    answer = service.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in open_metrics(answer.text)}  # type: ignore[no-untyped-call]
    assert {"ai_router_request_duration_seconds", "ai_router_tokens", "ai_router_info"} <= names


# ---- who may read them


def test_they_are_open_unless_said_otherwise(tmp_path: Path) -> None:
    key, stored = new_key()
    keyed = f"[[keys]]\nname = 'a'\nhash = '{stored}'\n"
    wanted = {"": (200, 200), "open": (200, 200), "key": (401, 200), "off": (404, 404)}
    for access, statuses in wanted.items():
        said = f"[metrics]\naccess = '{access}'\n" if access else ""
        with router_service(tmp_path, keyed + said) as url, client(url) as http:
            without = http.get("/metrics").status_code
            having = http.get("/metrics", headers={"authorization": f"Bearer {key}"}).status_code
        assert (without, having) == statuses, access


def test_two_applications_of_one_process_count_apart(tmp_path: Path) -> None:
    body = {"model": "scripted/demo", "messages": [QUESTION]}
    with router_service(tmp_path) as one, router_service(tmp_path) as two, client(one) as http, client(two) as other:
        http.post("/v1/chat/completions", json=body)
        assert (counted(http).of(REQUESTS), counted(other).of(REQUESTS)) == (1, 0)


def test_what_is_known_before_anything_happened_is_the_version() -> None:
    text, _ = Metrics(()).exposition()
    (info,) = [sample for sample in Counted(text.decode()).samples if sample.name == "ai_router_info"]
    assert info.labels.keys() == {"version"}
