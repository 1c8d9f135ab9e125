"""Explain tells exactly what is then sent, and no secret."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.wire.json import loads
from tests.e2e.faces.requests import body_of, path_of
from tests.e2e.faces.stage import MODELS, WIRES, Stage, new_fakes, staged
from tests.e2e.faces.voices import FACES
from tests.e2e.service import client
from tests.exact import assert_exact

_HIDDEN = "[redacted]"
_FRAMING = {"host", "content-length", "connection", "transfer-encoding"}
_CANARY = "canary-in-a-header-of-the-row"


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Rows with a secret under a name of their own, and an address that is no secret."""
    extra = f'headers = {{ x-tenant = "{_CANARY}" }}'
    with staged(tmp_path_factory.mktemp("router"), new_fakes(), extra=extra) as stage:
        yield stage


@pytest.fixture(scope="module")
def http(module_stage: Stage) -> Iterator[httpx2.Client]:
    with client(module_stage.url) as speaker:
        yield speaker


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.one_of(st.integers(0, 2), st.floats(0, 1, allow_nan=False))


def history(face: str, words: list[str], last: str) -> dict[str, Any]:
    """A conversation of a face: something said, answered, said again, perhaps with a call and its result between."""
    result, call = {"celsius": 21}, {"city": "Paris"}
    match face:
        case "chat":
            made = {
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": json.dumps(call)},
            }
            messages: list[Any] = [{"role": "user", "content": word or "x"} for word in words]
            messages += [
                {"role": "assistant", "content": None, "tool_calls": [made]},
                {"role": "tool", "tool_call_id": "call_1", "content": json.dumps(result)},
                {"role": "user", "content": last or "x"},
            ]
            return {"messages": messages}
        case "messages":
            use = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": call}
            given_back = {"type": "tool_result", "tool_use_id": "toolu_1", "content": json.dumps(result)}
            messages = [{"role": "user", "content": word or "x"} for word in (words or ["x"])]
            messages += [
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [given_back, {"type": "text", "text": last or "x"}]},
            ]
            return {"messages": messages}
        case "responses":
            items: list[Any] = [{"role": "user", "content": word or "x"} for word in words]
            items += [
                {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": json.dumps(call)},
                {"type": "function_call_output", "call_id": "call_1", "output": json.dumps(result)},
                {"role": "user", "content": last or "x"},
            ]
            return {"input": items}
        case _:
            contents: list[Any] = [{"role": "user", "parts": [{"text": word or "x"}]} for word in (words or ["x"])]
            contents += [
                {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": call}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": result}}]},
                {"role": "model", "parts": [{"text": "y"}]},
                {"role": "user", "parts": [{"text": last or "x"}]},
            ]
            return {"contents": contents}


def sampling(face: str, temperature: float | None, top_p: float | None, extra: dict[str, Any]) -> dict[str, Any]:
    """Settings of a face, and a field that nobody knows."""
    given_settings = {"temperature": temperature, ("topP" if face == "gemini" else "top_p"): top_p}
    chosen = {name: value for name, value in given_settings.items() if value is not None}
    return {**({"generationConfig": chosen} if face == "gemini" else chosen), **extra}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("wire", WIRES)
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    words=st.lists(texts, max_size=2),
    last=texts,
    temperature=st.none() | numbers,
    top_p=st.none() | numbers,
    extra=st.sampled_from([{}, {"nobody_knows_it": {"n": 10**20}}]),
    stream=st.booleans(),
    options=st.sampled_from([None, {"on_loss": "refuse"}, {"tool_validation": "repair"}]),
    spaced=st.booleans(),
)
def test_what_is_explained_is_what_is_sent(
    stage: Stage,
    http: httpx2.Client,
    face: str,
    wire: str,
    words: list[str],
    last: str,
    temperature: float | None,
    top_p: float | None,
    extra: dict[str, Any],
    stream: bool,
    options: dict[str, Any] | None,
    spaced: bool,
) -> None:
    """Method, address, every header that is no secret, and the body to the literal; or the same refusal."""
    stage.clear()
    model = MODELS[wire]
    asked = body_of(face, model, stream=stream)
    asked |= history(face, words, last) | sampling(face, temperature, top_p, extra)
    if options is not None:
        asked["router"] = options
    content = json.dumps(asked, indent=1 if spaced else None, ensure_ascii=spaced).encode()
    path = path_of(face, model, stream=stream)
    headers = {"content-type": "application/json", "anthropic-beta": "a-beta", "anthropic-version": "2023-06-01"}
    explained = http.post(f"/explain{path}", content=content, headers=headers)
    assert explained.status_code == 200, explained.text
    assert not stage.sent(wire)
    (candidate,) = explained.json()["candidates"]
    answer = http.post(path, content=content, headers=headers)
    if "error" in candidate:
        assert answer.status_code == candidate["error"]["status"]
        assert not stage.sent(wire)
        return
    (received,) = stage.fakes[wire].requests
    request: Any = loads(explained.content)
    told = request["candidates"][0]["request"]
    assert told["method"] == received.method == "POST"
    address = urlsplit(told["url"])
    assert address.path + (f"?{address.query}" if address.query else "") == received.path
    assert_exact(told["body"], loads(received.body))
    sent = {name: value for name, value in received.headers.items() if name not in _FRAMING}
    shown = {name.lower(): value for name, value in told["headers"].items() if name.lower() not in _FRAMING}
    assert set(shown) == set(sent)
    assert {name: value for name, value in shown.items() if value != _HIDDEN} == {
        name: value for name, value in sent.items() if shown[name] != _HIDDEN
    }
    assert "test-key" not in explained.text
    assert _CANARY not in explained.text
    if answer.status_code == 200 and "x-router" in answer.headers:
        adjustments = json.loads(answer.headers["x-router"]).get("adjustments", [])
        assert adjustments[: len(candidate["adjustments"])] == candidate["adjustments"]
        assert candidate["wire"] == answer.headers["x-router-wire"]


def test_every_candidate_is_explained(stage: Stage, http: httpx2.Client) -> None:
    body = body_of("chat", MODELS["chat"], router={"fallbacks": [*list(MODELS.values())[1:], "nobody/model"]})
    candidates = http.post("/explain/v1/chat/completions", json=body).json()["candidates"]
    assert [each["model"] for each in candidates] == [*MODELS.values(), "nobody/model"]
    assert [each.get("provider") for each in candidates] == [*WIRES, None]
    assert candidates[-1]["error"]["status"] == 404
    assert candidates[0]["relayed"] is True
    assert candidates[1]["relayed"] is False
    assert not any(map(stage.sent, WIRES))


@pytest.mark.parametrize("face", FACES)
def test_a_wrong_body_is_refused_as_on_the_face_itself(http: httpx2.Client, face: str) -> None:
    path = path_of(face, MODELS["chat"])
    explained, live = (http.post(each, json={"model": 1, "contents": 2}) for each in (f"/explain{path}", path))
    assert explained.status_code == live.status_code == 400
    assert explained.json() == live.json()


def test_gemini_is_explained_under_both_versions(http: httpx2.Client) -> None:
    body = body_of("gemini", "")
    path = path_of("gemini", MODELS["google"])
    old, new = (http.post(f"/explain{each}", json=body) for each in (path, path.replace("v1beta", "v1")))
    assert old.status_code == new.status_code == 200
    assert old.json() == new.json()
