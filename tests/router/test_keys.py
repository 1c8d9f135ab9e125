"""Router keys: made, stored as hashes, compared without telling anything."""

import hashlib
import hmac
from pathlib import Path
from unittest import mock

import pytest

from router.config import load_config
from router.keys import KEY_PREFIX, KeyRing, hash_of, is_name, new_key, plain_key, presented_keys, stored_key
from tests.e2e.service import client, router_service

MODELS = "/v1/models"


def test_a_new_key_is_long_random_and_known_by_its_hash_alone() -> None:
    pairs = [new_key() for _ in range(50)]
    assert len({key for key, _ in pairs}) == 50
    for key, stored in pairs:
        assert key.startswith(KEY_PREFIX)
        assert len(key) >= len(KEY_PREFIX) + 43
        assert stored == f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
        assert key not in stored
        assert KeyRing([stored_key(stored, "a")]).verify(key) == "a"


def test_every_stored_key_is_compared_in_constant_time_whichever_matches() -> None:
    keys = [plain_key(f"key-{number}", f"name-{number}") for number in range(5)]
    ring = KeyRing(keys)
    for presented in ("key-0", "key-4", "none", ""):
        with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
            ring.verify(presented)
        assert compare.call_count == len(keys)
        lengths = {len(argument) for call in compare.call_args_list for argument in call.args}
        assert lengths == {hashlib.sha256().digest_size}


def test_a_ring_without_keys_says_so() -> None:
    assert not KeyRing([])
    assert KeyRing([plain_key("k", "n")])


@pytest.mark.parametrize("entry", ["", "sha256:", "sha256:12", "md5:" + "0" * 64, "a b:sha256:" + "0" * 64, "0" * 64])
def test_what_is_no_hash_is_refused_without_being_quoted(entry: str) -> None:
    with pytest.raises(ValueError, match="expected sha256:") as caught:
        stored_key(entry, "n")
    assert len(entry) < 10 or entry not in str(caught.value)


def test_a_stored_key_may_say_its_name() -> None:
    stored = hash_of("k")
    assert stored_key(f"team-a:{stored}", "other").name == "team-a"
    assert stored_key(stored, "other").name == "other"
    assert "digest" not in repr(stored_key(stored, "other"))


@pytest.mark.parametrize(("name", "good"), [("a", True), ("a.b-c_1", True), ("", False), ("-a", False), ("a b", False)])
def test_names(name: str, good: bool) -> None:
    assert is_name(name) is good


def test_keys_are_found_where_each_sdk_puts_them() -> None:
    assert presented_keys({"authorization": "Bearer a"}) == ["a"]
    assert presented_keys({"authorization": "bearer  a "}) == ["a"]
    assert presented_keys({"x-api-key": "b", "x-goog-api-key": "c"}) == ["b", "c"]
    assert presented_keys({"authorization": "Basic a"}) == []
    assert presented_keys({}) == []


def test_keys_of_the_environment_are_hashes_or_keys_as_they_are() -> None:
    key, stored = new_key()
    config = load_config(None, {"AI_ROUTER_KEYS": f"team-a:{stored}, {key}2\nshort"})
    assert [each.name for each in config.keys] == ["team-a", "environment-2", "environment-3"]
    ring = KeyRing(config.keys)
    assert (ring.verify(key), ring.verify(f"{key}2"), ring.verify("short")) == (
        "team-a", "environment-2", "environment-3",
    )  # fmt: skip
    assert len(config.warnings) == 1
    assert "entry 3" in config.warnings[0]
    assert "short is" not in config.warnings[0]


def test_with_keys_every_path_that_costs_anything_wants_one(tmp_path: Path) -> None:
    key, stored = new_key()
    body = {"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}
    with router_service(tmp_path, f"[[keys]]\nname = 'k'\nhash = '{stored}'") as url, client(url) as http:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"x-api-key": "wrong"},
            {"authorization": f"Basic {key}"},
        ):
            assert http.get(MODELS, headers=headers).status_code == 401
            refused = http.post("/v1/chat/completions", json=body, headers=headers)
            assert refused.status_code == 401
            assert refused.json()["error"]["type"] == "authentication_error"
            assert refused.headers["www-authenticate"].startswith("Bearer")
            enveloped = http.post("/v1/ai/run", json={}, headers=headers)
            assert (enveloped.status_code, enveloped.json()["ok"]) == (401, False)
        for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}, {"x-goog-api-key": key}):
            assert http.get(MODELS, headers=headers).status_code == 200
            assert http.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
        for path in ("/healthz", "/docs", "/openapi.json"):
            assert http.get(path).status_code == 200


def test_a_wrong_key_is_refused_before_the_body_is_read(tmp_path: Path) -> None:
    _, stored = new_key()
    with router_service(tmp_path, f"[[keys]]\nname = 'k'\nhash = '{stored}'") as url, client(url) as http:
        assert http.post("/v1/chat/completions", content=b"{").status_code == 401
