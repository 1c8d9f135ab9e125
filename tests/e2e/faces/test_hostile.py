"""Malformed, hostile and random input, from callers and from providers: our error in the face's shape, nothing else."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.faces.answers import OWN
from tests.e2e.faces.canned import CannedProvider
from tests.e2e.faces.requests import body_of, error_of, path_of
from tests.e2e.faces.stage import MODELS, WIRES, provider_row
from tests.e2e.faces.test_explain import history
from tests.e2e.faces.voices import FACES
from tests.e2e.service import client, router_service
from tests.fakes.server import running

ON_EACH = pytest.mark.parametrize("face", FACES)
EACH = pytest.mark.parametrize("wire", WIRES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
_JSON = {"content-type": "application/json"}
_MEGABYTE = 1 << 20
_ANSWER_OF = {own.wire: own for own in OWN.values()}

hostile = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Service(msgspec.Struct, frozen=True):
    """A router whose every provider is one canned one that answers as each dialect does."""

    http: httpx2.Client
    provider: CannedProvider


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    provider = CannedProvider()
    with running(provider.app) as upstream:
        rows = "\n".join(provider_row(wire, upstream) for wire in WIRES)
        limits = "\n[limits]\nmax_body_bytes = 60_000_000\n"
        with router_service(tmp_path_factory.mktemp("router"), rows + limits) as url, client(url) as http:
            yield Service(http, provider)


def post(service: Service, face: str, wire: str, content: bytes, *, stream: bool = False) -> httpx2.Response:
    """A body, whatever it is, to a face."""
    return service.http.post(path_of(face, MODELS[wire], stream=stream), content=content, headers=_JSON)


def assert_answer_or_error(face: str, answer: httpx2.Response) -> None:
    """An answer, or an error in the face's shape that is no fault of the router's own."""
    assert "internal_error" not in answer.text, answer.text
    assert "internal error" not in answer.text, answer.text
    if answer.status_code != 200:
        assert error_of(face, answer.json())[1]


def replaced(value: Any, target: int, by: Any, counter: list[int]) -> Any:
    """The same JSON with the ``target``-th value in it replaced."""
    counter[0] += 1
    if counter[0] == target:
        return by
    if isinstance(value, dict):
        return {key: replaced(item, target, by, counter) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, target, by, counter) for item in value]
    return value


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["\ud83d", "\x00", "data:;base64,x", "http://[", "a" * 500]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


# ---- from callers


@ON_EACH
@EACH
@hostile
@given(target=st.integers(2, 45), by=anything, stream=st.booleans())
def test_a_body_with_anything_anywhere(
    service: Service, face: str, wire: str, target: int, by: Any, stream: bool
) -> None:
    """ERROR-01."""
    own = _ANSWER_OF[wire]
    if stream:
        service.provider.events(own.whole_stream)
    else:
        service.provider.whole(own.plain)
    body = body_of(face, MODELS[wire], stream=stream) | history(face, ["x"], "y")
    content = json.dumps(replaced(body, target, by, [0])).encode()
    answer = post(service, face, wire, content, stream=stream)
    assert_answer_or_error(face, answer)
    assert answer.status_code < 500, answer.text


@ON_EACH
@hostile
@given(content=st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_a_body_of_random_bytes(service: Service, face: str, content: bytes) -> None:
    answer = post(service, face, "chat", content)
    assert 400 <= answer.status_code < 500, answer.text
    assert_answer_or_error(face, answer)


@ON_EACH
@pytest.mark.parametrize("depth", [150, 900, 200_000])
@pytest.mark.parametrize("kind", ["arrays", "objects"])
def test_a_depth_bomb(service: Service, face: str, depth: int, kind: str) -> None:
    opening, closing = (b"[", b"]") if kind == "arrays" else (b'{"a":', b"}")
    body = json.dumps({**body_of(face, MODELS["chat"]), "metadata": 0}).encode()
    bomb = body.replace(b'"metadata": 0', b'"metadata": ' + opening * depth + b"0" + closing * depth)
    answer = post(service, face, "chat", bomb)
    assert answer.status_code in {400, 413}, answer.text
    assert_answer_or_error(face, answer)


@ON_EACH
@EACH
def test_a_string_of_fifty_megabytes(service: Service, face: str, wire: str) -> None:
    """Within the limit it is carried; nothing is quadratic in it."""
    service.provider.whole(_ANSWER_OF[wire].plain)
    body = body_of(face, MODELS[wire]) | history(face, ["@"], "y")
    content = json.dumps(body).encode().replace(b'"@"', b'"' + b"a" * (50 * _MEGABYTE) + b'"')
    answer = post(service, face, wire, content)
    assert answer.status_code == 200, answer.text
    assert len(service.provider.bodies[-1]) > 50 * _MEGABYTE
    service.provider.bodies.clear()


@ON_EACH
def test_more_than_the_limit_is_refused(service: Service, face: str) -> None:
    content = b'{"model":"' + b"a" * 60_000_001 + b'"}'
    answer = post(service, face, "chat", content)
    assert answer.status_code == 413
    assert_answer_or_error(face, answer)


@ON_EACH
@pytest.mark.parametrize(
    "model",
    ["", "/", "chat/", "/gpt", "chat/../x", "chat/a?b=c", "chat/a#b", "chat/a b", "chat/\u0000", "x" * 5000, "\u202e"],
)
def test_a_strange_model_is_refused_or_a_name(service: Service, face: str, model: str) -> None:
    """It never reaches another address than the provider's own."""
    service.provider.whole(_ANSWER_OF["chat"].plain)
    service.provider.paths.clear()
    answer = service.http.post(path_of(face, quote(model)), json=body_of(face, model))
    assert answer.status_code < 500, answer.text
    assert "internal" not in answer.text
    assert set(service.provider.paths) <= {"/v1/chat/completions"}


# ---- from providers


@ON_EACH
@EACH
@BOTH
@hostile
@given(content=st.binary(max_size=60))
def test_random_bytes_from_a_provider(service: Service, face: str, wire: str, stream: bool, content: bytes) -> None:
    """ERROR-01: never an answer, never a fault of ours."""
    if stream:
        service.provider.events(content)
    else:
        service.provider.whole(content)
    answer = post(service, face, wire, json.dumps(body_of(face, MODELS[wire], stream=stream)).encode(), stream=stream)
    assert answer.status_code == 502, answer.text
    assert_answer_or_error(face, answer)


@ON_EACH
@EACH
@hostile
@given(place=st.integers(0, 5000), junk=st.binary(max_size=6), removed=st.integers(0, 40), size=st.integers(1, 400))
def test_a_damaged_stream(
    service: Service, face: str, wire: str, place: int, junk: bytes, removed: int, size: int
) -> None:
    """STREAM-14, STREAM-15: whatever is left of it, it is an answer or an error, in the face's shape."""
    whole = _ANSWER_OF[wire].whole_stream
    at = place % len(whole)
    damaged = whole[:at] + junk + whole[at + removed :]
    service.provider.events(*(damaged[start : start + size] for start in range(0, len(damaged), size)))
    answer = post(service, face, wire, json.dumps(body_of(face, MODELS[wire], stream=True)).encode(), stream=True)
    assert_answer_or_error(face, answer)
    if answer.status_code != 200:
        return
    good = {
        "chat": "data: [DONE]",
        "messages": "message_stop",
        "responses": "response.completed",
        "gemini": "finishReason",
    }
    other_end = "response.incomplete" in answer.text or "response.failed" in answer.text
    assert good[face] in answer.text or '"error"' in answer.text or other_end, answer.text


@ON_EACH
@EACH
@hostile
@given(target=st.integers(2, 30), by=anything)
def test_an_answer_with_anything_anywhere(service: Service, face: str, wire: str, target: int, by: Any) -> None:
    """ERROR-01."""
    answer_body = replaced(json.loads(_ANSWER_OF[wire].plain), target, by, [0])
    service.provider.whole(json.dumps(answer_body).encode())
    answer = post(service, face, wire, json.dumps(body_of(face, MODELS[wire])).encode())
    assert_answer_or_error(face, answer)
    assert answer.status_code in {200, 502} or answer.status_code >= 400


@ON_EACH
@EACH
@BOTH
def test_a_depth_bomb_from_a_provider(service: Service, face: str, wire: str, stream: bool) -> None:
    own = _ANSWER_OF[wire]
    bomb = b"[" * 100_000 + b"]" * 100_000
    if stream:
        service.provider.events(*own.stream[:2], b"data: " + bomb + b"\n\n", *own.stream[2:])
    else:
        service.provider.whole(own.plain.replace(b'"new"', b'"bomb":' + bomb + b',"new"'))
    answer = post(service, face, wire, json.dumps(body_of(face, MODELS[wire], stream=stream)).encode(), stream=stream)
    assert_answer_or_error(face, answer)
    assert answer.status_code == 502 or '"error"' in answer.text


@ON_EACH
@pytest.mark.parametrize("line", [b"data: ", b": "], ids=["data", "comment"])
def test_an_endless_line_from_a_provider(service: Service, face: str, line: bytes) -> None:
    """Given up before it fills the memory, and before its connection ends."""
    own = OWN[face]
    service.provider.events(own.stream[0], line, *[b"a" * _MEGABYTE] * 40)
    content = json.dumps(body_of(face, MODELS[own.wire], stream=True)).encode()
    answer = post(service, face, own.wire, content, stream=True)
    assert_answer_or_error(face, answer)
    assert "an event of the stream is larger than" in answer.text
