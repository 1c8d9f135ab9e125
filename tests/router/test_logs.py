"""Logs are JSON with a request id, and hold no secret and no prompt: canaries are planted everywhere."""

import io
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.spec.response import Usage
from router.keys import new_key
from router.logs import JsonFormatter, RequestRecord, configure_logging, described, stamp, write_request
from tests.e2e.service import client, router_service, row
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import CutMidStream, ErrorMidStream, HttpError, running
from tests.router.command import Serving, serving

CANARY = "canary7f3a"
PROVIDER_KEY = f"sk-{CANARY}-provider-key"


def canary_body(**more: Any) -> dict[str, Any]:
    """A request with a canary wherever a caller can put one, besides the model's name."""
    return {
        "model": "openai/gpt-4.1",
        "messages": [
            {"role": "system", "content": CANARY},
            {"role": "user", "content": f"prompt {CANARY}", "name": CANARY},
        ],
        "tools": [{"type": "function", "function": {"name": CANARY, "description": CANARY, "parameters": {}}}],
        "user": CANARY,
        **more,
    }


def test_nothing_of_a_request_or_an_answer_reaches_the_log(tmp_path: Path) -> None:
    fake = OpenAIChat(key=PROVIDER_KEY)
    router_key, stored = new_key()
    with running(fake) as upstream:
        (tmp_path / "router.toml").write_text(
            f"[logging]\nlevel = 'debug'\n[[keys]]\nname = 'caller'\nhash = '{stored}'\n"
            + row("openai", upstream, f'headers = {{ x-secret = "{CANARY}" }}').replace("test-key", PROVIDER_KEY)
        )
        with serving("--config", "router.toml", folder=tmp_path) as service:
            make_trouble(service, fake, router_key)
            assert service.stop() == 0
    text = json.dumps(service.lines)
    assert CANARY not in text
    assert router_key not in text
    requests = [line for line in service.lines if line["message"] == "request"]
    assert len(requests) >= 12
    assert all(line["request_id"] and line["path"] for line in requests)
    assert {"caller", None} <= {line.get("key") for line in requests}
    assert {200, 400, 401, 404, 500} <= {line["status"] for line in requests}


def make_trouble(service: Serving, fake: OpenAIChat, key: str) -> None:
    """Requests that go well and in every way wrong."""
    secret_error = f"Incorrect API key provided: {PROVIDER_KEY}. You said: {CANARY}"
    with client(service.url) as http:
        http.headers["authorization"] = f"Bearer {key}"
        chat = "/v1/chat/completions"
        assert http.post(chat, json=canary_body(tools=None)).status_code == 200
        assert http.post(chat, json=canary_body(tools=None, stream=True)).status_code == 200
        for failure in (HttpError(500, message=secret_error), HttpError(401, message=secret_error), CutMidStream()):
            fake.fail(failure)
            assert http.post(chat, json=canary_body(tools=None)).status_code >= 400
        for cut in (ErrorMidStream(), CutMidStream()):
            fake.fail(cut)
            assert "error" in http.post(chat, json=canary_body(tools=None, stream=True)).text
        assert http.post(chat, json=canary_body(messages=CANARY)).status_code == 400
        assert http.post(chat, json=canary_body(temperature=CANARY)).status_code == 400
        assert http.post(chat, content=f'{{"{CANARY}'.encode()).status_code == 400
        assert http.post("/v1/ai/run", json={CANARY: CANARY}).status_code == 400
        assert http.get(f"/none?key={CANARY}").status_code == 404
        assert http.get("/v1/models", headers={"authorization": f"Bearer {CANARY}"}).status_code == 401
        assert http.get("/healthz", headers={"x-request-id": "given-1"}).headers["x-request-id"] == "given-1"


def test_one_line_for_each_request_with_what_operators_need(tmp_path: Path) -> None:
    body = {"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}
    with serving(folder=tmp_path) as service, client(service.url) as http:
        answer = http.post("/v1/chat/completions", json=body, headers={"x-request-id": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"
        line = service.wait_for("request")
        streamed = http.post("/v1/chat/completions", json={**body, "stream": True})
        fresh = service.wait_for("request")
    usage = answer.json()["usage"]
    assert line.pop("duration_ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info", "logger": "router.request", "message": "request", "request_id": "mine-1", "method": "POST",
        "path": "/v1/chat/completions", "status": 200, "provider": "scripted", "model": "scripted/demo",
        "stream": False, "calls": {"unknown_tool": 1},
        "input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"],
    }  # fmt: skip
    assert fresh["request_id"] == streamed.headers["x-request-id"] != "mine-1"
    assert (fresh["stream"], fresh["output_tokens"]) == (True, usage["completion_tokens"])


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "ü"])
def test_a_request_id_that_is_not_sane_is_replaced(tmp_path: Path, given: str) -> None:
    with router_service(tmp_path) as url, client(url) as http:
        answer = http.get("/healthz", headers={b"x-request-id": given.encode()})
    assert answer.headers["x-request-id"].startswith("req_")


# ---- the formatter


def line_of(name: str, message: str, *arguments: object, error: BaseException | None = None, **fields: object) -> Any:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, message, arguments, info)
    record.fields = fields
    return json.loads(JsonFormatter().format(record))


def test_an_exception_shows_its_kind_and_place_and_nothing_it_says() -> None:
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as inner:
            raise RuntimeError(CANARY) from inner
    except RuntimeError as error:
        line = line_of("router.x", "failed", error=error)
    assert line["exception"] == "RuntimeError from ValueError"
    assert any("test_logs.py" in frame for frame in line["traceback"])
    assert CANARY not in json.dumps(line)


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert described(one)["exception"] == "ValueError from ValueError"


def test_what_other_libraries_say_is_kept_without_its_values() -> None:
    """asyncio writes the exception of a lost task into its message, text and all."""
    assert line_of("router.x", "value %s", 1)["message"] == "value 1"
    assert line_of("httpx2", "sent %s", CANARY)["message"] == "sent %s"
    assert line_of("asyncio", f"Task exception was never retrieved\nfuture: {CANARY}")["message"] == (
        "Task exception was never retrieved"
    )


def test_a_line_is_a_line_whatever_is_in_it() -> None:
    line = line_of("router.x", "failed", path="/\ud800\n", model="m")
    assert (line["model"], "\n" in line["path"]) == ("m", True)
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(JsonFormatter())
    handler.handle(logging.LogRecord("router", logging.INFO, "x", 1, "a\nb", (), None))
    assert stream.getvalue().count("\n") == 1


def written(record: RequestRecord) -> str:
    """The line of a request as it stands in the log."""
    configure_logging("info", stream=(stream := io.StringIO()))
    try:
        write_request(record, 0.0125)
    finally:
        logging.getLogger("router").handlers.clear()
        logging.getLogger("router").propagate = True
    return stream.getvalue()


def test_the_line_of_a_request_has_what_is_known_in_its_order() -> None:
    record = RequestRecord("r-1", "POST", "/v1/messages")
    assert list(json.loads(written(record))) == [
        "time", "level", "logger", "message", "request_id", "method", "path", "duration_ms"
    ]  # fmt: skip
    record = RequestRecord("r-1", "POST", "/v1/messages")
    record.status, record.key, record.provider, record.model, record.stream = 502, "team", "openai", "m", False
    record.error, record.usage = "overloaded_error", Usage(input_tokens=0, output_tokens=2, reasoning_tokens=3)
    record.said = {
        "adjustments": [{"action": "dropped"}] * 2,
        "calls": [{"status": "complete"}, {"status": "repaired"}],
    }
    line = json.loads(written(record))
    assert line.pop("time").endswith("+00:00")
    assert list(line.items()) == list({
        "level": "error", "logger": "router.request", "message": "request", "request_id": "r-1", "method": "POST",
        "path": "/v1/messages", "status": 502, "key": "team", "provider": "openai", "model": "m", "stream": False,
        "error": "overloaded_error", "adjustments": {"dropped": 2}, "calls": {"complete": 1, "repaired": 1},
        "input_tokens": 0, "output_tokens": 2, "reasoning_tokens": 3, "duration_ms": 12.5,
    }.items())  # fmt: skip


def test_whoever_else_listens_hears_the_same(caplog: pytest.LogCaptureFixture) -> None:
    record = RequestRecord("r-1", "GET", "/\ud800\n" + "x" * 300)
    line = json.loads(written(record))
    with caplog.at_level(logging.INFO):
        write_request(record, 0.0125)
    fields = caplog.records[-1].fields  # type: ignore[attr-defined]
    assert fields["request_id"] == line["request_id"]
    assert (len(fields["path"]), len(line["path"])) == (200, 200)
    assert json.loads(JsonFormatter().format(caplog.records[-1])).keys() == line.keys()


@given(st.one_of(st.floats(0, 4e9), st.integers(0, 4_000_000_000).map(float)))
@example(1.9999999)
@example(1795581282.9996)
def test_a_time_is_written_as_the_standard_library_writes_it(seconds: float) -> None:
    assert stamp(seconds) == datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def test_what_callers_choose_is_cut() -> None:
    record = RequestRecord("r", "GET", "/" + "x" * 5000)
    record.model = "m" * 5000
    assert all(len(str(value)) <= 200 for value in record.line("info", 0.0).fields().values())
